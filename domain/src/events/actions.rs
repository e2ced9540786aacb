//! The actions on events and their subscribers.

use crate::shared::{Action, BuiltInRole::Auditor};

/// See events, subscribers, and the events that are held back.
pub const READ_EVENT: Action = Action::roles("events.event.read", &[Auditor]);
/// Replay events, resume a subscriber that was broken off, delete a replay or a subscriber that no program has, and retry
/// or skip events that are held back.
pub const MANAGE_EVENT: Action = Action::admin("events.event.manage");

/// Every action of this context.
pub const ALL: &[Action] = &[READ_EVENT, MANAGE_EVENT];
