//! Year and zone of klog headers, from everything around them.
//!
//! In: the head of a source and what else is known of it ([`Context`]). Out: an [`Anchor`], which places a header's
//! month, day and time of day on the UTC axis, and says what it rests on. klog writes neither year nor zone; wrappers,
//! `No retries permitted until <full date>`, `Log file created at`, file names and other sources of a bundle do.

use super::stamp::{self, Stamp};
use super::when::{Civil, Zone};
use super::wrap::Layers;
use super::{Context, klog, peel};
use crate::time::{Span, Time};

/// Quarter of an hour: all zones in use are whole multiples of it away from UTC.
const QUARTER: i64 = 900_000_000;

/// How far a stamp and a header that mean the same moment may lie apart.
const NEAR: i64 = 5_000_000;

/// How far a wrapper's wall clock and a header's may lie apart to be the same clock.
const SAME: i64 = 2_000_000;

/// Bytes of a source's head that are searched for evidence.
pub const HEAD: usize = 256 << 10;

/// What the year rests on, best first.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ground {
    /// `--year`.
    Given,
    /// The source itself tells a full date.
    Own,
    /// Another source of the bundle.
    Bundle,
    /// The file's time of last write.
    Written,
    /// Nothing: a year had to be taken.
    Nothing,
}

/// Places headers of one source on the UTC axis.
#[derive(Clone, Debug)]
pub struct Anchor {
    near: Time,
    zone: Zone,
    ground: Ground,
    zone_told: bool,
    /// The source runs from new to old.
    pub newest_first: bool,
}

/// A full date found in a source, and the zone of its headers where it told that too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// A moment near the source's lines.
    pub near: Time,
    /// Zone of its headers.
    pub zone: Option<Zone>,
}

/// Half a year, but for two days by which a clock or a zone may be off.
const HALF_A_YEAR: Span = Span::secs(180 * 86_400);

impl Anchor {
    /// Searches the head of a source.
    #[must_use]
    pub fn of(head: &[u8], context: &Context<'_>) -> Anchor {
        let text = String::from_utf8_lossy(head.get(..head.len().min(HEAD)).unwrap_or(head));
        let look = Look::through(&text);
        let own = look
            .dated
            .or_else(|| from_preamble(&text))
            .or_else(|| from_name(context.path));
        let (near, ground) = match (own, context.near, context.modified) {
            (Some(at), ..) => (at, Ground::Own),
            (None, Some(at), _) => (at, Ground::Bundle),
            (None, None, Some(at)) => (at, Ground::Written),
            (None, None, None) => (Time::parse("2024-07-01T00:00:00Z").unwrap_or_default(), Ground::Nothing),
        };
        let told = context.zone.cloned().or(look.zone);
        let (zone, zone_told) = (told.clone().unwrap_or(Zone::UTC), told.is_some());
        // A year that was given or had to be taken is that of the first line; later ones follow through New Year.
        let (near, ground) = match (context.year, look.first) {
            (Some(year), Some(written)) => (written.place_in(year, &zone), Ground::Given),
            (None, Some(written)) if ground == Ground::Nothing => (written.place(near, &zone), ground),
            // Nothing was written after the file's last write.
            (None, Some(written)) if ground == Ground::Written => (written.place(near - HALF_A_YEAR, &zone), ground),
            _ => (near, ground),
        };
        Anchor {
            near,
            zone,
            ground,
            zone_told,
            newest_first: look.falls > 4 * (look.rises + 1),
        }
    }

    /// Where a header's time lies, given what the line's wrappers said.
    #[must_use]
    pub fn place(&self, written: Civil, wrapper: Option<Stamp>) -> Time {
        let Some(Stamp::Full(at, local)) = wrapper else {
            return written.place(Anchor::dated(wrapper).unwrap_or(self.near), &self.zone);
        };
        let placed = written.place(at, &self.zone);
        let apart = |time: Time| (time - at).0.abs();
        if apart(placed) <= SAME || (self.zone_told && self.ground == Ground::Given) {
            return placed;
        }
        // The wrapper's own wall clock, or the source's zone an hour off as daylight saving makes it.
        let own = local.map(|offset| written.place(at, &Zone::Fixed(offset)));
        let hours = [Span::secs(3600), Span::secs(-3600)].map(|by| placed + by);
        own.into_iter()
            .chain(hours)
            .find(|time| apart(*time) <= SAME)
            .unwrap_or(placed)
    }

    /// A wrapper's date, where it tells a year.
    fn dated(wrapper: Option<Stamp>) -> Option<Time> {
        wrapper.and_then(Stamp::dated)
    }

    /// The moment a wrapper's stamp names; one without a year is placed like a header.
    #[must_use]
    pub fn moment(&self, stamp: Stamp) -> Time {
        match stamp {
            Stamp::Full(at, _) | Stamp::Zoneless(at) => at,
            Stamp::Yearless(written) => written.place(self.near, &self.zone),
        }
    }

    /// Whether the source's own content dates it.
    #[must_use]
    pub fn is_own(&self) -> bool {
        matches!(self.ground, Ground::Own | Ground::Given)
    }

    /// The moment that a source with a date of its own gives to others.
    #[must_use]
    pub fn evidence(&self) -> Option<Time> {
        self.is_own().then_some(self.near)
    }

    /// The zone of the headers.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether something told that zone.
    #[must_use]
    pub fn tells_zone(&self) -> bool {
        self.zone_told
    }

    /// Whether neither the source nor another one told the year.
    #[must_use]
    pub fn is_undated(&self) -> bool {
        matches!(self.ground, Ground::Written | Ground::Nothing)
    }

    /// The same anchor, once another source has told a date.
    #[must_use]
    pub fn dated_by(self, near: Time) -> Anchor {
        Anchor {
            near,
            ground: Ground::Bundle,
            ..self
        }
    }

    /// The same anchor near another moment that is no better known.
    #[must_use]
    pub fn moved_to(self, near: Time) -> Anchor {
        Anchor { near, ..self }
    }

    /// The moment that headers are placed near.
    #[must_use]
    pub fn near(&self) -> Time {
        self.near
    }

    /// Where a moment lies that was placed by another anchor in the same zone.
    #[must_use]
    pub fn placed_again(&self, at: Time) -> Time {
        Civil::of(at, &self.zone).place(self.near, &self.zone)
    }

    /// What had to be assumed, as a clause; `None` where the source tells both year and zone.
    #[must_use]
    pub fn assumed(&self) -> Option<String> {
        let year = self.near.to_string();
        let year = year.get(..4).unwrap_or_default();
        let date = match self.ground {
            Ground::Given => Some(format!("year {year} as given")),
            Ground::Own => None,
            Ground::Bundle => Some(format!("year {year} from other files")),
            Ground::Written => Some(format!("year {year} from the file's time of last write")),
            Ground::Nothing => Some(format!("year {year}, as nothing tells it")),
        };
        let zone = (!self.zone_told).then(|| format!("zone {}", self.zone));
        let parts: Vec<String> = date.into_iter().chain(zone).collect();
        (!parts.is_empty()).then(|| format!("{} assumed", parts.join(", ")))
    }
}

/// What a look through the head of a source found.
#[derive(Debug, Default)]
struct Look {
    dated: Option<Time>,
    zone: Option<Zone>,
    first: Option<Civil>,
    rises: u32,
    falls: u32,
}

impl Look {
    fn through(text: &str) -> Look {
        let mut look = Look::default();
        let mut last: Option<Time> = None;
        let mut votes: Vec<(i64, u32)> = Vec::new();
        let origin = Time::parse("2024-07-01T00:00:00Z").unwrap_or_default();
        for line in text.lines() {
            peel::peel(line, &mut |layers, payload| {
                let header = klog::header(payload.text()).ok().map(|(_, header)| header.written);
                look.first = look.first.or(header);
                let at = look.line(layers, header, payload.text(), &mut votes);
                let placed = header.map(|written| written.place(origin, &Zone::UTC)).or(at);
                if let (Some(before), Some(now)) = (last, placed) {
                    look.rises += u32::from(now > before);
                    look.falls += u32::from(now < before);
                }
                last = placed.or(last);
            });
        }
        votes.sort_by_key(|(offset, count)| (std::cmp::Reverse(*count), *offset));
        look.zone = votes.first().map(|(offset, _)| Zone::Fixed(Span(*offset)));
        look
    }

    /// One line: its date, and its vote for the zone.
    fn line(
        &mut self,
        layers: &Layers<'_>,
        header: Option<Civil>,
        text: &str,
        votes: &mut Vec<(i64, u32)>,
    ) -> Option<Time> {
        let outer = layers.stamp.and_then(|stamp| match stamp {
            Stamp::Full(at, _) => Some(at),
            _ => None,
        });
        let retry = header.and_then(|_| retry_moment(text));
        let dated = layers.stamp.and_then(Stamp::dated);
        self.dated = self.dated.or(dated).or(retry).or_else(|| audit_moment(text));
        for moment in [outer, retry].into_iter().flatten() {
            if let Some(offset) = header.and_then(|written| offset_between(written, moment)) {
                match votes.iter_mut().find(|(known, _)| *known == offset) {
                    Some((_, count)) => *count += 1,
                    None => votes.push((offset, 1)),
                }
            }
        }
        outer
    }
}

/// How many whole quarters of an hour a header's clock is ahead of a moment it was written at.
fn offset_between(written: Civil, at: Time) -> Option<i64> {
    let apart = (written.place(at, &Zone::UTC) - at).0;
    let quarters = (apart + QUARTER / 2).div_euclid(QUARTER);
    let offset = quarters * QUARTER;
    ((apart - offset).abs() <= NEAR && quarters.abs() <= 4 * 14).then_some(offset)
}

/// The moment at which `No retries permitted until <moment> … (durationBeforeRetry <d>)` was written.
#[must_use]
pub fn retry_moment(text: &str) -> Option<Time> {
    let (_, after) = text.split_once("No retries permitted until ")?;
    let (Stamp::Full(until, _), _) = stamp::full(after)? else {
        return None;
    };
    let (_, after) = after.split_once("(durationBeforeRetry ")?;
    Some(until - duration(after.split_once(')')?.0)?)
}

/// Go's `2m2s`, `500ms`, `1.5s`.
fn duration(text: &str) -> Option<Span> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        let unit = rest.get(digits..)?;
        let letters = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        total += number
            * match unit.get(..letters)? {
                "h" => 3_600e6,
                "m" => 60e6,
                "s" => 1e6,
                "ms" => 1e3,
                "µs" | "us" => 1.0,
                "ns" => 1e-3,
                _ => return None,
            };
        rest = unit.get(letters..)?;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float-to-int cast saturates, and microseconds need no fraction"
    )]
    Some(Span(total as i64))
}

/// The moment of an audit event's line.
fn audit_moment(text: &str) -> Option<Time> {
    if !text.starts_with('{') {
        return None;
    }
    let names = ["\"requestReceivedTimestamp\":\"", "\"stageTimestamp\":\""];
    names
        .iter()
        .find_map(|name| stamp::full(text.split_once(name)?.1)?.0.dated())
}

/// Evidence in one klog message: for sources whose head had none.
#[must_use]
pub fn in_message(written: Civil, text: &str) -> Option<Evidence> {
    let near = retry_moment(text)?;
    Some(Evidence {
        near,
        zone: offset_between(written, near).map(|offset| Zone::Fixed(Span(offset))),
    })
}

/// Dates in lines that programs write about a log: klog's `Log file created at`, the journal's first line, Windows' XML.
fn from_preamble(text: &str) -> Option<Time> {
    let marks = [
        "Log file created at: ",
        "SystemTime=\"",
        ", end at ",
        " ends at ",
        "begins at ",
        "begin at ",
    ];
    marks.iter().find_map(|mark| {
        let (_, after) = text.split_once(mark)?;
        let after = if after.starts_with(|c: char| c.is_ascii_digit()) {
            after
        } else {
            after.split_once(' ')?.1
        };
        stamp::full(after)?.0.dated()
    })
}

/// A date in a file's name: `20261123-201356`, `20261123`, `2026-11-23T20-13-56`.
fn from_name(path: &str) -> Option<Time> {
    let bytes = path.as_bytes();
    let digits = |at: usize, count: usize| -> Option<i64> {
        let part = path.get(at..at + count)?;
        part.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| part.parse().ok())
            .flatten()
    };
    let starts = (0..bytes.len()).filter(|at| *at == 0 || !bytes.get(at - 1).is_some_and(u8::is_ascii_alphanumeric));
    starts.rev().find_map(|at| {
        let year = digits(at, 4).filter(|year| (2014..2100).contains(year))?;
        let gap = usize::from(bytes.get(at + 4) == Some(&b'-'));
        let (month, day) = (digits(at + 4 + gap, 2)?, digits(at + 6 + 2 * gap, 2)?);
        let ends = !bytes.get(at + 8 + 2 * gap).is_some_and(u8::is_ascii_digit);
        Civil::new(u32::try_from(month).ok()?, u32::try_from(day).ok()?, 0).filter(|_| ends)?;
        Some(Time(super::when::days(year, month, day) * 86_400_000_000))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Limits;

    fn time(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    /// Where the header of the last line lies, and what was assumed.
    fn last(text: &str, context: &Context<'_>) -> (String, Option<String>) {
        let anchor = Anchor::of(text.as_bytes(), context);
        let mut at = None;
        peel::peel(text.lines().last().unwrap(), &mut |layers, payload| {
            let (_, header) = klog::header(payload.text()).unwrap();
            at = Some(anchor.place(header.written, layers.stamp));
        });
        (at.unwrap().to_string(), anchor.assumed())
    }

    fn context<'a>(path: &'a str, limits: &'a Limits) -> Context<'a> {
        Context {
            path,
            modified: None,
            near: None,
            year: None,
            zone: None,
            limits,
            inflates: false,
            direct: None,
        }
    }

    #[test]
    fn a_retry_stamp_gives_year_and_zone() {
        let text = "E0722 07:14:56.795025   97216 nestedpendingoperations.go:301] Operation failed. No retries permitted \
            until 2021-07-22 07:16:58.794970979 +0200 CEST m=+681756.5 (durationBeforeRetry 2m2s). Error: x\n\
            I0722 07:16:58.801526   97216 reconciler.go:224] started";
        let found = last(text, &context("kubelet.log", &Limits::default()));
        assert_eq!(found, ("2021-07-22T05:16:58.801526Z".to_owned(), None));
    }

    #[test]
    fn a_wrapper_in_another_zone_than_the_header_gives_the_date() {
        let text = "2025-07-23T03:20:43.248292357-04:00 I0723 07:20:43.246861       1 csi_handler.go:292] x";
        assert_eq!(
            last(text, &context("a", &Limits::default())),
            ("2025-07-23T07:20:43.246861Z".to_owned(), None)
        );
    }

    #[test]
    fn headers_follow_the_wrapper_through_daylight_saving() {
        let text = "2025-10-26T02:59:59.000000+0200 n kubelet[1]: I1026 02:59:58.900000 1 a.go:1] x\n\
            2025-10-26T02:00:01.000000+0100 n kubelet[1]: I1026 02:00:00.900000 1 a.go:1] x";
        assert_eq!(
            last(text, &context("a", &Limits::default())).0,
            "2025-10-26T01:00:00.900000Z"
        );
    }

    #[test]
    fn other_sources_of_dates_are_taken_in_order() {
        let limits = Limits::default();
        let line = "I1231 23:59:59.000000 1 a.go:1] x";
        let year = |text: &str, context: &Context<'_>| last(text, context).0.get(..4).unwrap().to_owned();
        let created = format!("Log file created at: 2022/12/31 20:13:56\n{line}");
        assert_eq!(year(&created, &context("a", &limits)), "2022");
        assert_eq!(
            year(line, &context("kubelet.host.root.log.INFO.20231230-201356.17", &limits)),
            "2023"
        );
        let near = Context {
            near: Some(time("2025-01-01T00:00:10Z")),
            ..context("a", &limits)
        };
        assert_eq!(year(line, &near), "2024");
        assert_eq!(
            last(line, &near).1.unwrap(),
            "year 2025 from other files, zone UTC assumed"
        );
        assert_eq!(
            year(
                line,
                &Context {
                    year: Some(2019),
                    ..near
                }
            ),
            "2019"
        );
    }

    #[test]
    fn files_that_run_backwards_are_seen() {
        let line = |second: u32| format!("I0722 07:14:{second:02}.000000 1 a.go:1] x\n");
        let back: String = (0..20).rev().map(line).collect();
        let forth: String = (0..20).map(line).collect();
        let limits = Limits::default();
        assert!(Anchor::of(back.as_bytes(), &context("a", &limits)).newest_first);
        assert!(!Anchor::of(forth.as_bytes(), &context("a", &limits)).newest_first);
    }
}
