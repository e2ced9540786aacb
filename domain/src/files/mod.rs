//! Files of users: what they may be called, how large they may be, what they may contain, and how much a user may keep.

pub mod actions;
mod checksum;
pub mod events;
mod file;
mod image;
mod media_type;
mod name;
mod purpose;
mod resumable;
mod scan;
mod usage;

pub use checksum::{Checksum, InvalidChecksum};
pub use file::{File, FileContent, FileDisposition, FileId, FileState, FileVisibility, NotUploading, UploadLinkId};
pub use image::{
    Dimensions, FileImage, IMAGE_SIDE, IMAGE_SIZE_NAME_MAX, IMAGE_SIZES_MAX, ImageSize, ImageSizes, InvalidImageSizes,
};
pub use media_type::{InvalidMediaType, MEDIA_TYPE_MAX, MediaType};
pub use name::{FILE_NAME_MAX, FileName, InvalidFileName};
pub use purpose::FilePurpose;
pub use resumable::{
    APPEND_TERM_MILLIS, AppendRefused, Appender, InvalidUploadMetadata, Resumable, UPLOAD_METADATA_MAX, UploadMetadata,
};
pub use scan::{INFECTED_KEPT_MILLIS, NotQuarantined, ThreatName, Verdict};
pub use usage::{FileQuota, FileUsage, QuotaExceeded};
