//! Bytes to records: one line or one JSON/YAML object each, its wrappers taken off.
//!
//! In: a named byte stream from `bundle`. Out: [`Record`]s in the order of the file, each with its line number, what
//! its wrappers said (outer time, host, process), and its payload. Knows log and object formats, nothing of volumes.

use std::io::{self, Read};

use crate::bundle::{Direct, Limits};
use crate::time::Time;

mod anchor;
mod body;
mod cloud_audit;
mod cutter;
mod docs;
mod element;
mod frame;
mod heading;
mod join;
pub mod klog;
mod lanes;
mod logfmt;
mod mend;
mod page;
mod peel;
mod recast;
mod regions;
mod scan;
mod source;
mod stamp;
mod tally;
pub mod when;
mod wrap;

pub use anchor::Anchor;
pub use join::AUDIT;
pub use when::Zone;

/// What is known about a source before it is read.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The source's path as shown.
    pub path: &'a str,
    /// When the file was last written, where known.
    pub modified: Option<Time>,
    /// A moment near the bundle's times, from other sources; gives the year where the source tells none.
    pub near: Option<Time>,
    /// `--year`: the year of klog headers, against all else.
    pub year: Option<i16>,
    /// `--timezone`: the zone of klog headers, against all else.
    pub zone: Option<&'a Zone>,
    /// Limits on lines and documents.
    pub limits: &'a Limits,
    /// Reading the bytes keeps a processor busy: one less looks at the lines.
    pub inflates: bool,
    /// The same bytes on the disk, where they lie there as they are.
    pub direct: Option<&'a Direct<'a>>,
}

/// How a source was understood.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// What it was taken for: `klog`, `audit`, `objects`, `text`, `unknown`.
    pub format: &'static str,
    /// Why, one short clause.
    pub because: String,
    /// Bytes read.
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// The zone klog headers were read in.
    pub zone: String,
    /// Whether nothing told that zone.
    pub zone_assumed: bool,
    /// What had to be assumed of year and zone.
    pub assumed: Option<String>,
    /// A moment with a full date that the source tells, for sources that tell none.
    pub near: Option<Time>,
    /// How its headers were placed, where nothing told the year: for whoever learns of it later.
    pub undated: Option<Anchor>,
    /// The source runs from new to old.
    pub newest_first: bool,
    /// Over-long lines, bytes that are no UTF-8 and the like.
    pub notes: Vec<String>,
}

/// Who writes down what the records of a source say. The chunks of a source are read at the same time, each onto a page
/// of its own.
pub trait Scribe: Sync {
    /// What is written of some records that follow each other.
    type Page: Send;

    /// An empty page.
    fn page(&self) -> Self::Page;

    /// Whether a line of plain klog or audit JSON could say anything of interest. One that could not is passed over.
    fn matters(&self, line: &[u8]) -> bool;

    /// Notes that a line of that moment was passed over, and what is known around it; of lines of one chunk within ten
    /// seconds the first and the last, at least.
    fn passed(&self, page: &mut Self::Page, at: Time, outer: &Outer<'_>);

    /// Writes down what a record says.
    fn record(&self, page: &mut Self::Page, record: &Record<'_>);
}

/// Reads one source. Its pages are handed to `take` in order; on a page records stand in the order in which they were
/// complete: those of several lines may come after others that began later.
///
/// # Errors
/// Only what reading `bytes` fails with: no content is an error.
pub fn records<S: Scribe>(
    bytes: &mut dyn Read,
    context: &Context<'_>,
    scribe: &S,
    take: &mut (dyn FnMut(S::Page) + Send),
) -> io::Result<Summary> {
    source::read(bytes, context, scribe, take)
}

/// One log line or object of a source, without wrappers.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// 1-based line in the source at which the record begins.
    pub line: u32,
    /// How many lines of the source this record covers (continuation lines included).
    pub lines: u32,
    /// What the wrappers said, outermost first merged.
    pub outer: Outer<'a>,
    /// The payload.
    pub body: Body<'a>,
    /// The payload's text as it stands in the source: for objects, to find the line of a field.
    pub raw: &'a str,
}

/// What wrappers (CRI, docker, journald, syslog, shippers) say about a line.
#[derive(Clone, Debug, Default)]
pub struct Outer<'a> {
    /// The wrapper's time stamp, with full date.
    pub at: Option<Time>,
    /// Host that wrote the line (journald, syslog).
    pub host: Option<&'a str>,
    /// Process name (`kubelet`, `k3s`), container name (`kube-controller-manager`) or the shipper's stream name.
    pub program: Option<&'a str>,
    /// Pod the line's container ran in, `namespace/name` or the bare name.
    pub pod: Option<&'a str>,
}

/// What a record holds.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// A klog line, plain, structured or JSON.
    Klog(Klog<'a>),
    /// One audit event (`audit.k8s.io`), as raw JSON text.
    Audit(&'a str),
    /// One Kubernetes object, or a `List` of them, as a JSON value (YAML is turned into JSON).
    Object(Box<serde_json::Value>),
    /// Any other text: version files, event tables, driver logs.
    Text(&'a str),
}

/// Severity letter of a klog line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// `I`
    Info,
    /// `W`
    Warning,
    /// `E`
    Error,
    /// `F`
    Fatal,
}

/// A klog line taken apart.
#[derive(Clone, Debug)]
pub struct Klog<'a> {
    /// Severity letter.
    pub severity: Severity,
    /// The header's time, placed on the UTC axis with the year and zone that the source's context gave.
    pub at: Time,
    /// Source file's base name, `reconciler.go`; empty where the form has none.
    pub file: &'a str,
    /// Line in that source file; 0 where the form has none.
    pub file_line: u32,
    /// The message: for plain lines everything after `] `, for structured lines the quoted message, unescaped.
    pub message: std::borrow::Cow<'a, str>,
    /// The `key=value` tail of a structured line, values unquoted and unescaped, in the order written.
    pub pairs: Vec<(&'a str, std::borrow::Cow<'a, str>)>,
    /// The whole line as written, wrapper taken off.
    pub text: &'a str,
}
