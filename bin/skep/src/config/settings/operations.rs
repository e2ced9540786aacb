//! The settings of operations.

use super::ContextSettings;
use crate::config::{
    parse::number,
    read::Source,
    setting::{Setting, Shape},
};
use skep_application::{Policies, events::EventPolicy};
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;

pub(super) const OPERATIONS: ContextSettings = ContextSettings { settings: SETTINGS, read };

const SETTINGS: &[Setting] = &[
    Setting::new("SKEP_EVENT_DAYS", "operations.event_days", Shape::Number)
        .default("7")
        .form("days from 1 to 3650, or 0 to keep them", "7")
        .doc("How long events are kept. An event that a subscriber has not passed yet, or holds back, is kept longer."),
    Setting::new("SKEP_EVENT_LAG_DAYS", "operations.event_lag_days", Shape::Number)
        .default("30")
        .form("days from 1 to 3650", "30")
        .doc("How long an event is kept that a subscriber has not passed yet, if that is longer than SKEP_EVENT_DAYS. A subscriber that is further behind is broken off, and gets no events until an operator resumes it."),
];

fn read(source: &mut Source, policies: &mut Policies) {
    policies.events = EventPolicy {
        lifetime: source.required("SKEP_EVENT_DAYS", read_lifetime),
        longest_lag: source.required("SKEP_EVENT_LAG_DAYS", read_days),
    };
}

/// `None` is the lifetime of events that are never deleted.
fn read_lifetime(text: &str) -> Option<Option<Duration>> {
    match number(text, 0, 3_650)? {
        0 => Some(None),
        days => Some(Some(Duration::from_secs(days * DAY))),
    }
}

fn read_days(text: &str) -> Option<Duration> {
    number(text, 1, 3_650).map(|days| Duration::from_secs(days * DAY))
}
