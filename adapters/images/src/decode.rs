//! Reading a picture within limits.

use crate::{ScalerLimits, webp};
use image::{
    DynamicImage, ImageDecoder, ImageError, Limits,
    codecs::{gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder},
    metadata::Orientation,
};
use skep_application::files::ScaleError;
use skep_domain::files::{Dimensions, MediaType};
use std::io::Cursor;

/// Reads the pixels of a content, and how they are turned to be seen upright. Of several frames, the first one is read.
pub(crate) fn decode(
    content: &[u8],
    media_type: &MediaType,
    limits: &ScalerLimits,
) -> Result<(DynamicImage, Orientation), ScaleError> {
    let source = Cursor::new(content);
    // The second argument is how often the decoder of the format holds all pixels at most, besides the result: as
    // coefficients of a progressive picture, as planes, or as a canvas.
    match media_type.as_str() {
        "image/jpeg" => read(JpegDecoder::new(source).map_err(refused)?, 2, content, limits),
        "image/png" => {
            let decoder = PngDecoder::with_limits(source, self::limits(limits)).map_err(refused)?;
            read(decoder, 0, content, limits)
        }
        "image/gif" => read(GifDecoder::new(source).map_err(refused)?, 1, content, limits),
        "image/webp" => {
            let largest = webp::largest_frame(content).unwrap_or(0);
            if largest > limits.pixels {
                return Err(ScaleError::TooLarge);
            }
            read(WebPDecoder::new(source).map_err(refused)?, 2, content, limits)
        }
        other => Err(ScaleError::Unreadable(format!("{other} is not read").into())),
    }
}

fn read(
    mut decoder: impl ImageDecoder,
    copies: u64,
    content: &[u8],
    limits: &ScalerLimits,
) -> Result<(DynamicImage, Orientation), ScaleError> {
    let (width, height) = decoder.dimensions();
    // A decoder of JPEG keeps the content, too.
    let needed = decoder.total_bytes().saturating_mul(copies + 1).saturating_add(2 * content.len() as u64);
    if (Dimensions { width, height }).pixels() > limits.pixels || needed > limits.memory {
        return Err(ScaleError::TooLarge);
    }
    decoder.set_limits(self::limits(limits)).map_err(refused)?;
    // Metadata that cannot be read turns nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
    Ok((picture, orientation))
}

fn limits(limits: &ScalerLimits) -> Limits {
    let mut given = Limits::no_limits();
    given.max_alloc = Some(limits.memory);
    given
}

fn refused(error: ImageError) -> ScaleError {
    match error {
        ImageError::Limits(_) => ScaleError::TooLarge,
        error => ScaleError::Unreadable(error.into()),
    }
}
