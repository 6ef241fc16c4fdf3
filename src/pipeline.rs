//! The whole way: from paths to a report.
//!
//! In: paths and options. Out: a [`Report`]. The rooms are called in the order of the data; nothing is decided here but
//! the verdict that the findings amount to.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::clock;
use crate::diagnose::tell::Teller;
use crate::diagnose::{self, Finding, Findings, coverage};
use crate::fact::{self, FactError, ReadOptions, Reading, Source};
use crate::graph::cast::Cast;
use crate::model::profile::{Profile, Version};
use crate::model::world::World;
use crate::replay::{Lives, Replay, Run, Script, Step};
use crate::report::{self, Clock, Confidence, Divergence, Input, Report, Severity, Status, Summary, Verdict, Window};
use crate::time::{Span, Time};
use crate::trace::Cut;
use crate::whatif;

pub mod clusters;
pub mod release;
mod together;

pub use clusters::{Cluster, Parted};
pub use release::Release;
use together::Told;

/// What a caller may set.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How the paths are read.
    pub read: ReadOptions,
    /// Release of Kubernetes, against what the evidence says.
    pub kubernetes: Option<Version>,
    /// The part of the recording that is looked at.
    pub cut: Cut,
}

/// Everything up to the replay: what later questions are asked of.
#[derive(Debug)]
pub struct Case {
    /// Facts and sources, on one time axis.
    pub reading: Reading,
    /// Their causal order.
    pub order: Vec<u32>,
    /// Who is who.
    pub cast: Cast,
    /// Who lived when.
    pub lives: Lives,
    /// Whose behaviours are replayed, and why.
    pub release: Release,
}

impl Case {
    /// Reads the paths and prepares the replay.
    pub fn open(paths: &[PathBuf], options: &Options) -> Result<Case, FactError> {
        Ok(Case::of(fact::read(paths, &options.read)?, options))
    }

    /// Prepares the replay of a reading.
    #[must_use]
    pub fn of(mut reading: Reading, options: &Options) -> Case {
        let mut cast = Cast::of(&reading.facts);
        clock::settle(&mut reading, &cast);
        if !options.cut.is_whole() {
            options.cut.apply(&mut reading);
            cast = Cast::of(&reading.facts);
        }
        let order = clock::order(&reading);
        let lives = Lives::of(&reading, &cast);
        let release = release::of(&reading, options.kubernetes);
        Case {
            reading,
            order,
            cast,
            lives,
            release,
        }
    }

    /// What the replay is made of.
    #[must_use]
    pub fn script(&self) -> Script<'_> {
        Script {
            facts: &self.reading.facts,
            order: &self.order,
            cast: &self.cast,
            lives: &self.lives,
            profile: Profile::of(self.release.version),
        }
    }

    /// Replays everything: the explained history and the world at its end.
    #[must_use]
    pub fn replay(&self) -> (Run, World) {
        Replay::new(self.script()).run()
    }

    /// Replays, diagnoses, reports.
    #[must_use]
    pub fn report(&self) -> Report {
        let (run, end) = self.replay();
        self.report_of(&run, &end)
    }

    /// Diagnoses and reports a replay of this case.
    #[must_use]
    pub fn report_of(&self, run: &Run, end: &World) -> Report {
        let findings = diagnose::diagnose(&self.script(), run, end);
        let mut report = self.told(run, &findings);
        let told = report.divergences.par_iter_mut().zip(&findings.divergences);
        told.for_each(|(divergence, finding)| self.advise(divergence, finding, end));
        report
    }

    /// Like [`Case::report`], without trying what would help: for whoever asks often, and only for the verdict.
    #[must_use]
    pub fn verdict(&self) -> Report {
        let (run, end) = self.replay();
        self.verdict_of(&run, &end)
    }

    /// Like [`Case::report_of`], without trying what would help.
    #[must_use]
    pub fn verdict_of(&self, run: &Run, end: &World) -> Report {
        self.told(run, &diagnose::diagnose(&self.script(), run, end))
    }

    /// The report on findings.
    fn told(&self, run: &Run, findings: &Findings) -> Report {
        let coverage = coverage::of(&self.reading, &self.cast, &self.lives);
        let release = self.release.version.to_string();
        let teller = self.teller(run, &release);
        let mut report = Report::new(self.profile());
        report.divergences = teller.divergences(findings);
        report.waits = teller.waits(findings);
        report.unexplained = teller.unexplained();
        report.missing = coverage.missing;
        report.missing.extend(teller.replaced(findings));
        report.missing.extend(teller.torn());
        report.missing.extend(teller.riddles(findings));
        let told = |step: &Step| step.volume.is_none() || self.lives.tells_of(step.at);
        let whole = run.holes.is_empty() && findings.replaced.is_none() && run.steps.iter().all(told);
        let carries_clean = coverage.carries_clean && whole && !findings.leaves_riddle();
        report.verdict = match (report.divergences.is_empty(), carries_clean) {
            (false, _) => Verdict::Diverged,
            (true, true) => Verdict::Clean,
            (true, false) => Verdict::Insufficient,
        };
        let (from, to) = self.lives.window;
        report.window = (to > Time(0)).then_some(Window { from, to });
        report.summary = self.summary(run);
        report.inputs = self.inputs();
        report
    }

    /// Where the replay carries it, the model says what helps; the catalogue adds what the model cannot try.
    fn advise(&self, divergence: &mut Divergence, finding: &Finding, end: &World) {
        let carries = divergence.confidence != Confidence::Possible;
        if divergence.status != Status::Open || divergence.severity == Severity::Unsafe || !carries {
            return;
        }
        let known = std::mem::replace(
            &mut divergence.remedies,
            whatif::advice::of(&self.script(), end, finding.cell),
        );
        for remedy in known {
            if divergence.remedies.iter().all(|tried| tried.action != remedy.action) {
                divergence.remedies.push(remedy);
            }
        }
    }

    /// What turns ids of this case into words.
    #[must_use]
    pub fn teller<'a>(&'a self, run: &'a Run, release: &'a str) -> Teller<'a> {
        Teller {
            reading: &self.reading,
            cast: &self.cast,
            run,
            release,
        }
    }

    fn profile(&self) -> report::Profile {
        let version = self.release.version;
        report::Profile {
            kubernetes: format!("{}.{}", version.major, version.minor),
            release: (!self.release.assumed).then(|| version.to_string()),
            because: self.release.because.clone(),
            assumed: self.release.assumed,
        }
    }

    fn summary(&self, run: &Run) -> Summary {
        let facts = run.considered as u64;
        let unexplained = run.unexplained.len() as u64;
        Summary {
            volumes: self.cast.volumes.len() as u64,
            nodes: self.cast.nodes.len() as u64,
            pods: self.cast.pods.iter().filter(|pod| !pod.volumes.is_empty()).count() as u64,
            facts,
            explained: facts - unexplained,
            inferred: run.steps.iter().filter(|step| !step.observed).count() as u64,
            unexplained,
        }
    }

    /// The sources, as the report lists them.
    #[must_use]
    pub fn inputs(&self) -> Vec<Input> {
        self.reading.sources.iter().map(input).collect()
    }
}

/// A source, as the report lists it.
fn input(source: &Source) -> Input {
    Input {
        path: source.path.clone(),
        kind: source.format.to_owned(),
        component: source.party.as_ref().map(ToString::to_string),
        cluster: None,
        bytes: source.bytes,
        lines: source.lines,
        used: source.used,
        irrelevant: source.irrelevant,
        not_understood: source.not_understood,
        clock: Clock {
            offset_ms: source.offset.map_or(0.0, |offset| millis(offset.by)),
            bound_ms: source.offset.and_then(|offset| offset.bound).map(millis),
            zone: source.zone.clone(),
        },
        notes: source.notes.iter().cloned().chain(source.assumed.clone()).collect(),
    }
}

/// Microseconds as milliseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "what clocks are off by lies far below 2^53 microseconds"
)]
fn millis(span: Span) -> f64 {
    span.0 as f64 / 1000.0
}

/// Analyses paths: the main job. Recordings of several clusters are told apart and analysed each on its own.
///
/// # Errors
/// A path that cannot be read.
pub fn analyze(paths: &[PathBuf], options: &Options) -> Result<Report, FactError> {
    let whole = ReadOptions {
        keep_ages: true,
        ..options.read.clone()
    };
    Ok(report_on(clusters::apart(fact::read(paths, &whole)?), options))
}

/// The report on each cluster, as one.
#[must_use]
pub fn report_on(parted: Parted, options: &Options) -> Report {
    let told = parted.clusters.into_iter().map(|cluster| Told {
        name: cluster.name,
        because: cluster.because,
        report: Case::of(cluster.reading, options).report(),
    });
    together::joined(told.collect(), &parted.unsure)
}
