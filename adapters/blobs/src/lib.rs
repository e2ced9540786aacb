//! The contents of files: on a disk, or in memory, and what they are.

mod content_types;
mod disk;
mod memory;
mod verified;

pub use content_types::SniffedTypes;
pub use disk::DiskBlobs;
pub use memory::MemoryBlobs;
