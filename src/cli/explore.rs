//! `adtrace model explore`: which disagreements can a release reach, and by the shortest course?

use clap::Args;

use super::error::CliError;
use super::output::{Output, TextOrJson};
use crate::explore::setup::MOST;
use crate::explore::{self, Explored, Fault, Faults, Setup, Story};
use crate::model::profile::{Behaviour, Profile, Version};

/// Search small worlds for courses on which the states part, the shortest first
#[derive(Debug, Args)]
pub struct Explore {
    /// The release, 1.27.6
    #[arg(long, value_name = "VERSION", default_value = "1.36.0")]
    kubernetes_version: Version,
    /// Also with this behaviour
    #[arg(long, value_name = "BEHAVIOUR", value_parser = behaviour)]
    with: Vec<Behaviour>,
    /// Also without this behaviour
    #[arg(long, value_name = "BEHAVIOUR", value_parser = behaviour)]
    without: Vec<Behaviour>,
    /// Nodes in the world
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST)))]
    nodes: u8,
    /// Volumes, shared out among the pods
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST)))]
    volumes: u8,
    /// Pods
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST)))]
    pods: u8,
    /// The volumes may be on several nodes at once
    #[arg(long)]
    shared: bool,
    /// Faults on one course
    #[arg(long, value_name = "N", default_value_t = 1)]
    faults: u8,
    /// Only these kinds of faults; all where not given
    #[arg(long, value_name = "KIND", value_enum)]
    fault: Vec<Fault>,
    /// How often pods may come or go on one course; as often as they like where not given
    #[arg(long, value_name = "N")]
    moves: Option<u8>,
    /// Go to the end, whatever the length; orders of steps that make no difference are left out
    #[arg(long)]
    exhaust: bool,
    /// Longest course, in steps
    #[arg(long, value_name = "N", default_value_t = 14)]
    depth: u32,
    /// Give up after as many different worlds
    #[arg(long, value_name = "N", default_value_t = 4_000_000)]
    states: usize,
    /// How to show the answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

/// A behaviour by its name.
pub fn behaviour(name: &str) -> Result<Behaviour, String> {
    Behaviour::parse(name)
        .ok_or_else(|| "there is no behaviour of this name; `adtrace model profile 1.36` lists them".to_owned())
}

/// The answer for a program.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    kubernetes_version: String,
    states: usize,
    depth: u32,
    complete: bool,
    counterexamples: Vec<Story>,
}

impl Explore {
    fn setup(&self) -> Setup {
        let mut profile = Profile::of(self.kubernetes_version);
        profile = self.with.iter().fold(profile, |profile, &more| profile.with(more));
        profile = self
            .without
            .iter()
            .fold(profile, |profile, &less| profile.without(less));
        let kinds = if self.fault.is_empty() {
            &Fault::ALL[..]
        } else {
            &self.fault
        };
        Setup {
            profile,
            nodes: self.nodes,
            volumes: self.volumes,
            pods: self.pods,
            exclusive: !self.shared,
            faults: self.faults,
            kinds: Faults::of(kinds),
            moves: self.moves,
            reduced: self.exhaust,
            depth: if self.exhaust { u32::MAX } else { self.depth },
            states: self.states,
        }
    }

    /// Exit status 1 where there is a counterexample.
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let setup = self.setup();
        let progress = output.progress("searching");
        let explored = explore::explore(&setup);
        let stories: Vec<Story> = explored
            .findings
            .iter()
            .map(|finding| explore::story::tell(finding, &setup))
            .collect();
        drop(progress);
        let status = u8::from(!stories.is_empty());
        match self.format {
            TextOrJson::Text => self.print(&explored, &stories, output)?,
            TextOrJson::Json => output.json(&Answer {
                kubernetes_version: self.kubernetes_version.to_string(),
                states: explored.states,
                depth: explored.depth,
                complete: explored.complete,
                counterexamples: stories,
            })?,
        }
        Ok(status)
    }

    /// How far the search went. Only an exhausted one has the last word.
    fn extent(&self, explored: &Explored) -> String {
        let Explored { states, depth, .. } = explored;
        if explored.complete {
            let within = self
                .moves
                .map(|moves| format!(" within {moves} comings and goings of pods"));
            let within = within.unwrap_or_default();
            format!("exhausted{within}: {states} states, the farthest {depth} steps away")
        } else if *states >= self.states {
            format!("stopped at the limit of {} states, depth {depth}", self.states)
        } else {
            format!("stopped at the limit of depth {}, {states} states", self.depth)
        }
    }

    fn print(&self, explored: &Explored, stories: &[Story], output: &mut Output) -> Result<(), CliError> {
        let out = output.writer();
        let Explore {
            nodes,
            volumes,
            pods,
            faults,
            ..
        } = self;
        let version = self.kubernetes_version;
        writeln!(
            out,
            "Kubernetes {version}; nodes {nodes}, volumes {volumes}, pods {pods}, faults {faults}"
        )?;
        writeln!(out, "{}", self.extent(explored))?;
        if stories.is_empty() {
            writeln!(out, "\nNo rule breaks.")?;
        }
        for story in stories {
            explore::print(story, out)?;
        }
        Ok(())
    }
}
