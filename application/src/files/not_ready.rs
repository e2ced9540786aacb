//! The refusals of contents that no user gets: those that no scanner has judged yet, and infected ones.

use super::FileView;
use crate::kernel::{refusal, use_case_error};
use skep_domain::files::FileState;
use std::time::Duration;

refusal! {
    /// The file waits for the verdict of the scanner; try again after the time in `Retry-After`.
    FileQuarantined = Conflict, "file_quarantined";
    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(5))
    }
}

refusal! {
    /// The scanner has found something harmful in the file. Its content is deleted.
    FileInfected = Gone, "file_infected";
}

use_case_error! {
    /// Why no user gets the content of a complete file.
    NotReady {
        Quarantined(FileQuarantined),
        Infected(FileInfected),
    }
}

impl FileView {
    /// Returns the file if its content may be given to users.
    ///
    /// # Errors
    /// [`NotReady`].
    pub(super) fn check_ready(self) -> Result<Self, NotReady> {
        match self.state {
            FileState::Ready => Ok(self),
            FileState::Infected => Err(FileInfected.into()),
            FileState::Quarantined | FileState::Uploading | FileState::Deleted => Err(FileQuarantined.into()),
        }
    }
}
