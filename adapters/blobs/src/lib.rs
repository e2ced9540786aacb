//! The contents of files: on a disk, in a bucket of S3, or in memory, and what they are.

mod content_types;
mod disk;
mod memory;
mod s3;
mod verified;

pub use content_types::SniffedTypes;
pub use disk::DiskBlobs;
pub use memory::MemoryBlobs;
pub use s3::{S3Blobs, S3Memory, S3Options};
