//! The port that makes smaller pictures, and the rules of a deployment for them.

use super::BlobReader;
use crate::kernel::{BoxError, StoreError};
use async_trait::async_trait;
use skep_domain::files::{ImageSize, ImageSizes, MediaType};

/// A picture that was made from another one. It has its pixels and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaledImage {
    /// The media type of the content.
    pub media_type: MediaType,
    /// The whole content.
    pub content: Vec<u8>,
}

/// Why no picture was made.
#[derive(Debug)]
pub enum ScaleError {
    /// As many pictures are being made and waited for as allowed.
    Busy,
    /// The picture is larger than the limits allow: in pixels, or in the memory that it would need.
    TooLarge,
    /// The content is not a picture that can be read.
    Unreadable(BoxError),
    /// The content cannot be read from its store.
    Store(StoreError),
}

/// How large the result of [`ImageScaler`] may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageBounds {
    /// The greatest length of its longest side, in pixels.
    pub side: u32,
    /// The most bytes of its content.
    pub bytes: u64,
}

/// The most bytes of a picture in a size are so many times those of the source, and [`LEAST_BYTES`].
const BYTES_FACTOR: u64 = 8;
/// What every picture in a size may have, so that a small source can have a sharp one.
const LEAST_BYTES: u64 = 64 << 10;

impl ImageBounds {
    /// The bounds of a picture in this size, from a source with so many bytes. Pictures in sizes do not count for the quota of
    /// the owner, so they must not be much larger than what does: a source that has lost much can become many times its
    /// bytes where it is written without loss.
    #[must_use]
    pub const fn of(size: &ImageSize, source: u64) -> Self {
        let bytes = source.saturating_mul(BYTES_FACTOR).saturating_add(LEAST_BYTES);
        Self { side: size.side, bytes }
    }
}

/// Makes smaller pictures.
///
/// The result has the same ratio and stays within the bounds; it is never larger than the source. If its content would have
/// more bytes, its side is halved until it has not. It is turned as its metadata says, and has no metadata itself. Of several
/// frames it has the first one.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ImageScaler: Send + Sync {
    /// Reads a picture, and makes a smaller one. The source is read only when it is the turn of this call.
    ///
    /// # Errors
    /// [`ScaleError`].
    async fn scale(
        &self,
        source: Box<dyn BlobReader>,
        media_type: &MediaType,
        bounds: ImageBounds,
    ) -> Result<ScaledImage, ScaleError>;
}

/// The rules for pictures in sizes that a deployment can configure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePolicy {
    /// The sizes in which pictures are shown.
    pub sizes: ImageSizes,
    /// The greatest size in bytes of a content from which pictures are made.
    pub most_bytes: u64,
}

impl Default for ImagePolicy {
    /// Four sizes from 160 to 1,920 pixels, for contents of at most 10 MiB.
    fn default() -> Self {
        Self { sizes: ImageSizes::default(), most_bytes: 10 << 20 }
    }
}
