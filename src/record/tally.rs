//! What was met in a source.
//!
//! In: counts of each chunk. Out: what the source is taken for, why, and how its headers were placed.

use super::Summary;
use super::anchor::{Anchor, Evidence};
use crate::time::Time;

/// What was met in a source, or in a chunk of one.
#[derive(Debug, Default)]
pub struct Tally {
    /// Lines with a klog header.
    pub klog: u64,
    /// Audit events.
    pub audit: u64,
    /// Objects.
    pub objects: u64,
    /// Lines in wrappers.
    pub wrapped: u64,
    /// Lines that were cut at the limit.
    pub long: u64,
    /// Some of it are whole documents.
    pub documents: bool,
    /// What tells a full date.
    pub evidence: Option<Evidence>,
    /// Where the headers were placed: of the first lines that held any.
    pub anchor: Option<Anchor>,
    /// No lines of klog have been met where the anchor is from.
    pub unanchored: bool,
}

impl Tally {
    /// Adds what was met in the next chunk.
    pub fn add(&mut self, next: Tally) {
        self.klog += next.klog;
        self.audit += next.audit;
        self.objects += next.objects;
        self.wrapped += next.wrapped;
        self.long += next.long;
        self.evidence = self.evidence.take().or(next.evidence);
    }

    /// A moment with a full date.
    pub fn near(&self) -> Option<Time> {
        let own = self.anchor.as_ref().and_then(Anchor::evidence);
        own.or(self.evidence.as_ref().map(|evidence| evidence.near))
    }

    /// Sums it up.
    pub fn tell(&self, summary: &mut Summary) {
        let (format, what) = match (self.klog, self.audit, self.objects) {
            (0, 0, 0) => ("text", "no line is klog or JSON of Kubernetes".to_owned()),
            (klog, audit, objects) if klog >= audit.max(objects) => ("klog", format!("{klog} klog headers")),
            (_, audit, objects) if audit >= objects => ("audit", format!("{audit} audit events")),
            (.., objects) => ("objects", format!("{objects} objects")),
        };
        summary.format = format;
        let how = match (self.documents, self.wrapped > 0) {
            (true, _) => ", in whole documents",
            (false, true) => ", in wrappers",
            (false, false) => "",
        };
        summary.because = format!("{what}{how}");
        summary.near = self.near();
        let Some(anchor) = &self.anchor else { return };
        if self.klog > 0 {
            summary.zone = anchor.zone().to_string();
            summary.zone_assumed = !anchor.tells_zone();
            summary.assumed = anchor.assumed();
            summary.undated = anchor.is_undated().then(|| anchor.clone());
        }
        summary.newest_first = anchor.newest_first;
        if anchor.newest_first {
            summary.notes.push("newest line first".to_owned());
        }
    }
}
