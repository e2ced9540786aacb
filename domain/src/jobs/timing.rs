//! When a schedule fires: a cron line in a time zone, an interval, or one time.

use crate::shared::{Timestamp, string_type};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

string_type! {
    /// A cron line of five fields (minute, hour, day of the month, month, day of the week), or a nickname such as
    /// `@daily`: at most [`CronLine::MAX`] characters. `L`, `W` and `#` are allowed in the fields of days.
    CronLine
}

string_type! {
    /// The name of a time zone in the IANA database, for example `Europe/Berlin`.
    TimeZone
}

/// The text is not a cron line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a cron line of five fields: {0}")]
pub struct InvalidCronLine(String);

/// The time zone does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of a time zone, such as `Europe/Berlin` or `UTC`")]
pub struct UnknownTimeZone;

/// The interval is too short or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number of seconds from {} to {}", Interval::MIN, Interval::MAX)]
pub struct InvalidInterval;

impl CronLine {
    /// The greatest length of a line, in characters.
    pub const MAX: usize = 100;

    /// Reads a line.
    ///
    /// # Errors
    /// [`InvalidCronLine`].
    pub fn parse(text: &str) -> Result<Self, InvalidCronLine> {
        if text.chars().count() > Self::MAX {
            return Err(InvalidCronLine(format!("it has more than {} characters", Self::MAX)));
        }
        let line = Self(text.to_owned());
        line.cron().map(|_| line).map_err(|error| InvalidCronLine(error.to_string()))
    }

    fn cron(&self) -> Result<Cron, croner::errors::CronError> {
        CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build().parse(&self.0)
    }
}

impl TimeZone {
    /// Reads a name. Upper and lower case are different.
    ///
    /// # Errors
    /// [`UnknownTimeZone`].
    pub fn parse(text: &str) -> Result<Self, UnknownTimeZone> {
        let zone: Tz = text.parse().map_err(|_| UnknownTimeZone)?;
        Ok(Self(zone.name().to_owned()))
    }
}

impl Default for TimeZone {
    /// UTC.
    fn default() -> Self {
        Self(Tz::UTC.name().to_owned())
    }
}

/// The time between two fire times, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Interval(u32);

impl Interval {
    /// One second.
    pub const MIN: i64 = 1;
    /// 366 days.
    pub const MAX: i64 = 366 * 24 * 60 * 60;

    /// An interval of this many seconds.
    ///
    /// # Errors
    /// [`InvalidInterval`].
    pub fn of_seconds(seconds: i64) -> Result<Self, InvalidInterval> {
        let fits = (Self::MIN..=Self::MAX).contains(&seconds);
        u32::try_from(seconds).ok().filter(|_| fits).map(Self).ok_or(InvalidInterval)
    }

    /// The number of seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }

    fn millis(self) -> i64 {
        i64::from(self.0) * 1_000
    }
}

/// When a schedule fires.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Timing {
    /// At the local times that the line names.
    ///
    /// When the clocks of the zone go forward, a line with a fixed minute and hour that names a skipped time fires at
    /// the end of the gap. When they go back, it fires at the first of the two equal times. A line with a wildcard, a
    /// range or a step in the minute or the hour follows the clock: it skips the times that do not exist, and fires at
    /// both of two equal times.
    Cron {
        /// The five fields, or the nickname.
        line: CronLine,
        /// The zone of the local times.
        zone: TimeZone,
    },
    /// At equal intervals.
    Every {
        /// The time between two fire times.
        interval: Interval,
        /// The intervals are counted from here; it is not a fire time itself.
        from: Timestamp,
    },
    /// One time.
    Once(Timestamp),
}

impl Timing {
    /// Whether this program knows the line and the zone. A newer program may have stored one that it does not know.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Self::Cron { line, zone } => line.cron().is_ok() && zone.0.parse::<Tz>().is_ok(),
            Self::Every { .. } | Self::Once(_) => true,
        }
    }

    /// The first fire time after this time. `None` if no time follows, also if the timing is not [known](Self::is_known).
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let next = match self {
            Self::Cron { line, zone } => next_of(line, zone, after),
            Self::Every { interval, from } => {
                let passed = (after.as_millis() - from.as_millis()).div_euclid(interval.millis()).max(0);
                let next = from.as_millis().checked_add((passed + 1).checked_mul(interval.millis())?)?;
                Timestamp::from_millis(next).ok()
            }
            Self::Once(at) => Some(*at),
        };
        next.filter(|next| *next > after)
    }

    /// Whether both fire at the same times, except that an interval may be counted from another time.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Every { interval: one, .. }, Self::Every { interval: other, .. }) => one == other,
            _ => self == other,
        }
    }
}

/// Cron knows whole seconds, so the search begins with the second that contains `after`.
fn next_of(line: &CronLine, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let zone: Tz = zone.0.parse().ok()?;
    let whole_second = after.as_millis().div_euclid(1_000);
    let after = DateTime::<Utc>::from_timestamp(whole_second, 0)?.with_timezone(&zone);
    let next = line.cron().ok()?.find_next_occurrence(&after, false).ok()?;
    Some(Timestamp::from(next.with_timezone(&Utc)))
}

#[cfg(test)]
mod tests;
