//! The uniqueness rules of operations. Each is the name of an index or key in every store.

use crate::kernel::Constraint;

/// The id of an instance key.
pub const INSTANCE_KEY_ID: Constraint = Constraint::new("instance_keys_pkey");
/// One active and one next instance key per purpose.
pub const INSTANCE_KEY_STATE: Constraint = Constraint::new("instance_keys_purpose_state_key");

/// The id of a key of sealed fields.
pub const FIELD_KEY_ID: Constraint = Constraint::new("field_keys_pkey");
/// The number of a key of sealed fields.
pub const FIELD_KEY_NUMBER: Constraint = Constraint::new("field_keys_number_key");

/// Every rule.
pub const ALL: &[Constraint] = &[INSTANCE_KEY_ID, INSTANCE_KEY_STATE, FIELD_KEY_ID, FIELD_KEY_NUMBER];
