//! Writing a picture.

use image::{
    DynamicImage, ExtendedColorType, ImageEncoder as _, ImageError,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
        webp::WebPEncoder,
    },
};
use skep_application::files::ScaledImage;
use skep_domain::files::MediaType;

/// From here on, a JPEG looks like its source to most people.
const QUALITY: u8 = 82;

/// Writes the pixels and nothing else, in the smaller one of two forms. WebP loses nothing here, so it is smaller for
/// drawings, and JPEG is for photographs. A picture that one can see through is WebP or PNG.
pub(crate) fn encode(picture: DynamicImage) -> Result<ScaledImage, ImageError> {
    let (mut other, mut webp) = (vec![], vec![]);
    let is_opaque = !picture.color().has_alpha();
    let (name, kind, pixels, (width, height)) = if is_opaque {
        let pixels = picture.into_rgb8();
        let size = pixels.dimensions();
        ("image/jpeg", ExtendedColorType::Rgb8, pixels.into_raw(), size)
    } else {
        let pixels = picture.into_rgba8();
        let size = pixels.dimensions();
        ("image/png", ExtendedColorType::Rgba8, pixels.into_raw(), size)
    };
    if is_opaque {
        JpegEncoder::new_with_quality(&mut other, QUALITY).write_image(&pixels, width, height, kind)?;
    } else {
        PngEncoder::new_with_quality(&mut other, CompressionType::Default, FilterType::Adaptive)
            .write_image(&pixels, width, height, kind)?;
    }
    WebPEncoder::new_lossless(&mut webp).encode(&pixels, width, height, kind)?;
    let (name, content) = if webp.len() <= other.len() { ("image/webp", webp) } else { (name, other) };
    Ok(ScaledImage { media_type: MediaType::stored(name.to_owned()), content })
}
