//! Turns errors of the application into problems.

use crate::problem::{FieldError, Problem, code};
use http::StatusCode;
use skep_application::kernel::{AppError, ErrorKind};

/// The HTTP status of a kind of error.
///
/// # Panics
/// If [`ErrorKind::http_status`] is not a valid status, which a test excludes.
#[must_use]
pub const fn status(kind: ErrorKind) -> StatusCode {
    match StatusCode::from_u16(kind.http_status()) {
        Ok(status) => status,
        Err(_) => panic!("a kind has the number of a status"),
    }
}

/// Makes a problem from an error of the application. An error of the store and a denial stay in it as the source, for
/// the log.
impl<E: AppError> From<E> for Problem {
    fn from(error: E) -> Self {
        let errors =
            error.fields().iter().map(|field| FieldError::at(field.pointer.clone(), field.code, field.detail.clone()));
        let mut problem = Self::new(status(error.kind()), error.code()).with_errors(errors.collect());
        // The caller does not learn which rule denied the action.
        if error.code() != code::FORBIDDEN.name {
            problem = problem.with_detail(error.to_string());
        }
        if let Some(after) = error.retry_after() {
            problem = problem.with_retry_after(seconds(after));
        } else if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::StorageFull) {
            problem = problem.with_retry_after(1);
        }
        if error.store_error().is_some() {
            problem.with_source(error)
        } else if let Some(denied) = error.denied() {
            problem.with_source(denied)
        } else if error.kind() == ErrorKind::Unavailable {
            // A use case that refuses by itself has no room, for example for another password to hash.
            problem.for_lack_of_room()
        } else {
            problem
        }
    }
}

/// Whole seconds, rounded up, at least 1.
pub(crate) fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}
