//! When a process counts as lost.

use std::time::Duration;

/// How long a process may be silent before others take over the jobs and the subscriptions that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasePolicy {
    /// After this time without a beat, a process counts as lost.
    pub term: Duration,
}

impl Default for LeasePolicy {
    /// 30 seconds.
    fn default() -> Self {
        Self { term: Duration::from_secs(30) }
    }
}

impl LeasePolicy {
    /// How often a process beats for what it holds, and how long the unit of work of one delivery may take, during which no
    /// beat can be stored. With a longer term than the default one this stays the same, so that a process with the default
    /// term does not take one with a longer term for lost.
    #[must_use]
    pub fn beat_every(self) -> Duration {
        self.term.min(Self::default().term) / 3
    }

    /// How often a process looks for what others have stopped to beat for.
    #[must_use]
    pub fn look_every(self) -> Duration {
        self.beat_every() / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_beats_within_every_term_that_another_one_may_have() {
        let beats = |seconds| LeasePolicy { term: Duration::from_secs(seconds) }.beat_every();
        assert_eq!([1, 30, 3_600].map(beats), [333_333_333, 10_000_000_000, 10_000_000_000].map(Duration::from_nanos));
        assert_eq!(LeasePolicy::default().look_every(), Duration::from_secs(5));
    }
}
