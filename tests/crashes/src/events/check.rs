//! Each event has one position, in the order of its aggregate, and each mail one job.

use super::{Held, Placed, Subscription};
use crate::{
    check::Findings,
    context::{Checks, Command},
    jobs::{Job, MAIL},
    state::{Event, State},
};
use rand::rngs::StdRng;
use serde_json::Value;
use skep_journeys::Answer;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The subscriber that stores a job for each mail.
pub(super) const MAILS: &str = "notifications.order_mails";
/// The events that have a mail.
const MAILED: [&str; 2] = ["ordering.order_placed.v1", "ordering.order_cancelled.v1"];

/// The log with what its subscriber has made of it.
pub(super) struct Log<'s> {
    state: &'s State,
    events: BTreeMap<Uuid, &'s Event>,
    positions: BTreeMap<Uuid, i64>,
    /// The jobs of each event.
    jobs: BTreeMap<Uuid, Vec<Uuid>>,
    held: BTreeSet<Uuid>,
    /// How far the subscriber has come.
    passed: Option<i64>,
}

impl<'s> Log<'s> {
    pub(super) fn of(state: &'s State) -> Self {
        let mut jobs: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        for job in state.rows::<Job>().iter().filter(|job| job.kind == MAIL) {
            jobs.entry(job.event()).or_default().push(job.id);
        }
        let subscription = state.rows::<Subscription>().iter().find(|found| found.subscriber == MAILS);
        let is_ours = |held: &&Held| subscription.is_some_and(|found| found.id == held.subscription_id);
        Self {
            state,
            events: state.rows().iter().map(|event: &Event| (event.id, event)).collect(),
            positions: state.rows().iter().map(|placed: &Placed| (placed.event_id, placed.position)).collect(),
            jobs,
            held: state.rows::<Held>().iter().filter(is_ours).map(|held| held.event_id).collect(),
            passed: subscription.map(|found| found.position),
        }
    }

    /// Checks that positions count from 1 without gaps, and that no event has two.
    fn is_dense(&self, findings: &mut Findings) {
        let rows = self.state.rows::<Placed>();
        findings.holds(self.positions.len() == rows.len(), || "an event has two positions".to_owned());
        let mut positions: Vec<i64> = rows.iter().map(|placed| placed.position).collect();
        positions.sort_unstable();
        let is_dense = (1..).zip(&positions).all(|(expected, position)| expected == *position);
        findings.holds(is_dense, || "positions do not count from 1 without gaps".to_owned());
        for event in self.positions.keys() {
            findings.holds(self.events.contains_key(event), || format!("event {event} has a position but is missing"));
        }
    }

    /// Checks that the events of each aggregate have ascending positions, that none has one before its predecessor, and that
    /// their jobs were stored in this order: ids of jobs ascend with time.
    fn is_in_order(&self, findings: &mut Findings) {
        for (aggregate, events) in self.state.events("") {
            let position = |event: &&Event| self.positions.get(&event.id).copied().unwrap_or(i64::MAX);
            let positions: Vec<i64> = events.iter().map(position).collect();
            findings.holds(positions.is_sorted(), || {
                format!("the events of {aggregate} are placed out of order: {positions:?}")
            });
            let jobs: Vec<Uuid> = events.iter().flat_map(|event| self.jobs.get(&event.id)).flatten().copied().collect();
            findings
                .holds(jobs.is_sorted(), || format!("the events of {aggregate} are handled out of order: {jobs:?}"));
        }
    }

    /// The position of the last event.
    fn last(&self) -> i64 {
        i64::try_from(self.positions.len()).unwrap_or(i64::MAX)
    }

    /// Checks that the subscriber has made one job of each event that it has passed, and none of others.
    fn is_handled(&self, findings: &mut Findings) {
        let passed = self.passed.unwrap_or(0);
        for event in self.state.rows::<Event>().iter().filter(|event| MAILED.contains(&event.name.as_str())) {
            let has_passed = self.positions.get(&event.id).is_some_and(|position| *position <= passed);
            let expected = usize::from(has_passed && !self.held.contains(&event.id));
            let jobs = self.jobs.get(&event.id).map_or(0, Vec::len);
            findings.holds(jobs == expected, || {
                format!("event {} has {jobs} mails, not {expected}; the subscriber is at {passed}", event.id)
            });
        }
        for event in self.jobs.keys() {
            findings
                .holds(self.events.contains_key(event), || format!("a mail follows event {event}, which is missing"));
        }
    }
}

impl Checks for Log<'_> {
    fn rows(&self, findings: &mut Findings) {
        self.is_dense(findings);
        self.is_in_order(findings);
        self.is_handled(findings);
    }

    /// No client sends a command of this context.
    fn is_true(&self, _: &dyn Command, _: &Value) -> bool {
        false
    }

    fn is_answered(&self, _: &dyn Command, _: &Value, _: &Value) -> bool {
        false
    }

    fn over_http(&self, _: &dyn Fn(String) -> Answer, _: &mut StdRng, _: &mut Findings) {}

    fn is_settled(&self) -> bool {
        self.unfinished().is_empty() && self.held.is_empty()
    }

    fn unfinished(&self) -> Vec<&'static str> {
        let unplaced =
            (self.positions.len() < self.events.len()).then_some("kills that left events without a position");
        let undelivered = (self.passed < Some(self.last())).then_some("kills that left events undelivered");
        unplaced.into_iter().chain(undelivered).collect()
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        vec![("events delivered", self.passed.and_then(|passed| u64::try_from(passed).ok()).unwrap_or_default())]
    }
}
