//! The pictures of a product.

use super::Product;
use crate::{
    files::{File, FileId, FilePurpose, FileState, FileVisibility},
    shared::{InvalidText, Text, Timestamp},
};

/// The greatest number of pictures of a product.
pub const MOST_PICTURES: usize = 12;
/// The greatest length of an alternative text in characters.
pub const ALT_MAX: usize = 250;

/// A picture of a product: a file, and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Picture {
    /// The file. It may have been deleted meanwhile; then it has no content.
    pub file_id: FileId,
    /// The text for readers that do not see the picture, one line of at most [`ALT_MAX`] characters. It is empty for a
    /// picture that only decorates (WCAG 2.2, 1.1.1).
    pub alt: Text,
}

/// Why a product cannot have these pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PicturesRefusal {
    /// There are more than [`MOST_PICTURES`].
    #[error("must have at most {MOST_PICTURES} items")]
    TooMany,
    /// The file of this picture is the one of an earlier picture.
    #[error("is the file of an earlier picture")]
    Repeated {
        /// The place of the later picture, from 0.
        place: usize,
    },
}

/// Why a file cannot be a picture of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitFile {
    /// The upload is not complete, the file is infected, or it is deleted.
    #[error("the file does not exist")]
    NotReady,
    /// No scanner has judged the file yet, so visitors do not see it.
    #[error("the file waits for the scanner, try again later")]
    Quarantined,
    /// Visitors do not see the file.
    #[error("the file must be public")]
    NotPublic,
    /// The file has another purpose than [`FilePurpose::Image`], so it may have any content and size.
    #[error("the file must have the purpose `image`")]
    NotAnImage,
}

impl Picture {
    /// Reads an alternative text. A blank one is empty.
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn alt(text: &str) -> Result<Text, InvalidText> {
        match Text::line(text, ALT_MAX) {
            Err(InvalidText::Empty) => Ok(Text::stored(String::new())),
            read => read,
        }
    }

    /// Checks that every visitor can see this file as a picture.
    ///
    /// # Errors
    /// [`UnfitFile`].
    pub fn check_file(file: &File) -> Result<(), UnfitFile> {
        if file.state == FileState::Quarantined {
            return Err(UnfitFile::Quarantined);
        }
        if file.ready().is_none() {
            return Err(UnfitFile::NotReady);
        }
        if file.visibility != FileVisibility::Public {
            return Err(UnfitFile::NotPublic);
        }
        if file.purpose == FilePurpose::Image { Ok(()) } else { Err(UnfitFile::NotAnImage) }
    }

    /// Checks the pictures of one product.
    ///
    /// # Errors
    /// [`PicturesRefusal`], for the first picture that is one too many.
    pub fn check_all(pictures: &[Self]) -> Result<(), PicturesRefusal> {
        if pictures.len() > MOST_PICTURES {
            return Err(PicturesRefusal::TooMany);
        }
        let is_repeated =
            |place: &usize| pictures[..*place].iter().any(|earlier| earlier.file_id == pictures[*place].file_id);
        match (0..pictures.len()).find(is_repeated) {
            Some(place) => Err(PicturesRefusal::Repeated { place }),
            None => Ok(()),
        }
    }
}

impl Product {
    /// Replaces the pictures. Returns `false` if they were the same, in the same order; then `updated_at` stays.
    ///
    /// # Errors
    /// [`PicturesRefusal`]; the product is unchanged.
    pub fn set_pictures(&mut self, pictures: Vec<Picture>, now: Timestamp) -> Result<bool, PicturesRefusal> {
        Picture::check_all(&pictures)?;
        let is_changed = pictures != self.pictures;
        if is_changed {
            self.pictures = pictures;
            self.updated_at = now.not_before(self.updated_at);
        }
        Ok(is_changed)
    }
}

#[cfg(test)]
mod tests;
