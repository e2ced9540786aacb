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

const SETTINGS: &[Setting] = &[Setting::new("SKEP_EVENT_DAYS", "operations.event_days", Shape::Number)
    .default("7")
    .form("days from 1 to 3650, or 0 to keep them", "7")
    .doc("How long the outbox keeps events. Then they are deleted, whether anything has read them or not. Skep itself does not read or deliver them yet.")];

fn read(source: &mut Source, policies: &mut Policies) {
    policies.events.lifetime = source.required("SKEP_EVENT_DAYS", read_lifetime);
}

/// `None` is the lifetime of events that are never deleted.
fn read_lifetime(text: &str) -> Option<Option<Duration>> {
    match number(text, 0, 3_650)? {
        0 => Some(None),
        days => Some(Some(Duration::from_secs(days * DAY))),
    }
}
