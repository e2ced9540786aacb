//! Rows that a worker holds while it works on them: jobs, and the positions of event subscribers.
//!
//! A worker claims a row and gets a token that no earlier claim had. It proves its hold with a beat from time to time.
//! Each later change names the token, so a worker that was taken for dead cannot change a row that another one holds.
//!
//! No wall clock decides whether a holder lives (J4). [`HeldRows`] observes the beats with a monotonic clock, so a clock that
//! jumps, or differs between two hosts, takes no row from a worker that beats.

use super::typed_id;
use std::{collections::BTreeMap, time::Duration};

typed_id! {
    /// Identifies one claim. Every change of a held row names it.
    LeaseToken
}

/// A worker's hold on a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The claim.
    pub token: LeaseToken,
    /// Counts the beats of the holder.
    pub beat: u32,
}

/// The row is not held by this claim: another worker has claimed it meanwhile, or it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the row is no longer held by this claim")]
pub struct Fenced;

impl Lease {
    /// A new hold.
    #[must_use]
    pub const fn new(token: LeaseToken) -> Self {
        Self { token, beat: 0 }
    }

    /// Checks that `held` is a hold by this claim, and returns it.
    ///
    /// # Errors
    /// [`Fenced`].
    pub fn of(held: &mut Option<Self>, token: LeaseToken) -> Result<&mut Self, Fenced> {
        held.as_mut().filter(|lease| lease.token == token).ok_or(Fenced)
    }

    /// Counts a beat. The counter starts again at 0 after its greatest value.
    pub const fn renew(&mut self) {
        self.beat = self.beat.wrapping_add(1);
    }
}

/// What an observer remembers about the rows that are held. Each instance has its own.
#[derive(Debug, Clone)]
pub struct HeldRows<I> {
    term: Duration,
    /// The last known lease of each row, and when this observer saw it first.
    seen: BTreeMap<I, (Lease, Duration)>,
}

impl<I: Copy + Ord> HeldRows<I> {
    /// An observer that takes a holder for dead after it has not beaten for `term`.
    #[must_use]
    pub fn new(term: Duration) -> Self {
        Self { term, seen: BTreeMap::new() }
    }

    /// Compares the rows that are held now with those of earlier calls, and returns the rows whose holders have not
    /// beaten for the term. `now` is the time of a monotonic clock. A row that is not in `held` is forgotten, so the
    /// memory is bounded by the rows that are held. A row is to be freed only if it still has the returned lease.
    pub fn observe(&mut self, now: Duration, held: impl IntoIterator<Item = (I, Lease)>) -> Vec<(I, Lease)> {
        let mut seen = BTreeMap::new();
        let mut expired = vec![];
        for (id, lease) in held {
            let since = match self.seen.get(&id) {
                Some((known, since)) if *known == lease => *since,
                _ => now,
            };
            if now.saturating_sub(since) >= self.term {
                expired.push((id, lease));
            }
            seen.insert(id, (lease, since));
        }
        self.seen = seen;
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn token(number: u128) -> LeaseToken {
        LeaseToken::new(Uuid::from_u128(number))
    }

    #[test]
    fn only_the_latest_claim_may_change_the_row() {
        let mut held = Some(Lease::new(token(1)));
        Lease::of(&mut held, token(1)).unwrap().renew();
        assert_eq!(held.unwrap().beat, 1);
        assert_eq!(Lease::of(&mut held, token(2)), Err(Fenced));
        assert_eq!(Lease::of(&mut None, token(1)), Err(Fenced));
    }

    #[test]
    fn a_holder_that_stops_beating_is_reported_after_the_term_and_not_before() {
        let term = Duration::from_secs(30);
        let mut rows = HeldRows::new(term);
        let lease = Lease::new(token(1));
        assert_eq!(rows.observe(Duration::from_secs(100), [(7, lease)]), [], "the first sight starts the term");
        assert_eq!(rows.observe(Duration::from_secs(129), [(7, lease)]), []);
        assert_eq!(rows.observe(Duration::from_secs(130), [(7, lease)]), [(7, lease)]);
        let beaten = Lease { beat: 1, ..lease };
        assert_eq!(rows.observe(Duration::from_secs(131), [(7, beaten)]), []);
        assert_eq!(rows.observe(Duration::from_secs(160), [(7, Lease::new(token(2)))]), [], "another claim");
    }

    #[test]
    fn rows_that_are_no_longer_held_are_forgotten() {
        let mut rows = HeldRows::new(Duration::from_secs(1));
        rows.observe(Duration::ZERO, (0..100).map(|id| (id, Lease::new(token(id)))));
        rows.observe(Duration::ZERO, []);
        assert!(rows.seen.is_empty());
    }

    proptest! {
        /// A holder that beats at least once within each term is never reported, however the observer's calls fall.
        #[test]
        fn a_beating_holder_is_never_reported(gaps in prop::collection::vec(0_u64..30, 1..50)) {
            let mut rows = HeldRows::new(Duration::from_secs(30));
            let (mut now, mut lease) = (Duration::from_secs(5), Lease::new(token(1)));
            for gap in gaps {
                now += Duration::from_secs(gap);
                prop_assert_eq!(rows.observe(now, [(1, lease)]), vec![]);
                lease.renew();
                prop_assert_eq!(rows.observe(now, [(1, lease)]), vec![]);
            }
        }
    }
}
