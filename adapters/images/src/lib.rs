//! Makes smaller pictures with the `image` crate.
//!
//! A picture is judged by its header before its pixels are read: the number of pixels, and the memory that decoding needs
//! at most. Pictures are made on a few blocking threads of the runtime, and a limited number of requests waits for them.

mod decode;
mod encode;
mod pool;
mod steps;
mod webp;

pub use pool::ScalerStats;

use async_trait::async_trait;
use pool::Pool;
use skep_application::files::{BlobReader, ImageBounds, ImageScaler, ScaleError, ScaledImage};
use skep_domain::files::MediaType;
use std::num::NonZeroUsize;

/// How much of the server pictures may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScalerLimits {
    /// The greatest number of pixels of a picture that is read.
    pub pixels: u64,
    /// The greatest number of bytes that one picture may need while it is made, with its content.
    pub memory: u64,
    /// The most pictures that are made at the same time.
    pub at_once: NonZeroUsize,
    /// The most requests that wait.
    pub waiting: usize,
}

impl Default for ScalerLimits {
    /// 25 megapixels, 256 MiB, 2 pictures at the same time, and 32 that wait.
    fn default() -> Self {
        let at_once = NonZeroUsize::MIN.saturating_add(1);
        Self { pixels: 25_000_000, memory: 256 << 20, at_once, waiting: 32 }
    }
}

/// Makes smaller pictures in this process.
#[derive(Clone)]
pub struct InProcessScaler {
    limits: ScalerLimits,
    pool: Pool,
}

impl InProcessScaler {
    /// A scaler with these limits.
    #[must_use]
    pub fn new(limits: ScalerLimits) -> Self {
        Self { limits, pool: Pool::new(limits.at_once, limits.waiting) }
    }

    /// The current load, for metrics.
    #[must_use]
    pub fn stats(&self) -> ScalerStats {
        self.pool.stats()
    }
}

#[async_trait]
impl ImageScaler for InProcessScaler {
    async fn scale(
        &self,
        mut source: Box<dyn BlobReader>,
        media_type: &MediaType,
        bounds: ImageBounds,
    ) -> Result<ScaledImage, ScaleError> {
        let turn = self.pool.turn().await.ok_or(ScaleError::Busy)?;
        let mut content = Vec::new();
        while let Some(piece) = source.read().await.map_err(ScaleError::Store)? {
            if (content.len() + piece.len()) as u64 > self.limits.memory {
                return Err(ScaleError::TooLarge);
            }
            content.extend(piece);
        }
        content.shrink_to_fit();
        let (limits, media_type) = (self.limits, media_type.clone());
        turn.run(move || scale(content, &media_type, bounds, &limits)).await.unwrap_or_else(|lost| {
            // A decoder has panicked. The content is at fault, and no other request is.
            Err(ScaleError::Unreadable(lost))
        })
    }
}

/// Makes a smaller picture of a whole content.
fn scale(
    content: Vec<u8>,
    media_type: &MediaType,
    ImageBounds { side, bytes }: ImageBounds,
    limits: &ScalerLimits,
) -> Result<ScaledImage, ScaleError> {
    let (whole, steps, orientation) = decode::decode(&content, media_type, side, limits)?;
    drop(content);
    let mut picture = steps.run(whole);
    picture.apply_orientation(orientation);
    let mut pixels = encode::Pixels::of(picture);
    loop {
        let scaled = pixels.encode().map_err(|error| ScaleError::Unreadable(error.into()))?;
        let now = pixels.dimensions();
        let smaller = now.fit(now.width.max(now.height) / 2);
        if scaled.content.len() as u64 <= bytes || smaller == now {
            return Ok(scaled);
        }
        pixels.shrink(smaller);
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
