//! The operations of events.

use crate::{
    edge::BodyLimit,
    parts::{Cost, Operation},
};
use skep_application::{
    events::{DeleteSubscriptionError, HeldEventError, ResumeSubscriptionError, StartReplayError},
    kernel::{GetError, ListError},
};
use skep_domain::events::actions::{MANAGE_EVENT, READ_EVENT};

/// The limit of a replay: a name of a subscriber, a position and a time.
const REPLAY: BodyLimit = BodyLimit::new(4, 10);

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("list_events", READ_EVENT, ListError::REFUSALS).cost(Cost::Items),
    Operation::new("get_event", READ_EVENT, GetError::REFUSALS),
    Operation::new("start_replay", MANAGE_EVENT, StartReplayError::REFUSALS).body(REPLAY),
    Operation::new("list_subscribers", READ_EVENT, ListError::REFUSALS),
    Operation::new("get_subscriber", READ_EVENT, GetError::REFUSALS),
    Operation::new("delete_subscriber", MANAGE_EVENT, DeleteSubscriptionError::REFUSALS),
    Operation::new("resume_subscriber", MANAGE_EVENT, ResumeSubscriptionError::REFUSALS),
    Operation::new("list_parked_events", READ_EVENT, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("get_parked_event", READ_EVENT, GetError::REFUSALS),
    Operation::new("retry_parked_event", MANAGE_EVENT, HeldEventError::REFUSALS),
    Operation::new("skip_parked_event", MANAGE_EVENT, HeldEventError::REFUSALS),
];
