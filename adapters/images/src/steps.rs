//! The steps from a whole picture to a smaller one, and the memory that they need.

use image::{ColorType, DynamicImage, imageops::FilterType};
use skep_domain::files::Dimensions;

/// The bytes for each pixel of a buffer between the two passes of the filter.
const FILTERED: u64 = 16;
/// The most bytes for each pixel of the result, while it is turned and written: the pixels themselves, those that the encoder
/// of WebP works on, and two contents that grow, each for noise that nothing makes smaller.
const WRITTEN: u64 = 40;

/// How a picture becomes smaller. The mean of the pixels comes first, because a filter over a large picture needs many times
/// its memory.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    whole: Dimensions,
    /// What the filter reads: at most twice the result.
    mean: Dimensions,
    fitted: Dimensions,
}

impl Steps {
    pub(crate) fn new(whole: Dimensions, side: u32) -> Self {
        Self { whole, mean: whole.fit(side.saturating_mul(2)), fitted: whole.fit(side) }
    }

    /// The most bytes that the steps hold at the same time, with the pixels of the whole picture.
    pub(crate) fn memory(self, color: ColorType) -> u64 {
        let source = u64::from(color.bytes_per_pixel());
        let reduced = source / if is_deep(color) { 2 } else { 1 };
        let [whole, mean, fitted] = [self.whole, self.mean, self.fitted].map(Dimensions::pixels);
        let averaging = if self.mean == self.whole { 0 } else { source * (whole + mean) };
        let reducing = if is_deep(color) { (source + reduced) * mean } else { 0 };
        let buffer = Dimensions { height: self.fitted.height, ..self.mean }.pixels();
        let filtering = if self.fitted == self.mean { 0 } else { reduced * (mean + fitted) + FILTERED * buffer };
        [source * whole, averaging, reducing, filtering, WRITTEN * fitted].into_iter().max().unwrap_or(0)
    }

    /// Each step drops what it has read, before the next one needs memory.
    pub(crate) fn run(self, whole: DynamicImage) -> DynamicImage {
        let reduced = reduced(self.averaged(whole));
        if self.fitted == self.mean {
            return reduced;
        }
        reduced.resize_exact(self.fitted.width, self.fitted.height, FilterType::CatmullRom)
    }

    fn averaged(self, whole: DynamicImage) -> DynamicImage {
        if self.mean == self.whole { whole } else { whole.thumbnail_exact(self.mean.width, self.mean.height) }
    }
}

/// Whether a pixel has more than 8 bits for each color.
fn is_deep(color: ColorType) -> bool {
    color.bytes_per_pixel() > color.channel_count()
}

/// The same picture with 8 bits for each color. The result has no more.
fn reduced(picture: DynamicImage) -> DynamicImage {
    match picture {
        DynamicImage::ImageLuma16(_) => picture.into_luma8().into(),
        DynamicImage::ImageLumaA16(_) => picture.into_luma_alpha8().into(),
        DynamicImage::ImageRgb16(_) => picture.into_rgb8().into(),
        DynamicImage::ImageRgba16(_) => picture.into_rgba8().into(),
        picture => picture,
    }
}
