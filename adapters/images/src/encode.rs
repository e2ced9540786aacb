//! Writing a picture.

use image::{
    DynamicImage, ExtendedColorType, ImageEncoder as _, ImageError, RgbImage, RgbaImage,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
        webp::WebPEncoder,
    },
    imageops,
};
use skep_application::files::ScaledImage;
use skep_domain::files::{Dimensions, MediaType};

/// From here on, a JPEG looks like its source to most people.
const QUALITY: u8 = 82;

/// The pixels of a picture that is written. One that a reader can see through has four bytes for each.
pub(crate) enum Pixels {
    Opaque(RgbImage),
    Clear(RgbaImage),
}

impl Pixels {
    pub(crate) fn of(picture: DynamicImage) -> Self {
        match picture.color().has_alpha() {
            true => Self::Clear(picture.into_rgba8()),
            false => Self::Opaque(picture.into_rgb8()),
        }
    }

    pub(crate) fn dimensions(&self) -> Dimensions {
        let (width, height) = match self {
            Self::Opaque(pixels) => pixels.dimensions(),
            Self::Clear(pixels) => pixels.dimensions(),
        };
        Dimensions { width, height }
    }

    /// Takes the mean of the pixels.
    pub(crate) fn shrink(&mut self, Dimensions { width, height }: Dimensions) {
        match self {
            Self::Opaque(pixels) => *pixels = imageops::thumbnail(pixels, width, height),
            Self::Clear(pixels) => *pixels = imageops::thumbnail(pixels, width, height),
        }
    }

    /// Writes the pixels and nothing else, in the smaller one of two forms. WebP loses nothing here, so it is smaller for
    /// drawings, and JPEG is for photographs. A picture that a reader can see through is WebP or PNG.
    pub(crate) fn encode(&self) -> Result<ScaledImage, ImageError> {
        let Dimensions { width, height } = self.dimensions();
        let (mut other, mut webp) = (vec![], vec![]);
        let (name, kind, pixels) = match self {
            Self::Opaque(pixels) => {
                let kind = ExtendedColorType::Rgb8;
                JpegEncoder::new_with_quality(&mut other, QUALITY).write_image(pixels, width, height, kind)?;
                ("image/jpeg", kind, pixels.as_raw())
            }
            Self::Clear(pixels) => {
                let kind = ExtendedColorType::Rgba8;
                PngEncoder::new_with_quality(&mut other, CompressionType::Default, FilterType::Adaptive)
                    .write_image(pixels, width, height, kind)?;
                ("image/png", kind, pixels.as_raw())
            }
        };
        WebPEncoder::new_lossless(&mut webp).encode(pixels, width, height, kind)?;
        let (name, content) = if webp.len() <= other.len() { ("image/webp", webp) } else { (name, other) };
        Ok(ScaledImage { media_type: MediaType::stored(name.to_owned()), content })
    }
}
