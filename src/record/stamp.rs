//! Time stamps as wrappers and messages write them.
//!
//! In: text that begins with a stamp. Out: the [`Stamp`] and how many bytes it took. Takes RFC 3339 and its relatives
//! (a blank for the `T`, offsets without a colon, commas before the fraction), syslog's yearless form, and epochs.

use super::when::{self, Civil};
use crate::time::{Span, Time};

/// A stamp as far as it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// A moment; and the offset it was written in, where it was written in local time.
    Full(Time, Option<Span>),
    /// A full date and time of day without a zone, as microseconds since the epoch if it were UTC.
    Zoneless(Time),
    /// Neither year nor zone.
    Yearless(Civil),
}

impl Stamp {
    /// The moment, where a full date is told; zoneless stamps are taken as UTC.
    #[must_use]
    pub fn dated(self) -> Option<Time> {
        match self {
            Stamp::Full(at, _) | Stamp::Zoneless(at) => Some(at),
            Stamp::Yearless(_) => None,
        }
    }
}

/// Two digits at a place.
fn two(bytes: &[u8], at: usize) -> Option<u32> {
    match bytes.get(at..at + 2)? {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(u32::from(a - b'0') * 10 + u32::from(b - b'0')),
        _ => None,
    }
}

/// `hh:mm:ss` with an optional fraction: microseconds since midnight, and the bytes taken.
fn clock(bytes: &[u8]) -> Option<(i64, usize)> {
    let (hour, minute, second) = (two(bytes, 0)?, two(bytes, 3)?, two(bytes, 6)?);
    if bytes.get(2) != Some(&b':') || bytes.get(5) != Some(&b':') || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let whole = i64::from(hour * 3600 + minute * 60 + second) * 1_000_000;
    if !matches!(bytes.get(8), Some(b'.' | b',')) {
        return Some((whole, 8));
    }
    let digits = bytes.get(9..)?.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut micros = 0;
    for place in 0..6 {
        let digit = if place < digits {
            bytes.get(9 + place).map_or(0, |b| i64::from(b - b'0'))
        } else {
            0
        };
        micros = micros * 10 + digit;
    }
    Some((whole + micros, 9 + digits))
}

/// `Z`, `+02:00`, `+0200`, `+02`, or the same behind one blank, perhaps with a zone's name behind it.
fn zone(bytes: &[u8]) -> Option<(Span, usize)> {
    let blank = usize::from(bytes.first() == Some(&b' '));
    let rest = bytes.get(blank..)?;
    match rest {
        [b'Z', ..] => return Some((Span::ZERO, blank + 1)),
        [b'U', b'T', b'C', ..] => return Some((Span::ZERO, blank + 3)),
        [b'+' | b'-', ..] => {}
        _ => return None,
    }
    [6, 5, 3].into_iter().find_map(|length| {
        let text = std::str::from_utf8(rest.get(..length)?).ok()?;
        let ends = !rest.get(length).is_some_and(u8::is_ascii_digit);
        when::offset(text)
            .filter(|_| ends)
            .map(|offset| (offset, blank + length))
    })
}

/// `2026-11-23` (or with slashes): days since the epoch.
fn date(bytes: &[u8]) -> Option<i64> {
    let (century, year, month, day) = (two(bytes, 0)?, two(bytes, 2)?, two(bytes, 5)?, two(bytes, 8)?);
    let mark = *bytes.get(4)?;
    let fits = (mark == b'-' || mark == b'/') && bytes.get(7) == Some(&mark) && (19..=21).contains(&century);
    Civil::new(month, day, 0).filter(|_| fits)?;
    Some(when::days(
        i64::from(century * 100 + year),
        i64::from(month),
        i64::from(day),
    ))
}

/// Reads a full date with a time of day at the start of a text, and how long it is.
///
/// Date and hour may stick together, as blanks lost in copying leave them.
#[must_use]
pub fn full(text: &str) -> Option<(Stamp, usize)> {
    let bytes = text.as_bytes();
    let days = date(bytes)?;
    let gap = match bytes.get(10)? {
        b'T' | b't' | b' ' => 11,
        b'0'..=b'2' => 10,
        _ => return None,
    };
    let (micros, length) = clock(bytes.get(gap..)?)?;
    let local = days * 86_400_000_000 + micros;
    let end = gap + length;
    Some(match zone(bytes.get(end..)?) {
        Some((offset, more)) => {
            let written = (offset != Span::ZERO).then_some(offset);
            (Stamp::Full(Time(local) - offset, written), end + more)
        }
        None => (Stamp::Zoneless(Time(local)), end),
    })
}

/// Month's number from its English short name.
fn month(bytes: &[u8]) -> Option<u32> {
    const NAMES: [&[u8; 3]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
    ];
    let name = bytes.get(..3)?;
    NAMES
        .iter()
        .position(|known| known.as_slice() == name)
        .and_then(|at| u32::try_from(at + 1).ok())
}

/// Short names of the months as `journalctl` prints them elsewhere, without their points.
const MONTHS_ELSEWHERE: [[&str; 12]; 10] = [
    [
        "jan", "feb", "m\u{e4}r", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez",
    ],
    [
        "janv",
        "f\u{e9}vr",
        "mars",
        "avril",
        "mai",
        "juin",
        "juil",
        "ao\u{fb}t",
        "sept",
        "oct",
        "nov",
        "d\u{e9}c",
    ],
    [
        "ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic",
    ],
    [
        "gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic",
    ],
    [
        "jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez",
    ],
    [
        "jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec",
    ],
    [
        "jan", "feb", "mars", "apr", "maj", "juni", "juli", "aug", "sep", "okt", "nov", "dec",
    ],
    [
        "\u{44f}\u{43d}\u{432}",
        "\u{444}\u{435}\u{432}",
        "\u{43c}\u{430}\u{440}",
        "\u{430}\u{43f}\u{440}",
        "\u{43c}\u{430}\u{44f}",
        "\u{438}\u{44e}\u{43d}",
        "\u{438}\u{44e}\u{43b}",
        "\u{430}\u{432}\u{433}",
        "\u{441}\u{435}\u{43d}",
        "\u{43e}\u{43a}\u{442}",
        "\u{43d}\u{43e}\u{44f}",
        "\u{434}\u{435}\u{43a}",
    ],
    [
        "sty",
        "lut",
        "mar",
        "kwi",
        "maj",
        "cze",
        "lip",
        "sie",
        "wrz",
        "pa\u{17a}",
        "lis",
        "gru",
    ],
    [
        "oca",
        "\u{15f}ub",
        "mar",
        "nis",
        "may",
        "haz",
        "tem",
        "a\u{11f}u",
        "eyl",
        "eki",
        "kas",
        "ara",
    ],
];

/// Month's number from another language's short name, and the bytes of it: `Okt`, `d\u{e9}c.`, `9\u{6708}`.
fn month_elsewhere(text: &str) -> Option<(u32, usize)> {
    let end = text.bytes().take(12).position(|byte| byte == b' ')?;
    // What follows tells soonest that it is no date.
    let after = text.as_bytes().get(end..)?;
    clock(after.get(4..)?)?;
    let name = text.get(..end)?.to_lowercase();
    let name = name.trim_end_matches('.');
    let number = || name.strip_suffix(['\u{6708}', '\u{c6d4}'])?.parse().ok();
    let place = |months: &[&str; 12]| months.iter().position(|month| *month == name);
    let named = || u32::try_from(MONTHS_ELSEWHERE.iter().find_map(place)? + 1).ok();
    number().or_else(named).map(|month| (month, end))
}

/// Reads syslog's `Nov 23 20:13:56`, with or without a fraction or a year, and how long it is.
#[must_use]
pub fn syslog(text: &str) -> Option<(Stamp, usize)> {
    let (month, name) = match month(text.as_bytes()) {
        Some(month) => (month, 3),
        None => month_elsewhere(text)?,
    };
    let bytes = text.as_bytes().get(name..)?;
    let day = match bytes.get(..3)? {
        [b' ', b' ', d @ b'1'..=b'9'] => u32::from(d - b'0'),
        [b' ', ..] => two(bytes, 1)?,
        _ => return None,
    };
    if bytes.get(3) != Some(&b' ') {
        return None;
    }
    if let (Some(century), Some(year), Some(b' ')) = (two(bytes, 4), two(bytes, 6), bytes.get(8)) {
        let (micros, length) = clock(bytes.get(9..)?)?;
        Civil::new(month, day, micros)?;
        let days = when::days(i64::from(century * 100 + year), i64::from(month), i64::from(day));
        return Some((Stamp::Zoneless(Time(days * 86_400_000_000 + micros)), name + 9 + length));
    }
    let (micros, length) = clock(bytes.get(4..)?)?;
    Some((Stamp::Yearless(Civil::new(month, day, micros)?), name + 4 + length))
}

/// Reads `4/2/2018 9:26:16 PM`, as browsers write a moment, and how long it is.
#[must_use]
pub fn browser(text: &str) -> Option<(Stamp, usize)> {
    let (date, rest) = text.split_once(' ')?;
    let mut parts = date.splitn(3, '/').map(|part| part.parse::<u32>().ok());
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    let (time, rest) = rest.split_once(' ')?;
    let (hour, minutes) = time.split_once(':')?;
    let hour: u32 = hour.parse().ok().filter(|hour| (1..=12).contains(hour))?;
    let half = match rest.get(..2)? {
        "AM" => 0,
        "PM" => 12,
        _ => return None,
    };
    let (micros, length) = clock(format!("{:02}:{minutes}", hour % 12 + half).as_bytes())?;
    Civil::new(month, day, micros).filter(|_| length == "hh:mm:ss".len() && (1970..2200).contains(&year))?;
    let days = when::days(i64::from(year), i64::from(month), i64::from(day));
    let end = date.len() + 1 + time.len() + 1 + "AM".len();
    Some((Stamp::Zoneless(Time(days * 86_400_000_000 + micros)), end))
}

/// Whether a line begins with a stamp, or is the beginning of one or of a klog header: the head of a line that was cut.
#[must_use]
pub fn begins(text: &str) -> bool {
    /// `d` stands for a digit, `b` for a digit or blank, `A` for a capital, `a` for a small letter.
    const FORMS: [&[u8]; 5] = [
        b"Aaa bd dd:dd:dd",
        b"dddd-dd-ddTdd:dd:dd",
        b"dddd-dd-dd dd:dd:dd",
        b"dddd/dd/dd dd:dd:dd",
        b"Adddd dd:dd:dd.dddddd",
    ];
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'd' => byte.is_ascii_digit(),
        b'b' => byte.is_ascii_digit() || *byte == b' ',
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        mark => byte == mark,
    };
    let bytes = text.trim_end().as_bytes();
    // Fewer letters could be the end of a name as well.
    bytes.len() > 4 && FORMS.iter().any(|form| bytes.iter().zip(*form).all(fits))
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since the epoch: told apart by size, for years from
/// 2001 on.
#[must_use]
pub fn epoch(text: &str) -> Option<Stamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    let part = |scale: usize| -> i64 {
        let padded: String = fraction.chars().chain("000000".chars()).take(scale).collect();
        padded.parse().unwrap_or(0)
    };
    let micros = match whole.len() {
        10 => number.checked_mul(1_000_000)? + part(6),
        13 => number.checked_mul(1_000)? + part(3),
        16 => number,
        19 => number / 1_000,
        _ => return None,
    };
    (number > 0).then_some(Stamp::Full(Time(micros), None))
}

/// A stamp in a string or number of JSON, whatever its form.
#[must_use]
pub fn any(text: &str) -> Option<Stamp> {
    full(text)
        .map(|(stamp, _)| stamp)
        .or_else(|| epoch(text))
        .or_else(|| syslog(text).map(|(stamp, _)| stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    #[test]
    fn full_dates_are_read_with_and_without_marks() {
        let at = time("2026-11-23T20:13:56.123456Z");
        let utc = Stamp::Full(at, None);
        assert_eq!(full("2026-11-23T20:13:56.123456789Z rest"), Some((utc, 30)));
        assert_eq!(full("2026-11-23 20:13:56.123456 +0000 UTC"), Some((utc, 32)));
        assert_eq!(full("2026-11-2320:13:56.123456Z"), Some((utc, 26)));
        assert_eq!(
            full("2026-11-23T22:13:56.123456+02:00 x"),
            Some((Stamp::Full(at, Some(Span::secs(7200))), 32))
        );
        assert_eq!(full("2026/11/23 20:13:56,123456"), Some((Stamp::Zoneless(at), 26)));
        assert_eq!(full("2026-13-23T20:13:56Z"), None);
    }

    #[test]
    fn syslog_stamps_are_read() {
        let civil = Civil::new(11, 3, 73_000_000_000).unwrap();
        assert_eq!(syslog("Nov  3 20:16:40 host"), Some((Stamp::Yearless(civil), 15)));
        assert_eq!(
            syslog("Nov 03 20:16:40.000000 host"),
            Some((Stamp::Yearless(civil), 22))
        );
        assert_eq!(
            syslog("Nov 23 2026 20:16:40 h"),
            Some((Stamp::Zoneless(time("2026-11-23T20:16:40Z")), 20))
        );
        assert_eq!(syslog("Nob 23 20:16:40"), None);
        for name in ["9\u{6708}", "sept.", "\u{441}\u{435}\u{43d}", "set", "wrz"] {
            let september = Civil::new(9, 3, 73_000_000_000).unwrap();
            let line = format!("{name} 03 20:16:40 host");
            assert_eq!(
                syslog(&line),
                Some((Stamp::Yearless(september), name.len() + 12)),
                "{name}"
            );
        }
    }

    #[test]
    fn moments_of_browsers_are_read() {
        for (text, at, end) in [
            ("4/2/2018 9:26:16 PMI0403", "2018-04-02T21:26:16Z", 19),
            ("12/31/2018 12:00:01 AM x", "2018-12-31T00:00:01Z", 22),
        ] {
            assert_eq!(browser(text), Some((Stamp::Zoneless(time(at)), end)), "{text}");
        }
        assert_eq!(browser("4/2/2018 21:26:16 x"), None);
    }

    #[test]
    fn epochs_are_told_apart_by_size() {
        let at = Some(Stamp::Full(time("2025-11-23T20:13:56.123000Z"), None));
        for text in [
            "1763928836.123",
            "1763928836123",
            "1763928836123000",
            "1763928836123000000",
        ] {
            assert_eq!(epoch(text), at, "{text}");
        }
        assert_eq!(epoch("12"), None);
    }

    #[test]
    fn the_head_of_a_cut_line_is_seen() {
        for text in [
            "Jul 22 07",
            "Jul  2 0",
            "2021-07-22T07:1",
            "2021/07/22 07:16:58 x",
            "E0722 07:16",
        ] {
            assert!(begins(text), "{text}");
        }
        for text in [
            "Jul",
            "2021",
            "9b-4dde-8348",
            "pod \"web-0\"",
            "July 22 was hot",
            "\tat x",
        ] {
            assert!(!begins(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_is_read(at in 0_i64..4_000_000_000_000_000) {
            let text = Time(at).to_string();
            proptest::prop_assert_eq!(full(&text), Some((Stamp::Full(Time(at), None), text.len())));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9]{0,4}[-/]?[0-9]{0,2}[-/T ]?\\PC{0,30}") {
            let _ = (any(&text), syslog(&text));
        }
    }
}
