//! Reading a picture within limits.

use crate::{ScalerLimits, steps::Steps, webp};
use image::{
    DynamicImage, ImageDecoder, ImageError, Limits,
    codecs::{gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder},
    metadata::Orientation,
};
use skep_application::files::ScaleError;
use skep_domain::files::{Dimensions, MediaType};
use std::io::Cursor;

/// Reads the pixels of a content, how they become smaller, and how they are turned to be seen upright. Of several frames, the
/// first one is read.
pub(crate) fn decode(
    content: &[u8],
    media_type: &MediaType,
    side: u32,
    limits: &ScalerLimits,
) -> Result<(DynamicImage, Steps, Orientation), ScaleError> {
    let source = Cursor::new(content);
    // The second argument is how often the decoder of the format holds all pixels at most, besides the result: as
    // coefficients of a progressive picture, as planes, or as a canvas.
    match media_type.as_str() {
        "image/jpeg" => read(JpegDecoder::new(source).map_err(refused)?, 2, (content, side), limits),
        "image/png" => {
            let decoder = PngDecoder::with_limits(source, self::limits(limits)).map_err(refused)?;
            read(decoder, 0, (content, side), limits)
        }
        "image/gif" => read(GifDecoder::new(source).map_err(refused)?, 1, (content, side), limits),
        "image/webp" => {
            let largest = webp::largest_frame(content).unwrap_or(0);
            if largest > limits.pixels {
                return Err(ScaleError::TooLarge);
            }
            read(WebPDecoder::new(source).map_err(refused)?, 2, (content, side), limits)
        }
        other => Err(ScaleError::Unreadable(format!("{other} is not read").into())),
    }
}

fn read(
    mut decoder: impl ImageDecoder,
    copies: u64,
    (content, side): (&[u8], u32),
    limits: &ScalerLimits,
) -> Result<(DynamicImage, Steps, Orientation), ScaleError> {
    let (width, height) = decoder.dimensions();
    let whole = Dimensions { width, height };
    if whole.pixels() > limits.pixels {
        return Err(ScaleError::TooLarge);
    }
    let steps = Steps::new(whole, side);
    // A decoder of JPEG keeps the content, too, in a buffer that has grown with it.
    let reading = decoder.total_bytes().saturating_mul(copies + 1).saturating_add(3 * content.len() as u64);
    if reading.max(steps.memory(decoder.color_type())) > limits.memory {
        return Err(ScaleError::TooLarge);
    }
    decoder.set_limits(self::limits(limits)).map_err(refused)?;
    // Metadata that cannot be read turns nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
    Ok((picture, steps, orientation))
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
