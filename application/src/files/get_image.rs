//! Showing a picture in a size. The first request makes it, and the later ones find it.
//!
//! 1. The smaller picture is made from the content of the file.
//! 2. It is published as a content of its own, under a new id.
//! 3. A unit of work stores its row, if the file is still ready.
//!
//! After a crash between two steps there is a content without a row, which the sweep removes. There is never a row without
//! its content.

use super::{
    BlobStore, FileQueries, FileView, FilesTx, ImageBounds, ImagePolicy, ImageScaler, ReadFileError, ScaleError,
    ScaledImage, ShownContent,
    constraints::{FILE_IMAGE_FILE, FILE_IMAGE_SIDE},
    image_flights::{Flights, Refused},
};
use crate::kernel::{
    AppError as _, Attempt, Begin, Key, NotFound, Runtime, StoreError, TxMode, refusal, run, use_case_error,
};
use skep_domain::files::{FileContent, FileId, FileImage, FileState, ImageSize};
use std::{sync::Arc, time::Duration};

refusal! {
    /// There is no size with this name. The message has the names of all sizes.
    UnknownImageSize {
        /// The names, separated by commas.
        pub names: String,
    } = Invalid, "unknown_image_size", "the size must be one of {names}";
}

refusal! {
    /// The content of the file is not a picture that is shown in sizes. Those are PNG, JPEG, GIF and WebP.
    NotAnImage = Invalid, "not_an_image";
}

refusal! {
    /// The content of the file says that it is a picture, but it cannot be read as one.
    ImageUnreadable = Invalid, "image_unreadable";
}

refusal! {
    /// The picture has too many bytes or pixels to be shown in sizes.
    ImageTooLarge = Invalid, "image_too_large";
}

refusal! {
    /// The server is making too many pictures at once; try again after the time in `Retry-After`.
    ScalersBusy = Unavailable, "scalers_busy";
    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

use_case_error! {
    /// The reason why a picture is not shown in a size.
    GetImageError {
        NotFound(NotFound),
        UnknownSize(UnknownImageSize),
        NotAnImage(NotAnImage),
        Unreadable(ImageUnreadable),
        TooLarge(ImageTooLarge),
        Busy(ScalersBusy),
    }
}

use_case_error! {
    /// The reason why a content is not shown, as it is or in a size.
    ShowContentError {
        Read(ReadFileError),
        Image(GetImageError),
    }
}

/// A picture in a size, and whether this request has made it.
pub struct SizedImage {
    /// The content to show.
    pub shown: ShownContent,
    /// Whether it was made by this request.
    pub is_new: bool,
}

/// Shows the pictures of files in the sizes of the deployment.
pub struct GetImage {
    store: Arc<dyn Begin<dyn FilesTx>>,
    files: Arc<dyn FileQueries>,
    blobs: Arc<dyn BlobStore>,
    scaler: Arc<dyn ImageScaler>,
    runtime: Runtime,
    policy: ImagePolicy,
    flights: Flights,
    refused: Refused,
}

/// What the unit of work of a new picture has done.
enum Kept {
    /// It has stored the picture in place of these, whose sizes no longer exist.
    Stored(Vec<FileId>),
    /// Another instance had stored the same one before.
    Earlier(FileImage),
}

impl GetImage {
    /// Keeps rows in the one store and contents in the other.
    #[must_use]
    pub fn new(
        (store, files): (Arc<dyn Begin<dyn FilesTx>>, Arc<dyn FileQueries>),
        blobs: Arc<dyn BlobStore>,
        scaler: Arc<dyn ImageScaler>,
        runtime: Runtime,
        policy: ImagePolicy,
    ) -> Self {
        let (flights, refused) = (Flights::default(), Refused::default());
        Self { store, files, blobs, scaler, runtime, policy, flights, refused }
    }

    /// Returns the picture of a file that the caller may see, in the size with this name. Requests for the same picture at
    /// the same time wait for the first one.
    ///
    /// # Errors
    /// [`GetImageError`].
    pub async fn execute(&self, file: &FileView, size: &str) -> Result<SizedImage, GetImageError> {
        let Some(size) = self.policy.sizes.find(size) else {
            let names: Vec<&str> = self.policy.sizes.names().collect();
            return Err(UnknownImageSize { names: names.join(", ") }.into());
        };
        if !file.media_type.is_scalable() {
            return Err(NotAnImage.into());
        }
        if file.size > self.policy.most_bytes {
            return Err(ImageTooLarge.into());
        }
        let which = (file.id, size.side);
        loop {
            if let Some(image) = self.files.find_image(file.id, size.side).await? {
                return Ok(SizedImage { shown: ShownContent::sized(file, image), is_new: false });
            }
            if let Some(refused) = self.refused.find(which) {
                return Err(refused);
            }
            let Some(_flight) = self.flights.begin(which).await else { continue };
            // Another flight may have ended after the look above.
            if let Some(image) = self.files.find_image(file.id, size.side).await? {
                return Ok(SizedImage { shown: ShownContent::sized(file, image), is_new: false });
            }
            let image = self.make(file, size).await.inspect_err(|error| self.refused.note(which, error))?;
            return Ok(SizedImage { shown: ShownContent::sized(file, image), is_new: true });
        }
    }

    /// Deletes a picture whose content is missing or damaged. The next request makes it again.
    ///
    /// # Errors
    /// The store's error.
    pub async fn forget(&self, shown: &ShownContent) -> Result<(), StoreError> {
        if !shown.is_sized() {
            return Ok(());
        }
        let id = shown.content_id;
        run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[Key(shown.file.id.uuid())]).await?;
            let forgotten = unit.images().delete_many(&[id]).await;
            attempt.end(unit, forgotten).await
        })
        .await?;
        self.blobs.delete(id).await
    }

    async fn make(&self, file: &FileView, size: &ImageSize) -> Result<FileImage, GetImageError> {
        let Some(source) = self.blobs.open_whole(file.id, file.written()).await? else {
            return match self.files.find_file(file.id).await?.filter(|file| file.state == FileState::Ready) {
                Some(_) => Err(StoreError::corrupt("files", file.id, "the content is missing").into()),
                None => Err(NotFound("file").into()),
            };
        };
        let scaled = self.scaler.scale(source, &file.media_type, ImageBounds::of(size, file.size)).await?;
        let image = self.publish(file.id, size.side, scaled).await?;
        match self.keep(&image).await {
            Ok(Kept::Stored(obsolete)) => {
                for id in obsolete {
                    // What is left over here is left to the sweep.
                    let _ = self.blobs.delete(id).await;
                }
                Ok(image)
            }
            Ok(Kept::Earlier(earlier)) => {
                let _ = self.blobs.delete(image.id).await;
                Ok(earlier)
            }
            // After an unknown outcome the row may be there, so the content stays. The sweep removes it if it is not.
            Err(error) if error.store_error().is_some() => Err(error),
            Err(refused) => {
                let _ = self.blobs.delete(image.id).await;
                Err(refused)
            }
        }
    }

    async fn publish(&self, file_id: FileId, side: u32, scaled: ScaledImage) -> Result<FileImage, StoreError> {
        let id = FileId::new(self.runtime.ids.next());
        let mut staged = self.blobs.stage(id).await?;
        staged.write(&scaled.content).await?;
        let written = staged.sync().await?;
        staged.publish().await?;
        let content = FileContent { size: written.size, media_type: scaled.media_type, checksum: written.checksum };
        Ok(FileImage { id, file_id, side, content, created_at: self.runtime.clock.now() })
    }

    /// Stores the row of a picture.
    async fn keep(&self, image: &FileImage) -> Result<Kept, GetImageError> {
        run(&self.runtime, None, |attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[Key(image.file_id.uuid())]).await?;
            let kept = self.store_row(&mut *unit, image, &attempt).await;
            attempt.end(unit, kept).await
        })
        .await
    }

    async fn store_row(
        &self,
        unit: &mut dyn FilesTx,
        image: &FileImage,
        attempt: &Attempt,
    ) -> Result<Kept, GetImageError> {
        let file = unit.files().find(image.file_id).await?;
        if file.is_none_or(|file| file.state != FileState::Ready) {
            return Err(NotFound("file").into());
        }
        let others = unit.images().list_of(image.file_id).await?;
        if let Some(same) = others.iter().find(|other| other.side == image.side) {
            // An attempt after an unknown outcome finds the row of the earlier one.
            let is_own = attempt.after_unknown && same.id == image.id;
            return Ok(if is_own { Kept::Stored(vec![]) } else { Kept::Earlier(same.clone()) });
        }
        let obsolete = others.iter().filter(|other| !self.policy.sizes.has_side(other.side));
        let obsolete: Vec<FileId> = obsolete.map(|other| other.id).collect();
        if !obsolete.is_empty() {
            unit.images().delete_many(&obsolete).await?;
        }
        unit.images().insert(image).await.map_err(|error| match error {
            // The next attempt finds what the other unit has stored.
            StoreError::Duplicate { constraint } if constraint == FILE_IMAGE_SIDE => StoreError::Retry(error.into()),
            StoreError::Referenced { constraint } if constraint == FILE_IMAGE_FILE => StoreError::Retry(error.into()),
            error => error,
        })?;
        Ok(Kept::Stored(obsolete))
    }
}

impl From<ScaleError> for GetImageError {
    fn from(error: ScaleError) -> Self {
        match error {
            ScaleError::Busy => ScalersBusy.into(),
            ScaleError::TooLarge => ImageTooLarge.into(),
            ScaleError::Unreadable(_) => ImageUnreadable.into(),
            ScaleError::Store(error) => error.into(),
        }
    }
}
