//! What the erasure of an account does with the tables of this context.

use crate::kernel::{Erasure, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[
    ("unplaced_events", UserData::None),
    ("event_positions", UserData::None),
    ("event_log", UserData::None),
    ("subscriptions", UserData::None),
    ("received_events", UserData::None),
    ("held_events", UserData::None),
];
