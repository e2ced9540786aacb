//! The uniqueness rules of files. Each is the name of an index or key in every store.

use crate::kernel::Constraint;

/// The id of a file.
pub const FILE_ID: Constraint = Constraint::new("files_pkey");
/// A link stores one file. Files without a link have no part in it.
pub const FILE_UPLOAD_LINK: Constraint = Constraint::new("files_upload_link_id_key");
/// One usage for each owner.
pub const FILE_USAGE_OWNER: Constraint = Constraint::new("file_usage_pkey");

/// The id of a picture in a size.
pub const FILE_IMAGE_ID: Constraint = Constraint::new("file_images_pkey");
/// A file has one picture in each size.
pub const FILE_IMAGE_SIDE: Constraint = Constraint::new("file_images_file_id_side_key");
/// The file of a picture exists. In stores with foreign keys it names one. It is not in [`ALL`].
pub const FILE_IMAGE_FILE: Constraint = Constraint::new("file_images_file_id_fkey");

/// Every uniqueness rule.
pub const ALL: &[Constraint] = &[FILE_ID, FILE_UPLOAD_LINK, FILE_USAGE_OWNER, FILE_IMAGE_ID, FILE_IMAGE_SIDE];
