//! What a process knows of a queue outside of the store that does not answer.

use super::LeasePolicy;
use skep_domain::{jobs::QueueName, shared::LeaseToken};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The pause before a queue that has failed is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Since when a queue does not answer, and what it may have given meanwhile.
pub struct TicketOutage {
    term: Duration,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    since: Option<Duration>,
    ask_at: Duration,
    /// Claims whose answers did not arrive, with the times when they failed.
    lost_answers: Vec<(Duration, (QueueName, LeaseToken))>,
}

impl TicketOutage {
    /// No outage. After a beat and a half, a worker with a ticket from before an outage has claimed its job in the store.
    #[must_use]
    pub fn new(leases: LeasePolicy) -> Self {
        let patience = leases.beat_every() + leases.look_every();
        Self { term: leases.term, patience, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the queue is to be asked now: it answers, or one caller in each pause tries it. All times are of the
    /// monotonic clock.
    pub(super) fn may_ask(&self, now: Duration) -> bool {
        let mut state = self.state();
        let may = state.since.is_none() || state.ask_at <= now;
        if state.since.is_some() && may {
            state.ask_at = now + PAUSE;
        }
        may
    }

    /// The queue has not answered. A claim may have got tickets.
    pub(super) fn failed(&self, now: Duration, claim: Option<(QueueName, LeaseToken)>) {
        let mut state = self.state();
        state.since.get_or_insert(now);
        state.ask_at = now + PAUSE;
        // After the term, the queue itself finds the tickets lost.
        let term = self.term;
        state.lost_answers.retain(|(at, _)| now.saturating_sub(*at) < term);
        state.lost_answers.extend(claim.map(|claim| (now, claim)));
    }

    /// The queue has answered, and has got the tickets of these claims back.
    pub(super) fn answered(&self, given_back: &[(QueueName, LeaseToken)]) {
        let mut state = self.state();
        state.since = None;
        state.lost_answers.retain(|(_, claim)| !given_back.contains(claim));
    }

    /// Whether the last answer is missing.
    pub(super) fn is_on(&self) -> bool {
        self.state().since.is_some()
    }

    /// Whether the outage is so long that the store gives the jobs.
    pub(super) fn is_long(&self, now: Duration) -> bool {
        self.state().since.is_some_and(|since| now.saturating_sub(since) >= self.patience)
    }

    /// The claims that may have got tickets which did not arrive.
    pub(super) fn lost_answers(&self) -> Vec<(QueueName, LeaseToken)> {
        self.state().lost_answers.iter().map(|(_, claim)| claim.clone()).collect()
    }
}
