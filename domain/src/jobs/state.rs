//! The states and priorities of jobs.

use crate::shared::named;

named! {
    /// Where a job stands between its storing and its end.
    #[derive(PartialOrd, Ord)]
    JobState {
        /// Waits for a worker.
        Available = "available",
        /// Waits for its time.
        Scheduled = "scheduled",
        /// A worker holds it.
        Running = "running",
        /// Failed, and waits for the time of its next attempt.
        Retryable = "retryable",
        /// Done.
        Completed = "completed",
        /// Ended by a caller before it was done.
        Cancelled = "cancelled",
        /// Failed and will not be tried again: the dead letters.
        Discarded = "discarded",
    }
}

impl JobState {
    /// Whether a worker could still claim the job, now or later.
    #[must_use]
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Available | Self::Scheduled | Self::Retryable)
    }

    /// Whether the job has ended. Only a caller's retry changes it again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Discarded)
    }
}

/// A set of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobStates(u8);

impl JobStates {
    /// The states in which a job waits.
    pub const WAITING: Self = Self::of(&[JobState::Available, JobState::Scheduled, JobState::Retryable]);
    /// The states in which a job waits or runs.
    pub const UNFINISHED: Self = Self::WAITING.and(JobState::Running);
    /// All states except those of jobs that were given up. The key is free again when the job is deleted.
    pub const NOT_GIVEN_UP: Self = Self::UNFINISHED.and(JobState::Completed);

    /// The set of these states.
    #[must_use]
    pub const fn of(states: &[JobState]) -> Self {
        let (mut set, mut at) = (Self(0), 0);
        while at < states.len() {
            set = set.and(states[at]);
            at += 1;
        }
        set
    }

    const fn and(self, state: JobState) -> Self {
        Self(self.0 | 1 << state as u8)
    }

    /// Whether the state is in the set.
    #[must_use]
    pub const fn contains(self, state: JobState) -> bool {
        self.0 & 1 << state as u8 != 0
    }

    /// The set as a number, for stores: the bit of a state is its place in [`JobState::ALL`].
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set with this number; `None` if a bit belongs to no state.
    #[must_use]
    pub fn from_bits(bits: i64) -> Option<Self> {
        let bits = u8::try_from(bits).ok()?;
        (bits >> JobState::ALL.len() == 0).then_some(Self(bits))
    }
}

/// The order in which jobs of a queue are claimed: 1 first, 4 last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Priority(u8);

impl Priority {
    /// Before all others.
    pub const FIRST: Self = Self(1);
    /// After all others.
    pub const LAST: Self = Self(4);

    /// The priority with this number; `None` if it is not 1 to 4.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        u8::try_from(number).ok().map(Self).filter(|priority| (Self::FIRST..=Self::LAST).contains(priority))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    /// 2.
    fn default() -> Self {
        Self(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_states_that_it_was_made_of() {
        for state in JobState::ALL.iter().copied() {
            assert_eq!(JobStates::WAITING.contains(state), state.is_waiting(), "{state:?}");
            assert_eq!(JobStates::UNFINISHED.contains(state), !state.is_final(), "{state:?}");
            assert_eq!(JobStates::of(&[state]).bits(), 1 << state as u8);
        }
        assert!(JobStates::NOT_GIVEN_UP.contains(JobState::Completed));
        assert!(!JobStates::NOT_GIVEN_UP.contains(JobState::Discarded));
        for bits in 0..128 {
            assert_eq!(JobStates::from_bits(bits).map(|set| i64::from(set.bits())), Some(bits));
        }
        assert_eq!([JobStates::from_bits(128), JobStates::from_bits(-1)], [None, None]);
    }

    #[test]
    fn priorities_are_one_to_four() {
        let read: Vec<_> = (-1..7).filter_map(Priority::new).map(Priority::get).collect();
        assert_eq!(read, [1, 2, 3, 4]);
        assert_eq!(Priority::default().get(), 2);
    }
}
