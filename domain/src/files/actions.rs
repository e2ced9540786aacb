//! The actions on files.

use crate::shared::{
    Action,
    BuiltInRole::{Auditor, Moderator},
};

/// Store a file, in one piece or in several. Only the owner of an upload adds to it or ends it.
pub const UPLOAD_FILE: Action = Action::account("files.file.upload");
/// Store a file by a link, for the account that made the link.
pub const UPLOAD_LINKED_FILE: Action = Action::everyone("files.upload_link.use");
/// Read a file that is private, and list files.
pub const READ_FILE: Action = Action::account("files.file.read").of_others(&[Moderator, Auditor]);
/// Read a file that is public.
pub const READ_PUBLIC_FILE: Action = Action::everyone("files.public_file.read");
/// Delete a file.
pub const DELETE_FILE: Action = Action::account("files.file.delete").of_others(&[Moderator]);

/// Ask the scanner again about the files that wait for it, or release them without a verdict.
pub const END_QUARANTINE: Action = Action::admin("files.quarantine.end");

/// Every action of this context.
pub const ALL: &[Action] = &[UPLOAD_FILE, UPLOAD_LINKED_FILE, READ_FILE, READ_PUBLIC_FILE, DELETE_FILE, END_QUARANTINE];
