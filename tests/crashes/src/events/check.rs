//! Each event has one position, in the order of its aggregate, and each mail one job.

use super::{Held, Job, Placed, Subscription, event_of};
use crate::{
    check::Findings,
    context::{Checks, Command},
    state::{Event, State, parsed},
};
use rand::rngs::StdRng;
use serde_json::Value;
use skep_journeys::Answer;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The subscriber that stores a job for each mail, and the kind of these jobs.
pub(super) const MAILS: &str = "notifications.order_mails";
pub(super) const MAIL: &str = "notifications.order_mail";
/// The events that have a mail.
const MAILED: [&str; 2] = ["ordering.order_placed.v1", "ordering.order_cancelled.v1"];

/// The log with what its subscriber has made of it.
pub(super) struct Log<'s> {
    state: &'s State,
    events: BTreeMap<Uuid, &'s Event>,
    positions: BTreeMap<Uuid, i64>,
    /// The number of jobs for each event.
    jobs: BTreeMap<Uuid, usize>,
    held: BTreeSet<Uuid>,
    /// How far the subscriber has come.
    passed: Option<i64>,
}

impl<'s> Log<'s> {
    pub(super) fn of(state: &'s State) -> Self {
        let mut jobs: BTreeMap<Uuid, usize> = BTreeMap::new();
        for job in state.rows::<Job>().iter().filter(|job| job.kind == MAIL) {
            *jobs.entry(event_of(&parsed(&job.args))).or_default() += 1;
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

    /// Checks that the events of each aggregate have ascending positions, and that none has one before its predecessor.
    fn is_in_order(&self, findings: &mut Findings) {
        let mut by_aggregate: BTreeMap<Uuid, Vec<(i64, i64)>> = BTreeMap::new();
        for event in self.state.rows::<Event>() {
            let position = self.positions.get(&event.id).copied().unwrap_or(i64::MAX);
            by_aggregate.entry(event.aggregate_id).or_default().push((event.aggregate_version, position));
        }
        for (aggregate, mut events) in by_aggregate {
            events.sort_unstable();
            let is_sorted = events.is_sorted_by_key(|(_, position)| *position);
            findings.holds(is_sorted, || format!("the events of {aggregate} are placed out of order: {events:?}"));
        }
    }

    /// Checks that the subscriber has made one job of each event that it has passed, and none of others.
    fn is_handled(&self, findings: &mut Findings) {
        let passed = self.passed.unwrap_or(0);
        for event in self.state.rows::<Event>().iter().filter(|event| MAILED.contains(&event.name.as_str())) {
            let has_passed = self.positions.get(&event.id).is_some_and(|position| *position <= passed);
            let expected = usize::from(has_passed && !self.held.contains(&event.id));
            let jobs = self.jobs.get(&event.id).copied().unwrap_or_default();
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
        let is_done = |job: &Job| job.kind != MAIL || job.state == "completed";
        let last = i64::try_from(self.positions.len()).unwrap_or(i64::MAX);
        self.positions.len() == self.events.len()
            && self.passed >= Some(last)
            && self.held.is_empty()
            && self.state.rows::<Job>().iter().all(is_done)
    }
}
