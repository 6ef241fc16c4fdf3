//! A recording as machines with wrong clocks, or in other zones, would have written it.

use adtrace::time::{Span, Time};

use super::lines::{with_header_moved, with_retry_moved, year};
use super::{File, Role, each};

/// Hours east of UTC.
const EAST: Span = Span::secs(8 * 3600);
/// How wrong a node's clock is.
const WRONG: Span = Span::millis(7300);

/// Logs of the chosen programs and hosts, each line changed.
fn changed(files: &[File], chosen: impl Fn(&str, &str) -> bool, change: impl Fn(&str) -> String) -> Vec<File> {
    each(files, |file, role| match role {
        Role::Log(program, host, _) if chosen(program, host) => {
            let text = file.text();
            let new: String = text.lines().map(|line| change(line) + "\n").collect();
            vec![File::new(&file.path, new)]
        }
        _ => vec![file.clone()],
    })
}

/// The node whose kubelet has most to say.
fn busiest(files: &[File]) -> String {
    let kubelets = files.iter().filter_map(|file| match super::role(&file.path) {
        Role::Log(program, host, _) if program == "kubelet" => Some((file.bytes.len(), host)),
        _ => None,
    });
    kubelets.max().map(|(_, host)| host).unwrap_or_default()
}

fn node_off(files: &[File], by: Span) -> Vec<File> {
    let node = busiest(files);
    off(files, |program, host| {
        if program == "kubelet" && host == node {
            by
        } else {
            Span::ZERO
        }
    })
}

/// Logs whose clocks are off, each by its own share.
fn off(files: &[File], by: impl Fn(&str, &str) -> Span) -> Vec<File> {
    let year = year(files);
    each(files, |file, role| match role {
        Role::Log(program, host, _) if by(program, host) != Span::ZERO => {
            let by = by(program, host);
            let text = file.text();
            let new: String = text
                .lines()
                .map(|line| with_retry_moved(&with_header_moved(line, year, by), by, "+0000 UTC") + "\n")
                .collect();
            vec![File::new(&file.path, new)]
        }
        _ => vec![file.clone()],
    })
}

pub fn node_ahead(files: &[File]) -> Vec<File> {
    node_off(files, WRONG)
}

pub fn node_behind(files: &[File]) -> Vec<File> {
    node_off(files, Span(-WRONG.0))
}

/// As a controller in China writes: headers and retry stamps in local time, the stamps with their zone.
pub fn controller_in_utc_8(files: &[File]) -> Vec<File> {
    let year = year(files);
    changed(
        files,
        |program, _| program == "kube-controller-manager",
        |line| with_retry_moved(&with_header_moved(line, year, EAST), EAST, "+0800 CST"),
    )
}

/// The same where no stamp tells the zone.
pub fn controller_headers_in_utc_8(files: &[File]) -> Vec<File> {
    let year = year(files);
    changed(
        files,
        |program, _| program == "kube-controller-manager",
        |line| with_header_moved(line, year, EAST),
    )
}

/// All logs against the audit log.
pub fn logs_an_hour_behind(files: &[File]) -> Vec<File> {
    off(files, |_, _| Span::secs(-3600))
}

/// Everything as if it had happened so much later.
pub fn moved(files: &[File], by: Span) -> Vec<File> {
    each(&off(files, |_, _| by), |file, role| match role {
        Role::Log(..) => vec![file.clone()],
        Role::Audit | Role::Other => vec![File::new(&file.path, stamps_moved(&file.text(), by))],
    })
}

/// A text with every `2026-11-25T02:12:42.123456Z` in it moved.
pub fn stamps_moved(text: &str, by: Span) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("20") {
        let (before, stamp) = rest.split_at(at);
        out.push_str(before);
        let end = stamp.find('Z').filter(|end| (19..=29).contains(end)).unwrap_or(0);
        let moment = stamp.get(..=end).filter(|text| text.get(10..11) == Some("T"));
        if let Some(moment) = moment.and_then(Time::parse) {
            let digits = end.saturating_sub(20);
            let new = (moment + by).to_string();
            out.push_str(&new[..19]);
            if digits > 0 {
                out.push('.');
                out.push_str(&format!("{:0<9}", &new[20..26])[..digits]);
            }
            out.push('Z');
            rest = &stamp[end + 1..];
        } else {
            out.push_str(&stamp[..2]);
            rest = &stamp[2..];
        }
    }
    out + rest
}

/// Logs whose headers are in the local time of a zone with two offsets; the stamps of retries say which holds.
pub fn in_local_time(files: &[File], offset: impl Fn(Time) -> (Span, &'static str)) -> Vec<File> {
    let year = year(files);
    each(files, |file, role| {
        if !matches!(role, Role::Log(..)) {
            return vec![file.clone()];
        }
        let text = file.text();
        let local = |line: &super::Stamped<'_>| {
            let (by, zone) = offset(line.at);
            with_retry_moved(&with_header_moved(line.text, year, by), by, zone) + "\n"
        };
        let new: String = super::stamped(&text, year).iter().map(local).collect();
        vec![File::new(&file.path, new)]
    })
}

/// Each host's clock off by its own share, up to some seconds.
#[allow(dead_code, reason = "the damages alone use it")]
pub fn all_off(files: &[File]) -> Vec<File> {
    off(files, |_, host| {
        let sum: i64 = host.bytes().map(i64::from).sum();
        Span::millis((sum * 977) % 14_600 - WRONG.as_millis())
    })
}
