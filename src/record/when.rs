//! Dates without a year, local times without a zone: where they lie on the UTC axis.
//!
//! In: what a header wrote ([`Civil`]: month, day, time of day), the zone it was written in, and a moment known to be
//! near. Out: a [`Time`]. The year is the one that puts the date nearest to that moment, so December rolls into January
//! by itself, in files that run forwards and in files that run backwards.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::time::{Span, Time};

/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

/// A date without a year, and a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    month: u8,
    day: u8,
    /// Microseconds since midnight.
    micros: i64,
}

impl Civil {
    /// `None` where the month or day does not exist in any year, or the time is no time of day (leap seconds are taken).
    #[must_use]
    pub fn new(month: u32, day: u32, micros: i64) -> Option<Civil> {
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 29,
            _ => return None,
        };
        let fits = (1..=last).contains(&day) && (0..=DAY).contains(&micros);
        fits.then(|| {
            Some(Civil {
                month: u8::try_from(month).ok()?,
                day: u8::try_from(day).ok()?,
                micros,
            })
        })
        .flatten()
    }

    /// The month, day and time of day of a moment, as a clock in `zone` shows it.
    #[must_use]
    pub fn of(at: Time, zone: &Zone) -> Civil {
        let local = at.0.saturating_add(zone.offset_at(at).0);
        let (_, month, day) = date(local.div_euclid(DAY));
        Civil {
            month,
            day,
            micros: local.rem_euclid(DAY),
        }
    }

    /// As if written in UTC, in `year`; 29 February of other years is 1 March.
    fn in_year(self, year: i64) -> i64 {
        days(year, i64::from(self.month), i64::from(self.day)) * DAY + self.micros
    }

    /// The moment nearest to `near` at which a clock in `zone` shows this.
    #[must_use]
    pub fn place(self, near: Time, zone: &Zone) -> Time {
        let local = near
            .0
            .clamp(Time::MIN.0, Time::MAX.0)
            .saturating_add(zone.offset_at(near).0);
        let (year, ..) = date(local.div_euclid(DAY));
        let nearest = (year - 1..=year + 1)
            .map(|year| self.in_year(year))
            .min_by_key(|at| (at - local).abs());
        zone.to_utc(nearest.unwrap_or(local))
    }

    /// The moment at which a clock in `zone` shows this, in a given year.
    #[must_use]
    pub fn place_in(self, year: i16, zone: &Zone) -> Time {
        zone.to_utc(self.in_year(i64::from(year)))
    }
}

/// The zone a process writes its times in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zone {
    /// A fixed distance from UTC, east positive.
    Fixed(Span),
    /// A zone with rules, from the IANA database.
    Named(TimeZone),
}

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone::Fixed(Span::ZERO);

    /// Reads `UTC`, `Z`, `+02:00`, `+0200`, `+02` or an IANA name; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Zone> {
        if matches!(text, "UTC" | "utc" | "Z" | "z" | "GMT") {
            return Some(Zone::UTC);
        }
        if let Some(offset) = offset(text) {
            return Some(Zone::Fixed(offset));
        }
        TimeZone::get(text).ok().map(Zone::Named)
    }

    /// How far a clock in this zone is ahead of UTC at a moment.
    fn offset_at(&self, at: Time) -> Span {
        match self {
            Zone::Fixed(offset) => *offset,
            Zone::Named(zone) => match jiff::Timestamp::from_microsecond(at.0) {
                Ok(stamp) => seconds(zone.to_offset(stamp)),
                Err(_) => Span::ZERO,
            },
        }
    }

    /// The moment at which a clock in this zone shows `local` (microseconds, as if it were UTC).
    fn to_utc(&self, local: i64) -> Time {
        let fixed = |offset: Span| Time(local.saturating_sub(offset.0));
        match self {
            Zone::Fixed(offset) => fixed(*offset),
            Zone::Named(zone) => match jiff::Timestamp::from_microsecond(local) {
                Ok(stamp) => {
                    let shown: DateTime = Offset::UTC.to_datetime(stamp);
                    zone.to_ambiguous_timestamp(shown)
                        .compatible()
                        .map_or_else(|_| fixed(Span::ZERO), |at| Time(at.as_microsecond()))
                }
                Err(_) => fixed(Span::ZERO),
            },
        }
    }
}

impl std::fmt::Display for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Zone::Fixed(Span::ZERO) => f.write_str("UTC"),
            Zone::Fixed(offset) => {
                let minutes = offset.0 / 60_000_000;
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
            Zone::Named(zone) => f.write_str(zone.iana_name().unwrap_or("a named zone")),
        }
    }
}

fn seconds(offset: Offset) -> Span {
    Span::secs(i64::from(offset.seconds()))
}

/// `+02:00`, `+0200` or `-07`.
#[must_use]
pub fn offset(text: &str) -> Option<Span> {
    let (sign, digits) = match text.as_bytes() {
        [b'+', ..] => (1, text.get(1..)?),
        [b'-', ..] => (-1, text.get(1..)?),
        _ => return None,
    };
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = digits.get(from..to)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())
            .flatten()
    };
    let minutes = match digits.len() {
        2 => 0,
        4 => number(2, 4)?,
        5 if digits.get(2..3) == Some(":") => number(3, 5)?,
        _ => return None,
    };
    let hours = number(0, 2)?;
    (hours <= 18 && minutes < 60).then(|| Span::secs(sign * (hours * 60 + minutes) * 60))
}

#[must_use]
/// Days from 1970-01-01 to a date of the Gregorian calendar.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day, so many days after 1970-01-01.
fn date(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn civil(month: u32, day: u32, hour: i64) -> Civil {
        Civil::new(month, day, hour * 3_600_000_000).unwrap()
    }

    fn time(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    #[test]
    fn new_year_rolls_in_both_directions() {
        let (before, after) = (time("2025-12-31T23:00:00Z"), time("2026-01-01T01:00:00Z"));
        assert_eq!(civil(1, 1, 1).place(before, &Zone::UTC), after);
        assert_eq!(civil(12, 31, 23).place(after, &Zone::UTC), before);
    }

    #[test]
    fn zones_are_taken_off() {
        let near = time("2021-07-01T00:00:00Z");
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(civil(7, 22, 7).place(near, &berlin), time("2021-07-22T05:00:00Z"));
        assert_eq!(civil(1, 22, 7).place(near, &berlin), time("2021-01-22T06:00:00Z"));
        assert_eq!(
            civil(7, 22, 7).place(near, &Zone::parse("-0400").unwrap()),
            time("2021-07-22T11:00:00Z")
        );
    }

    #[test]
    fn days_that_no_year_has_are_refused() {
        assert_eq!(Civil::new(2, 30, 0), None);
        assert_eq!(Civil::new(13, 1, 0), None);
        assert!(Civil::new(2, 29, 0).is_some());
    }

    proptest::proptest! {
        #[test]
        fn a_moment_is_found_again_from_what_its_clock_showed(
            at in 0_i64..4_000_000_000_000_000, apart in -15_000_000_000_000_i64..15_000_000_000_000, zone in -48_i64..56
        ) {
            let zone = Zone::Fixed(Span::secs(zone * 900));
            proptest::prop_assert_eq!(Civil::of(Time(at), &zone).place(Time(at + apart), &zone), Time(at));
        }
    }
}
