//! What the erasure and the export of an account do with the tables of this context.

use crate::kernel::{Erasure, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[("instance_keys", UserData::None), ("field_keys", UserData::None)];
