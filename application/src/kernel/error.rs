//! What every error of the application can say of itself.

use super::{BoxError, Refusal, StoreError, Unmet};
use skep_domain::shared::Patch;

/// The kinds of errors; a transport maps each to one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The command itself is wrong; sending it again is useless.
    Invalid,
    /// Credentials are missing or wrong.
    Unauthenticated,
    /// Not allowed.
    Denied,
    /// There is no such thing, or none that the actor may know of.
    NotFound,
    /// The state of things does not allow it now.
    Conflict,
    /// A precondition is asked for.
    PreconditionRequired,
    /// Another caller changed it meanwhile.
    Stale,
    /// Too often.
    RateLimited,
    /// Try again later: a store or a resource is away or busy.
    Unavailable,
    /// No space is left.
    StorageFull,
    /// Our fault.
    Internal,
}

impl ErrorKind {
    /// The HTTP status of an answer that reports an error of this kind.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 422,
            Self::Unauthenticated => 401,
            Self::Denied => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::PreconditionRequired => 428,
            Self::Stale => 412,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
            Self::StorageFull => 507,
            Self::Internal => 500,
        }
    }
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where in the command, as a JSON pointer (RFC 6901); empty for the whole.
    pub pointer: String,
    /// A stable code in `snake_case`.
    pub code: &'static str,
    /// For people, lower case.
    pub detail: String,
}

impl FieldError {
    /// A field error whose text is that of the domain's refusal.
    #[must_use]
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.to_string() }
    }
}

/// Everything that is wrong with a command, all at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invalid {
    /// The fields; never empty in an error.
    pub errors: Vec<FieldError>,
}

impl Invalid {
    /// One wrong field.
    #[must_use]
    pub fn one(pointer: impl Into<String>, code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self { errors: vec![FieldError::new(pointer, code, detail)] }
    }

    /// Takes the value, or notes what is wrong with it.
    pub fn check<T, E: std::fmt::Display>(
        &mut self,
        pointer: &str,
        code: &'static str,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.errors.push(FieldError::new(pointer, code, error))).ok()
    }

    /// The new value of a field that cannot be emptied, if there is one; notes an attempt to empty it.
    pub fn required<T>(&mut self, pointer: &str, field: Patch<T>) -> Option<T> {
        match field {
            Patch::Keep => None,
            Patch::Clear => self.check(pointer, "required", Err("must not be null")),
            Patch::Set(value) => Some(value),
        }
    }

    /// The value, if nothing is wrong.
    ///
    /// # Errors
    /// Everything that was noted.
    pub fn finish<T>(self, value: T) -> Result<T, Self> {
        if self.errors.is_empty() { Ok(value) } else { Err(self) }
    }
}

/// An error of a use case or query.
pub trait AppError: std::error::Error + Send + Sync + 'static {
    /// What kind it is.
    fn kind(&self) -> ErrorKind;
    /// Its stable code in `snake_case`.
    fn code(&self) -> &'static str;
    /// The fields that are wrong, if it is about fields.
    fn fields(&self) -> &[FieldError] {
        &[]
    }
    /// The store's error, if it is one; anything else is a refusal.
    fn store_error(&self) -> Option<&StoreError> {
        None
    }
    /// When it is worth another try, if that is known.
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
    /// The descriptions of what callers learn of the store's errors. A stale version is described by [`Unmet`].
    pub const REFUSALS: &[Refusal] = &[
        Refusal::new(
            ErrorKind::Unavailable,
            "store_unavailable",
            "The store does not answer, or is too busy. Nothing was changed.",
        ),
        Refusal::new(
            ErrorKind::Unavailable,
            "outcome_unknown",
            "The store went away during the commit: it may or may not have been done. Repeat with the same \
             `Idempotency-Key`.",
        ),
        Refusal::new(ErrorKind::StorageFull, "storage_full", "No space is left in the store. Nothing was changed."),
        Refusal::new(ErrorKind::Internal, "internal", "The server failed; its log has the `request_id`."),
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

    /// A row that cannot be read back into what it was made of.
    pub fn unreadable(cause: impl Into<BoxError>) -> Self {
        Self::Corrupt(cause.into())
    }
}
