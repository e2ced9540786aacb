//! The interface that all errors of the application share.

use super::{BoxError, Denied, Refusal, StoreError, Unmet};
use skep_domain::shared::Patch;

/// The kinds of errors. A transport maps each to one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input is not valid. Sending it again has the same result.
    Invalid,
    /// Credentials are missing or wrong.
    Unauthenticated,
    /// The actor may not do this.
    Denied,
    /// The resource does not exist, or the actor may not see it.
    NotFound,
    /// The present state of the data does not allow it.
    Conflict,
    /// The resource existed, and is no longer kept.
    Gone,
    /// The caller must name the version that its change is based on.
    PreconditionRequired,
    /// The resource has changed since the caller read it.
    Stale,
    /// The content has more bytes than allowed.
    TooLarge,
    /// Another request works on the resource. The caller may try again later.
    Locked,
    /// The bytes that arrived differ from the checksum that was sent with them.
    Damaged,
    /// The caller has reached a rate limit.
    RateLimited,
    /// A store or a resource does not answer or is busy. The caller may try again later.
    Unavailable,
    /// The store has no space left.
    StorageFull,
    /// The server failed, and not because of the input.
    Internal,
}

impl ErrorKind {
    /// The HTTP status of a response with an error of this kind.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 422,
            Self::Unauthenticated => 401,
            Self::Denied => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::PreconditionRequired => 428,
            Self::Stale => 412,
            Self::TooLarge => 413,
            Self::Locked => 423,
            Self::Damaged => 460,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
            Self::StorageFull => 507,
            Self::Internal => 500,
        }
    }
}

/// One invalid field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The place in the command, as a JSON pointer (RFC 6901). Empty for the whole command.
    pub pointer: String,
    /// A stable code in `snake_case`.
    pub code: &'static str,
    /// The fault, in words for people. Starts with a lowercase letter.
    pub detail: String,
}

impl FieldError {
    /// Makes a field error with the text of `detail`, which is usually a refusal of the domain.
    #[must_use]
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.to_string() }
    }
}

/// All invalid fields of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invalid {
    /// The invalid fields. Never empty in an error.
    pub errors: Vec<FieldError>,
}

impl Invalid {
    /// Makes the error for one invalid field.
    #[must_use]
    pub fn one(pointer: impl Into<String>, code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self { errors: vec![FieldError::new(pointer, code, detail)] }
    }

    /// Returns the value, or records its error.
    pub fn check<T, E: std::fmt::Display>(
        &mut self,
        pointer: &str,
        code: &'static str,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.errors.push(FieldError::new(pointer, code, error))).ok()
    }

    /// Returns the new value of a field that cannot be empty, if there is one. Records an error if it is cleared.
    pub fn required<T>(&mut self, pointer: &str, field: Patch<T>) -> Option<T> {
        match field {
            Patch::Keep => None,
            Patch::Clear => self.check(pointer, "required", Err("must not be null")),
            Patch::Set(value) => Some(value),
        }
    }

    /// Returns the value if no error was recorded.
    ///
    /// # Errors
    /// All errors that were recorded.
    pub fn finish<T>(self, value: T) -> Result<T, Self> {
        if self.errors.is_empty() { Ok(value) } else { Err(self) }
    }
}

/// An error of a use case or query.
pub trait AppError: std::error::Error + Send + Sync + 'static {
    /// The kind, which decides the status of a response.
    fn kind(&self) -> ErrorKind;
    /// The stable code, in `snake_case`.
    fn code(&self) -> &'static str;
    /// The invalid fields, if the error is about fields.
    fn fields(&self) -> &[FieldError] {
        &[]
    }
    /// The store's error, if it is one. Any other error is a refusal.
    fn store_error(&self) -> Option<&StoreError> {
        None
    }
    /// The denial, if the actor may not do the action. It is for the log.
    fn denied(&self) -> Option<Denied> {
        None
    }
    /// The time to wait before another try, if it is known.
    fn retry_after(&self) -> Option<std::time::Duration> {
        None
    }
}

impl AppError for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }

    fn kind(&self) -> ErrorKind {
        self.refusal().kind
    }

    fn code(&self) -> &'static str {
        self.refusal().code
    }
}

impl StoreError {
    /// The refusals that callers see for a store's errors. [`Unmet`] has the one for a stale version.
    pub const REFUSALS: &[Refusal] = &[
        Refusal::new(
            ErrorKind::Unavailable,
            "store_unavailable",
            "The store does not answer, or is too busy. Nothing was changed.",
        ),
        Refusal::new(
            ErrorKind::Unavailable,
            "outcome_unknown",
            "The store did not confirm the commit, so the change may or may not be stored. Repeat the request with the \
             same `Idempotency-Key`.",
        ),
        Refusal::new(ErrorKind::StorageFull, "storage_full", "No space is left in the store. Nothing was changed."),
        Refusal::new(
            ErrorKind::Internal,
            "internal",
            "The server failed; its log has the cause under the `request_id`.",
        ),
    ];

    const fn refusal(&self) -> &'static Refusal {
        let [unavailable, unknown, full, internal] = Self::REFUSALS else { unreachable!() };
        match self {
            Self::Retry(_) | Self::Unavailable(_) => unavailable,
            Self::OutcomeUnknown(_) => unknown,
            Self::Full(_) => full,
            Self::Stale => Unmet::Failed.refusal(),
            Self::Duplicate { .. } | Self::Referenced { .. } | Self::Corrupt(_) => internal,
        }
    }

    /// Makes a [`StoreError::Corrupt`] for a value that cannot be decoded or encoded.
    pub fn unreadable(cause: impl Into<BoxError>) -> Self {
        Self::Corrupt(cause.into())
    }
}
