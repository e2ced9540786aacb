//! What is known about a connection pooler in between.
//!
//! A pooler may be put in place, restarted with another mode or removed while we run. A connection behind a pooler that
//! breaks is a reason for doubt. The next connection then looks again. If it finds something else than before, a new era
//! begins, and no connection of an earlier era is used after that.

use crate::pooler::Pooling;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of an era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Era(u64);

#[derive(Default)]
pub(crate) struct Known(Mutex<State>);

#[derive(Default)]
struct State {
    pooling: Option<Pooling>,
    era: Era,
    is_doubtful: bool,
}

impl Known {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found last. Nothing before the first connection.
    pub(crate) fn pooling(&self) -> Option<Pooling> {
        self.state().pooling
    }

    pub(crate) fn era(&self) -> Era {
        self.state().era
    }

    /// What was found last, unless there is a doubt.
    pub(crate) fn certain(&self) -> Option<(Pooling, Era)> {
        let state = self.state();
        state.pooling.filter(|_| !state.is_doubtful).map(|pooling| (pooling, state.era))
    }

    /// Makes the next connection look again, unless another era has begun.
    pub(crate) fn doubt(&self, era: Era) {
        let mut state = self.state();
        state.is_doubtful |= state.era == era;
    }

    /// Doubts after a connection of this era has failed. Without a pooler, each connection notices by itself whether one
    /// was put in place.
    pub(crate) fn doubt_after(&self, era: Era) {
        let mut state = self.state();
        if state.era == era && state.pooling != Some(Pooling::None) {
            state.is_doubtful = true;
        }
    }

    /// Ends the doubt. Another pooling than before begins an era; with the same, the connections that there are go on.
    pub(crate) fn learned(&self, pooling: Pooling) -> Era {
        let mut state = self.state();
        let era = if state.pooling == Some(pooling) { state.era } else { Era(state.era.0 + 1) };
        *state = State { pooling: Some(pooling), era, is_doubtful: false };
        era
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_of_this_era_behind_a_pooler_is_a_reason_for_doubt() {
        let known = Known::default();
        assert_eq!(known.certain(), None);
        let first = known.learned(Pooling::Sessions);
        known.doubt_after(first);
        assert_eq!((known.certain(), known.pooling()), (None, Some(Pooling::Sessions)));
        let second = known.learned(Pooling::Transactions);
        known.doubt_after(first);
        assert_eq!(known.certain(), Some((Pooling::Transactions, second)));
        assert_eq!(known.learned(Pooling::Transactions), second, "nothing has changed");
        let third = known.learned(Pooling::None);
        known.doubt_after(third);
        assert_eq!(known.certain(), Some((Pooling::None, third)));
    }

    #[test]
    fn a_connection_that_was_opened_in_an_earlier_era_is_no_reason_for_doubt() {
        let known = Known::default();
        let first = known.learned(Pooling::None);
        let second = known.learned(Pooling::Transactions);
        known.doubt(first);
        assert_eq!(known.certain(), Some((Pooling::Transactions, second)));
        known.doubt(second);
        assert_eq!(known.certain(), None);
    }
}
