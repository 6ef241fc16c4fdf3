//! `adtrace whatif`: what an act would do, tried on a fork of the replayed world.

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::output::{Output, TextOrJson};
use super::reading::{About, Input, moment_of};
use crate::graph::cast::{Node, Volume};
use crate::model::profile::Version;
use crate::model::world::World;
use crate::model::world::driver::Answer;
use crate::pipeline::{Case, Options};
use crate::replay::Run;
use crate::trace::Cut;
use crate::whatif::{self, Act, Plain};

/// Say what an act would do: heal, nothing, or harm, after how long, and why
#[derive(Debug, Args)]
pub struct WhatIf {
    #[command(flatten)]
    input: Input,
    /// The moment of the act: 2026-11-23T10:00:00Z, or 10:00:00.250 on the recording's first day; the end where not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    about: About,
    /// Volume and node of this divergence of the report
    #[arg(long, value_name = "ID", conflicts_with_all = ["volume", "node"])]
    divergence: Option<String>,
    /// Only these acts; all where not given
    #[arg(long, value_name = "NAME")]
    action: Vec<Act>,
    /// How the driver answers from then on; as last seen where not given
    #[arg(long, value_name = "ANSWER", value_enum)]
    driver: Option<Says>,
    /// Also try with this behaviour
    #[arg(long, value_name = "BEHAVIOUR")]
    with: Vec<String>,
    /// Also try without this behaviour
    #[arg(long, value_name = "BEHAVIOUR")]
    without: Vec<String>,
    /// Also try an upgrade to this release
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Vec<Version>,
    /// How to show the answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

/// Answers of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Says {
    /// Every call works
    Ok,
    /// Every call is refused
    Fails,
    /// No call is answered in time
    Hangs,
}

impl WhatIf {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let acts = self.acts()?;
        let case = self.case(output)?;
        let progress = output.progress("replaying");
        let (run, world) = case.replay();
        let pair = self.pair(&case, &run, &world)?;
        let says = self.driver.map(|says| match says {
            Says::Ok => Answer::Done,
            Says::Fails => Answer::Refused,
            Says::Hangs => Answer::Hangs,
        });
        let answer = whatif::ask(&case.script(), &world, pair, &acts, says);
        drop(progress);
        match self.format {
            TextOrJson::Text => whatif::text::write(&answer, output.writer())?,
            TextOrJson::Json => output.json(&answer)?,
        }
        Ok(0)
    }

    fn acts(&self) -> Result<Vec<Act>, CliError> {
        let mut acts = self.action.clone();
        let switched =
            |sign: &str, name: &String| format!("{sign}={name}").parse().map_err(|why| CliError::Act { why });
        for name in &self.with {
            acts.push(switched("with", name)?);
        }
        for name in &self.without {
            acts.push(switched("without", name)?);
        }
        acts.extend(self.kubernetes_version.iter().copied().map(Act::Upgrade));
        if acts.is_empty() {
            acts.extend(Plain::ALL.iter().copied().map(Act::Plain));
            for name in ["with=check-before-you-act", "with=one-lock-per-volume"] {
                acts.extend(name.parse::<Act>());
            }
        }
        Ok(acts)
    }

    /// The case up to the moment of the act.
    fn case(&self, output: &Output) -> Result<Case, CliError> {
        let reading = self.input.read_one(output)?;
        let until = self.at.as_ref().map(|given| moment_of(&reading, given)).transpose()?;
        let options = Options {
            read: self.input.options(),
            kubernetes: None,
            cut: Cut { since: None, until },
        };
        Ok(Case::of(reading, &options))
    }

    /// What the acts are about: as asked, else the first open divergence, else the first pair that disagrees.
    fn pair(&self, case: &Case, run: &Run, world: &World) -> Result<(Volume, Node), CliError> {
        let (volume, node) = self.about.meant(&case.cast)?;
        if let (Some(volume), Some(node)) = (volume, node) {
            return Ok((volume, node));
        }
        let fits = |pair: &(Volume, Node)| volume.is_none_or(|v| v == pair.0) && node.is_none_or(|n| n == pair.1);
        let report = case.verdict_of(run, world);
        let mut named = report
            .divergences
            .iter()
            .filter(|divergence| self.divergence.as_ref().is_none_or(|id| *id == divergence.id))
            .filter_map(|divergence| {
                Some((
                    case.cast.volume_named(&divergence.volume)?,
                    case.cast.node_named(&divergence.node)?,
                ))
            })
            .filter(fits);
        let found = named.next().or_else(|| {
            let mut pairs = world.pairs().into_iter().filter(fits);
            let any = pairs.next().filter(|_| self.divergence.is_none());
            any.filter(|pair| !world.cell(*pair).agrees())
                .or_else(|| pairs.find(|pair| !world.cell(*pair).agrees()))
                .or(any)
        });
        found.ok_or(CliError::NothingToTry)
    }
}
