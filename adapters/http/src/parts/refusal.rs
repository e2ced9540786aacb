//! Turns errors of the application into problems. Only this file maps kinds of errors to statuses.

use crate::problem::{FieldError, Problem, code};
use http::StatusCode;
use skep_application::kernel::{AppError, ErrorKind};

/// The HTTP status that stands for a kind of error.
pub const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Denied => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
        ErrorKind::Stale => StatusCode::PRECONDITION_FAILED,
        ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Makes a problem from an error of the application. An error of the store stays in it as the source, for the log.
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
        if error.store_error().is_some() { problem.with_source(error) } else { problem }
    }
}

/// Whole seconds, rounded up, at least 1.
pub(crate) fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}
