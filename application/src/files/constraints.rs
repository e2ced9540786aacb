//! The uniqueness rules of files. Each is the name of an index or key in every store.

use crate::kernel::Constraint;

/// The id of a file.
pub const FILE_ID: Constraint = Constraint::new("files_pkey");
/// One usage for each owner.
pub const FILE_USAGE_OWNER: Constraint = Constraint::new("file_usage_pkey");

/// Every uniqueness rule.
pub const ALL: &[Constraint] = &[FILE_ID, FILE_USAGE_OWNER];
