//! Points in time: microseconds since the Unix epoch, UTC.
//!
//! In: RFC 3339 text or numbers. Out: [`Time`], which every room shares. One unit everywhere, so that no code has to
//! ask which clock a number came from; what a source's clock was off by is settled in `clock`.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A length of time in microseconds; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Time {
    /// The earliest moment that can be named.
    pub const MIN: Time = Time(i64::MIN / 4);
    /// The latest moment that can be named.
    pub const MAX: Time = Time(i64::MAX / 4);

    /// Milliseconds since the epoch, as the moment they name.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Time {
        Time(ms * 1000)
    }

    /// Reads an RFC 3339 stamp with any offset; `None` where the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Time> {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        Some(Time(stamp.as_microsecond()))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn millis(ms: i64) -> Span {
        Span(ms * 1000)
    }

    /// A span of whole seconds.
    #[must_use]
    pub const fn secs(s: i64) -> Span {
        Span(s * 1_000_000)
    }

    /// The same length without a sign.
    #[must_use]
    pub const fn abs(self) -> Span {
        Span(self.0.saturating_abs())
    }

    /// Whole milliseconds, rounded towards zero.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0 / 1000
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, by: Span) -> Time {
        Time(self.0.saturating_add(by.0))
    }
}

impl Sub<Span> for Time {
    type Output = Time;
    fn sub(self, by: Span) -> Time {
        Time(self.0.saturating_sub(by.0))
    }
}

impl Sub for Time {
    type Output = Span;
    fn sub(self, other: Time) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with six decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(stamp) => write!(f, "{stamp:.6}"),
            Err(_) => f.write_str(if self.0 < 0 {
                "0001-01-01T00:00:00.000000Z"
            } else {
                "9999-12-31T00:00:00.000000Z"
            }),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Time::parse(&text).ok_or_else(|| de::Error::custom(format_args!("{text} is no RFC 3339 stamp")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_read() {
        let text = "2026-11-23T10:00:00.000000Z";
        assert_eq!(Time::parse(text).unwrap().to_string(), text);
        assert_eq!(Time::parse("2026-11-23T12:00:00+02:00").unwrap().to_string(), text);
    }

    #[test]
    fn names_no_moment_outside_the_calendar() {
        assert!(Time(i64::MAX).to_string().starts_with("9999"));
        assert_eq!(Time::parse("yesterday"), None);
    }
}
