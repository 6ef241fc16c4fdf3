//! The language of scenarios.
//!
//! In: Markdown with the sections Cluster, Events and Verdict, each a list. Out: the bundle that the model's run of it
//! leaves, and the verdict that is expected. `tests/scenarios/README.md` tells the words.

use std::time::Duration;

use adtrace::model::world::driver::Answer;
use adtrace::model::{NodeId, VolumeId};
use adtrace::time::Span;

use super::stage::Stage;

/// A scenario as written.
#[derive(Debug, Default)]
pub struct Scenario {
    release: String,
    nodes: Vec<String>,
    volumes: Vec<(String, bool)>,
    events: Vec<(Span, String)>,
    /// What is expected: one line a statement, sorted.
    pub verdict: Vec<String>,
}

impl Scenario {
    /// Reads a scenario; says which line it does not understand.
    pub fn read(text: &str) -> Result<Scenario, String> {
        let mut scenario = Scenario::default();
        let mut section = "";
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("## ") {
                section = name;
            } else if let Some(item) = line.strip_prefix("- ") {
                scenario
                    .item(section, item)
                    .ok_or_else(|| format!("not understood: {line}"))?;
            }
        }
        scenario.verdict.sort();
        Ok(scenario)
    }

    fn item(&mut self, section: &str, item: &str) -> Option<()> {
        match section {
            "Cluster" => {
                let words: Vec<&str> = item.split_whitespace().collect();
                match words.as_slice() {
                    ["kubernetes", release] => (*release).clone_into(&mut self.release),
                    ["node", name] => self.nodes.push((*name).to_owned()),
                    ["volume", name, kind @ ("exclusive" | "shared")] => {
                        self.volumes.push(((*name).to_owned(), *kind == "exclusive"));
                    }
                    _ => return None,
                }
            }
            "Events" => {
                let (at, act) = item.split_once(": ")?;
                let seconds: f64 = at.strip_suffix('s')?.parse().ok()?;
                let millis = Duration::try_from_secs_f64(seconds).ok()?.as_millis();
                self.events
                    .push((Span::millis(i64::try_from(millis).ok()?), act.to_owned()));
            }
            "Verdict" => self.verdict.push(item.to_owned()),
            _ => {}
        }
        Some(())
    }

    /// Plays the events, and gives the stage as it stands at the end.
    pub fn play(&self) -> Result<Stage, String> {
        let mut stage = Stage::open(&self.release, &self.nodes, &self.volumes);
        for (at, act) in &self.events {
            stage.run_to(*at);
            self.act(&mut stage, act)
                .ok_or_else(|| format!("not understood, or not possible then: {act}"))?;
        }
        Ok(stage)
    }

    fn act(&self, stage: &mut Stage, act: &str) -> Option<()> {
        if let Some(line) = act.strip_prefix("line ") {
            let (path, text) = line.split_once(' ')?;
            stage.paper.literal(path, text.trim_matches('`'));
            return Some(());
        }
        let words: Vec<&str> = act.split_whitespace().collect();
        match words.as_slice() {
            ["pod", name, "on", node, "with", volumes @ ..] if !stage.is_taken(name) => {
                let volumes: Option<Vec<VolumeId>> = volumes.iter().map(|name| self.volume(name)).collect();
                stage.pod(name, self.node(node)?, &volumes?);
            }
            ["delete", "pod", name] => {
                let id = stage.living(name)?;
                stage.delete_pod(id, Span::secs(1));
            }
            ["driver", answer, operation @ ("attach" | "detach"), volume, "on", node] => {
                let answer = match *answer {
                    "refuses" => Answer::Refused,
                    "hangs" => Answer::Hangs,
                    "does" => Answer::Done,
                    _ => return None,
                };
                stage.driver_answers(*operation == "attach", self.volume(volume)?, self.node(node)?, answer);
            }
            ["controller", "dies"] => stage.world.controller_stops(),
            ["controller", "starts"] => stage.controller_starts(),
            ["attacher", "dies"] => stage.world.attacher.up = false,
            ["attacher", "starts"] => stage.attacher_starts(),
            ["user", "deletes", "attachment", volume, "on", node] => {
                stage.attachment_deleted((self.volume(volume)?, self.node(node)?));
            }
            ["user", "strips", "attachment", volume, "on", node] => {
                stage.attachment_stripped((self.volume(volume)?, self.node(node)?));
            }
            ["user", "takes", volume, "off", "the", "report", "of", node] => {
                stage.report_edited((self.volume(volume)?, self.node(node)?));
            }
            ["end"] => {}
            _ => return None,
        }
        Some(())
    }

    fn node(&self, name: &str) -> Option<NodeId> {
        let at = self.nodes.iter().position(|node| node == name)?;
        Some(NodeId(u32::try_from(at).ok()?))
    }

    fn volume(&self, name: &str) -> Option<VolumeId> {
        let at = self.volumes.iter().position(|(volume, _)| volume == name)?;
        Some(VolumeId(u32::try_from(at).ok()?))
    }
}
