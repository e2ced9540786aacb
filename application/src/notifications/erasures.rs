//! What the erasure of an account does with the tables of this context.

use crate::kernel::{Erasure, UserData};

/// Every table of this context.
pub(crate) const ALL: &[Erasure] = &[("mail_templates", UserData::None)];
