//! Pictures in sizes: which sizes there are, how large a picture is in one, and what is kept of it.

use super::{FileContent, FileId, FileName, MediaType};
use crate::shared::Timestamp;
use std::{fmt, sync::Arc};

/// The greatest number of sizes. A file has at most as many pictures beside its own.
pub const IMAGE_SIZES_MAX: usize = 8;
/// The greatest length of the name of a size.
pub const IMAGE_SIZE_NAME_MAX: usize = 32;
/// The smallest and the largest side that a size can have.
pub const IMAGE_SIDE: std::ops::RangeInclusive<u32> = 16..=4_096;

/// A size in which pictures are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSize {
    /// The name in URLs.
    pub name: String,
    /// The greatest length of the longest side, in pixels.
    pub side: u32,
}

/// The sizes of a deployment, the smallest one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSizes(Arc<[ImageSize]>);

/// Why sizes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidImageSizes {
    /// No size is named, or too many are.
    #[error("must be 1 to {IMAGE_SIZES_MAX} sizes")]
    Count,
    /// A name is not one, or occurs twice.
    #[error(
        "must have different names of a to z, 0 to 9 and _, beginning with a letter, of at most {IMAGE_SIZE_NAME_MAX} characters"
    )]
    Name,
    /// A side is too short or too long.
    #[error("must have sides from {} to {} pixels", IMAGE_SIDE.start(), IMAGE_SIDE.end())]
    Side,
}

impl ImageSizes {
    /// The sizes with these names and longest sides.
    ///
    /// # Errors
    /// [`InvalidImageSizes`].
    pub fn new<'a>(sizes: impl IntoIterator<Item = (&'a str, u32)>) -> Result<Self, InvalidImageSizes> {
        let mut all: Vec<ImageSize> = Vec::new();
        for (name, side) in sizes {
            if !is_name(name) || all.iter().any(|known| known.name == name) {
                return Err(InvalidImageSizes::Name);
            }
            if !IMAGE_SIDE.contains(&side) {
                return Err(InvalidImageSizes::Side);
            }
            all.push(ImageSize { name: name.to_owned(), side });
        }
        if all.is_empty() || all.len() > IMAGE_SIZES_MAX {
            return Err(InvalidImageSizes::Count);
        }
        all.sort_by(|one, other| (one.side, &one.name).cmp(&(other.side, &other.name)));
        Ok(Self(all.into()))
    }

    /// Reads sizes such as `small:480,large:1920`.
    ///
    /// # Errors
    /// [`InvalidImageSizes`].
    pub fn parse(text: &str) -> Result<Self, InvalidImageSizes> {
        let sizes = text.split(',').map(|size| {
            let (name, side) = size.trim().split_once(':').ok_or(InvalidImageSizes::Name)?;
            Ok((name.trim_end(), side.trim_start().parse().map_err(|_| InvalidImageSizes::Side)?))
        });
        Self::new(sizes.collect::<Result<Vec<_>, _>>()?)
    }

    /// The size with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&ImageSize> {
        self.0.iter().find(|size| size.name == name)
    }

    /// Whether a size has this longest side.
    #[must_use]
    pub fn has_side(&self, side: u32) -> bool {
        self.0.iter().any(|size| size.side == side)
    }

    /// The sizes, the smallest one first.
    pub fn iter(&self) -> impl Iterator<Item = &ImageSize> {
        self.0.iter()
    }

    /// The names, the smallest size first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|size| size.name.as_str())
    }
}

impl Default for ImageSizes {
    /// `thumbnail` of 160 pixels, `small` of 480, `medium` of 960 and `large` of 1920.
    fn default() -> Self {
        let size = |(name, side): (&str, u32)| ImageSize { name: name.to_owned(), side };
        Self([("thumbnail", 160), ("small", 480), ("medium", 960), ("large", 1_920)].map(size).into())
    }
}

impl fmt::Display for ImageSizes {
    /// As [`ImageSizes::parse`] reads them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, size) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "," };
            write!(f, "{separator}{}:{}", size.name, size.side)?;
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= IMAGE_SIZE_NAME_MAX
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The width and the height of a picture in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// From the left to the right.
    pub width: u32,
    /// From the top to the bottom.
    pub height: u32,
}

impl Dimensions {
    /// The number of pixels.
    #[must_use]
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// The dimensions with the same ratio whose longest side has at most `side` pixels. A smaller picture stays as it is,
    /// and no side gets shorter than one pixel.
    #[must_use]
    pub fn fit(self, side: u32) -> Self {
        let longest = u64::from(self.width.max(self.height));
        let side = u64::from(side.max(1));
        if longest <= side {
            return self;
        }
        let scaled = |length: u32| {
            let rounded = (u64::from(length) * side + longest / 2) / longest;
            u32::try_from(rounded.max(1)).unwrap_or(u32::MAX)
        };
        Self { width: scaled(self.width), height: scaled(self.height) }
    }
}

/// A picture of a file in one size, which was made from the content of the file. It is kept as a content of its own, and
/// belongs to the file: it goes with it. It can be made again at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileImage {
    /// The identifier, also of the kept content.
    pub id: FileId,
    /// The file that it shows.
    pub file_id: FileId,
    /// The greatest length of the longest side. A size that gets another side has another picture.
    pub side: u32,
    /// The facts about the kept content.
    pub content: FileContent,
    /// When it was made.
    pub created_at: Timestamp,
}

impl MediaType {
    /// Whether a content of this type is a picture that can be shown in sizes.
    #[must_use]
    pub fn is_scalable(&self) -> bool {
        matches!(self.as_str(), "image/png" | "image/jpeg" | "image/gif" | "image/webp")
    }
}

impl FileName {
    /// The name for a content of another media type: with the extension of that type in the place of its own.
    #[must_use]
    pub fn for_image(&self, media_type: &MediaType) -> Self {
        let Some(extension) = media_type.as_str().strip_prefix("image/") else { return self.clone() };
        let extension = if extension == "jpeg" { "jpg" } else { extension };
        let name = self.as_str();
        let stem = match name.rsplit_once('.') {
            Some((stem, end)) if !stem.is_empty() && end.len() <= 5 => stem,
            _ => name,
        };
        Self::parse(&format!("{stem}.{extension}")).unwrap_or_else(|_| self.clone())
    }
}

#[cfg(test)]
mod tests;
