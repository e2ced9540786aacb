//! Points in time, in milliseconds and UTC, as every store keeps them.

use super::{Described, Kind};
use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A point in time in UTC with a resolution of one millisecond, from year 1 to year 9999.
///
/// Shown as RFC 3339 with exactly three decimals (`2026-11-21T09:30:00.000Z`), so that text order is time order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 time, or the time is outside of the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time between the years 1 and 9999 in rfc 3339")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// 0001-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// From milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] outside of the years 1 to 9999.
    pub const fn from_millis(millis: i64) -> Result<Self, InvalidTimestamp> {
        if millis < Self::MIN.0 || millis > Self::MAX.0 {
            return Err(InvalidTimestamp);
        }
        Ok(Self(millis))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z; negative before it.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This time moved by `millis`, limited to the supported years.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The later of the two. The times of one aggregate do not go back, even if the wall clock does (O8).
    #[must_use]
    pub fn not_before(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    /// Cuts off fractions of a millisecond, and limits the result to the supported years.
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis().clamp(Self::MIN.0, Self::MAX.0))
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(time: Timestamp) -> Self {
        DateTime::from_timestamp_millis(time.0).expect("the supported years lie within chrono's")
    }
}

impl std::fmt::Display for Timestamp {
    /// Writes the text in one call and without an allocation, because responses contain many times.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = DateTime::<Utc>::from(*self);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut write = |end: usize, len: usize, mut number: u32| {
            for digit in text[end - len..end].iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
                number /= 10;
            }
        };
        write(4, 4, time.year().unsigned_abs());
        write(7, 2, time.month());
        write(10, 2, time.day());
        write(13, 2, time.hour());
        write(16, 2, time.minute());
        write(19, 2, time.second());
        write(23, 3, time.timestamp_subsec_millis());
        f.write_str(std::str::from_utf8(&text).map_err(|_| std::fmt::Error)?)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidTimestamp)?;
        Self::from_millis(time.timestamp_millis())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Described for Timestamp {
    const KIND: Kind = Kind::Time;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_shown_with_exactly_three_decimals() {
        assert_eq!(Timestamp::from_millis(0).unwrap().to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_time_outside_of_the_supported_years_is_refused() {
        assert_eq!(Timestamp::from_millis(Timestamp::MAX.as_millis() + 1), Err(InvalidTimestamp));
        assert_eq!("yesterday".parse::<Timestamp>(), Err(InvalidTimestamp));
    }

    proptest! {
        #[test]
        fn a_time_survives_text(millis in Timestamp::MIN.0..=Timestamp::MAX.0) {
            let time = Timestamp::from_millis(millis).unwrap();
            prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
            prop_assert_eq!(Timestamp::from(DateTime::from(time)), time);
            let known = DateTime::<Utc>::from(time).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            prop_assert_eq!(time.to_string(), known);
        }

        #[test]
        fn text_order_is_time_order(a in Timestamp::MIN.0..=Timestamp::MAX.0, b in Timestamp::MIN.0..=Timestamp::MAX.0) {
            let (a, b) = (Timestamp(a), Timestamp(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
