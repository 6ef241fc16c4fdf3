//! The language of scenarios.
//!
//! In: Markdown with the sections Covers, Cluster, Events and one Verdict for each group of releases, each a list. Out:
//! the bundle that the model's run of it leaves under a release, and the verdict that is expected there.
//! `tests/scenarios/README.md` tells the words.

use std::time::Duration;

use adtrace::model::world::board::Pair;
use adtrace::model::world::driver::Answer;
use adtrace::model::{NodeId, VolumeId};
use adtrace::time::Span;

use super::acts::NodeEdit;
use super::stage::Stage;

/// A scenario as written.
#[derive(Debug, Default)]
pub struct Scenario {
    /// Its first line.
    pub title: String,
    /// Entries of the catalogue that it is about.
    pub covers: Vec<String>,
    /// What is expected, by releases.
    pub verdicts: Vec<Verdict>,
    /// Its nodes.
    pub nodes: Vec<String>,
    /// Its volumes, and whether they are exclusive.
    pub volumes: Vec<(String, bool)>,
    /// What happens, and when since the start.
    pub events: Vec<(Span, String)>,
}

/// What is expected under some releases.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The releases.
    pub releases: Vec<String>,
    /// One line a statement, sorted.
    pub lines: Vec<String>,
}

impl Scenario {
    /// Reads a scenario; says which line it does not understand.
    pub fn read(text: &str) -> Result<Scenario, String> {
        let mut scenario = Scenario::default();
        let mut section = String::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("## ") {
                name.clone_into(&mut section);
                if let Some(releases) = name.strip_prefix("Verdict in ") {
                    let releases = releases.split(", ").map(str::to_owned).collect();
                    let lines = Vec::new();
                    scenario.verdicts.push(Verdict { releases, lines });
                }
            } else if let Some(title) = line.strip_prefix("# ") {
                title.clone_into(&mut scenario.title);
            } else if let Some(item) = line.strip_prefix("- ") {
                scenario
                    .item(&section, item)
                    .ok_or_else(|| format!("not understood: {line}"))?;
            }
        }
        for verdict in &mut scenario.verdicts {
            verdict.lines.sort();
        }
        if scenario.verdicts.iter().any(|verdict| verdict.lines.is_empty()) || scenario.verdicts.is_empty() {
            return Err("no verdict".to_owned());
        }
        Ok(scenario)
    }

    fn item(&mut self, section: &str, item: &str) -> Option<()> {
        match section {
            "Covers" => self.covers.push(item.to_owned()),
            "Cluster" => {
                let words: Vec<&str> = item.split_whitespace().collect();
                match words.as_slice() {
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
            _ => self.verdicts.last_mut()?.lines.push(item.to_owned()),
        }
        Some(())
    }

    /// Plays the events under a release, and gives the stage as it stands at the end.
    pub fn play(&self, release: &str) -> Result<Stage, String> {
        let mut stage = Stage::open(release, &self.nodes, &self.volumes);
        for (at, act) in &self.events {
            stage.run_to(*at);
            self.act(&mut stage, act)
                .ok_or_else(|| format!("not understood, or not possible then: {act}"))?;
        }
        Ok(stage)
    }

    /// One act at the present moment; `None` where it is not understood or not possible.
    pub fn act(&self, stage: &mut Stage, act: &str) -> Option<()> {
        if let Some(line) = act.strip_prefix("line ") {
            let (path, text) = line.split_once(' ')?;
            stage.paper.reach(stage.world.now);
            let text = self.named(stage, text.trim_matches('`'));
            stage.paper.literal(path, &text);
            return Some(());
        }
        let (act, said) = match act.split_once(": ") {
            Some((act, text)) => (act, Some(text.trim_matches('`'))),
            None => (act, None),
        };
        let words: Vec<&str> = act.split_whitespace().collect();
        self.pods(stage, &words)
            .or_else(|| self.nodes(stage, &words))
            .or_else(|| self.storage(stage, &words, said))
            .or_else(|| self.processes(stage, &words))
    }

    fn pods(&self, stage: &mut Stage, words: &[&str]) -> Option<()> {
        match words {
            ["pod", name, "on", node, "with", volumes @ ..] if !stage.is_taken(name) => {
                let volumes: Option<Vec<VolumeId>> = volumes.iter().map(|name| self.volume(name)).collect();
                stage.pod(name, self.node(node)?, &volumes?);
            }
            ["delete", "pod", name] => stage.delete_pod(stage.living(name)?, Span::secs(1)),
            ["evict", "pod", name] => stage.evict_pod(stage.living(name)?),
            ["force-delete", "pod", name] => stage.force_delete_pod(stage.present(name)?),
            _ => return None,
        }
        Some(())
    }

    fn nodes(&self, stage: &mut Stage, words: &[&str]) -> Option<()> {
        match words {
            ["power", "of", node, "fails"] => stage.node_power(self.node(node)?, false),
            ["power", "of", node, "returns"] => stage.node_power(self.node(node)?, true),
            ["network", "of", node, "fails"] => stage.node_network(self.node(node)?, false),
            ["network", "of", node, "returns"] => stage.node_network(self.node(node)?, true),
            [node, "counts", "as", "not", "ready"] => stage.edit_node(self.node(node)?, NodeEdit::NotReady),
            ["taint", node, "out-of-service"] => stage.edit_node(self.node(node)?, NodeEdit::OutOfService(true)),
            ["untaint", node] => stage.edit_node(self.node(node)?, NodeEdit::OutOfService(false)),
            ["label", node] => stage.edit_node(self.node(node)?, NodeEdit::Label),
            ["remove", "annotation", "of", node] => stage.edit_node(self.node(node)?, NodeEdit::Unmanaged),
            ["user", "empties", "volumesInUse", "of", node] => {
                stage.edit_node(self.node(node)?, NodeEdit::InUseEmptied);
            }
            ["user", "takes", volume, "off", "the", "report", "of", node] => {
                stage.report_edited(self.pair(volume, node)?);
            }
            ["delete", "node", node] => stage.delete_node(self.node(node)?),
            ["kubelet", "registers", node] => stage.register_node(self.node(node)?),
            ["kubelet", "of", node, "restarts"] => stage.kubelet_restarts(self.node(node)?),
            [
                "kubelet",
                "of",
                node,
                "lets",
                "go",
                "of",
                volume,
                "during",
                "its",
                "mount",
            ] => {
                stage.kubelet_mounts_late(self.pair(volume, node)?);
            }
            ["kubelet", "of", node, "restarts", "and", "loses", volume] => {
                stage.kubelet_forgets(self.pair(volume, node)?);
            }
            ["kubelet", "of", node, "restarts", "and", "unmounts", volume] => {
                stage.kubelet_unmounts(self.pair(volume, node)?);
            }
            _ => return None,
        }
        Some(())
    }

    fn storage(&self, stage: &mut Stage, words: &[&str], said: Option<&str>) -> Option<()> {
        match words {
            ["driver", answer, operation @ ("attach" | "detach"), volume, "on", node] => {
                let pair = self.pair(volume, node)?;
                let answer = match *answer {
                    "refuses" => Answer::Refused,
                    "hangs" => Answer::Hangs,
                    "does" => Answer::Done,
                    _ => return None,
                };
                stage.storage_answers(*operation == "attach", pair, answer, said.map(|text| (text, true)));
            }
            [
                "attacher",
                "can't",
                operation @ ("attach" | "detach"),
                volume,
                "on",
                node,
            ] => {
                let pair = self.pair(volume, node)?;
                stage.storage_answers(*operation == "attach", pair, Answer::Refused, Some((said?, false)));
            }
            ["attacher", "sets", "no", "finalizer", "for", volume, "on", node] => {
                stage.bare.insert(self.pair(volume, node)?);
            }
            ["driver", "only", "claims", "to", "detach", volume, "on", node] => {
                stage.lies.insert(self.pair(volume, node)?);
            }
            ["driver", "needs", "no", "attach"] => stage.driver_attaches(false),
            ["driver", "needs", "attach"] => stage.driver_attaches(true),
            ["storage", "lets", "two", "nodes", "have", "one", "volume"] => stage.world.driver.lets_two = true,
            ["storage", "holds", volume, "on", node] => {
                stage.world.driver.attached.insert(self.pair(volume, node)?);
            }
            ["storage", "detaches", volume, "from", node] => {
                stage.world.driver.attached.remove(&self.pair(volume, node)?);
            }
            [
                what @ ("mount" | "unmount"),
                "of",
                volume,
                "on",
                node,
                how @ ("fails" | "works"),
            ] => {
                stage.node_answers(*what == "mount", self.pair(volume, node)?, *how == "fails", said);
            }
            ["delete", "claim", "of", volume] => stage.delete_claim(self.volume(volume)?),
            ["persistent", "volume", "of", volume, "is", "replaced"] => stage.replace_volume(self.volume(volume)?),
            ["delete", "persistent", "volume", volume] => stage.delete_volume(self.volume(volume)?),
            ["user", "deletes", "attachment", volume, "on", node] => {
                stage.attachment_deleted(self.pair(volume, node)?);
            }
            ["user", "strips", "attachment", volume, "on", node] => {
                stage.attachment_stripped(self.pair(volume, node)?);
            }
            _ => return None,
        }
        Some(())
    }

    fn processes(&self, stage: &mut Stage, words: &[&str]) -> Option<()> {
        match words {
            ["controller", "dies"] => stage.world.controller_stops(),
            ["controller", "starts"] => stage.controller_starts(),
            ["controller", "starts", "and", "still", "sees", "pod", pod] => stage.controller_starts_with(pod)?,
            ["etcd", "is", "saved"] => stage.etcd_saved(),
            ["etcd", "is", "restored"] => stage.etcd_restored()?,
            ["controller", "only", "claims", "to", "detach", volume, "on", node] => {
                stage.detach_claimed(self.pair(volume, node)?);
            }
            ["attacher", "dies"] => stage.world.attacher.up = false,
            ["attacher", "starts"] => stage.attacher_starts(),
            ["controller's", "cache", "of", node, "stands", "still"] => stage.informer(self.node(node)?, false),
            ["controller's", "cache", "of", node, "moves", "on"] => stage.informer(self.node(node)?, true),
            ["server", "refuses", count, "patch" | "patches", "of", node] => {
                let patches = &mut stage.world.board.trouble.patches;
                patches.insert(self.node(node)?, count.parse().ok()?);
            }
            [
                "server",
                "refuses",
                count,
                what @ ("deletion" | "deletions" | "read" | "reads"),
                "of",
                "attachment",
                volume,
                "on",
                node,
            ] => {
                let trouble = &mut stage.world.board.trouble;
                let refused = if what.starts_with("read") {
                    &mut trouble.reads
                } else {
                    &mut trouble.deletions
                };
                refused.insert(self.pair(volume, node)?, count.parse().ok()?);
            }
            ["end"] => {}
            _ => return None,
        }
        Some(())
    }

    /// A literal line with the names of the attachments that it asks for.
    fn named(&self, stage: &Stage, text: &str) -> String {
        let mut text = text.to_owned();
        for (volume, _) in &self.volumes {
            for node in &self.nodes {
                if let Some(pair) = self.pair(volume, node) {
                    let slot = format!("{{attachment {volume} {node}}}");
                    text = text.replace(&slot, &stage.names.attachment(pair));
                }
            }
        }
        text
    }

    /// A volume on a node, by their names.
    pub fn pair(&self, volume: &str, node: &str) -> Option<Pair> {
        Some((self.volume(volume)?, self.node(node)?))
    }

    /// A node by its name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        let at = self.nodes.iter().position(|node| node == name)?;
        Some(NodeId(u32::try_from(at).ok()?))
    }

    fn volume(&self, name: &str) -> Option<VolumeId> {
        let at = self.volumes.iter().position(|(volume, _)| volume == name)?;
        Some(VolumeId(u32::try_from(at).ok()?))
    }
}
