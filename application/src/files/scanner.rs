//! The port that judges contents.

use super::BlobReader;
use crate::kernel::{BoxError, StoreError};
use async_trait::async_trait;
use skep_domain::files::Verdict;
use std::time::Duration;

/// Why a content was not judged.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The scanner does not answer.
    #[error("the scanner does not answer")]
    Away {
        /// The fault.
        #[source]
        cause: BoxError,
        /// The time to wait before the next try, if it is known.
        retry_after: Option<Duration>,
    },
    /// The scanner was reached, but gave no usable answer: it took too long, broke off, or said something else. The reason
    /// may be the content, so other contents are not delayed by it.
    #[error("the scanner gave no usable answer")]
    NoAnswer(#[source] BoxError),
    /// The scanner takes no content as long as this one, now or later.
    #[error("the content is longer than the scanner takes")]
    TooLarge,
    /// The scanner has answered that it cannot judge the content, in these words.
    #[error("the scanner cannot judge the content: {0}")]
    Failed(String),
    /// The content cannot be read from its store.
    #[error("the content cannot be read")]
    Store(#[from] StoreError),
}

impl ScanError {
    /// The scanner does not answer.
    pub fn away(cause: impl Into<BoxError>) -> Self {
        Self::Away { cause: cause.into(), retry_after: None }
    }
}

/// Judges whether contents are harmful.
///
/// A verdict is about the whole content: a scanner that got a part of it, or whose answer is not complete, returns an
/// error. Only a piece of the content is in memory at a time.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Scanner: Send + Sync {
    /// Lets the scanner read a content, and returns its verdict. What is harmful may be found before the end.
    ///
    /// # Errors
    /// [`ScanError`].
    async fn scan(&self, content: Box<dyn BlobReader>) -> Result<Verdict, ScanError>;

    /// Checks that the scanner answers.
    ///
    /// # Errors
    /// [`ScanError`].
    async fn check(&self) -> Result<(), ScanError>;
}
