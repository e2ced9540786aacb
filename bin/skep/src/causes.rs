//! An error and its causes, as text.

use skep_application::kernel::{BoxError, StoreError};
use std::error::Error;

/// The error and its causes, without a cause that its predecessor quotes.
pub(crate) fn with_causes(error: &(dyn Error + 'static), between: &str) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !last.contains(&next) {
            text.push_str(between);
            text.push_str(&next);
        }
        last = next;
        cause = error.source();
    }
    text
}

/// The error of a driver, without the `StoreError` around it, which says only that the store is unavailable.
pub(crate) fn driver_error(error: StoreError) -> BoxError {
    match error {
        StoreError::Unavailable(cause) => cause,
        other => other.into(),
    }
}
