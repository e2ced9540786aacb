//! The refusals that many use cases share, and how a use case's error is put together.

use super::{AppError, Denied, ErrorKind, FieldError, Invalid, Unmet};
use std::time::Duration;

impl AppError for Invalid {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
    fn code(&self) -> &'static str {
        "validation_failed"
    }
    fn fields(&self) -> &[FieldError] {
        &self.errors
    }
}

impl AppError for Denied {
    fn kind(&self) -> ErrorKind {
        Denied::kind(self)
    }
    fn code(&self) -> &'static str {
        Denied::code(self)
    }
}

/// There is no such thing, or none that the actor may know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such {0}")]
pub struct NotFound(pub &'static str);

impl AppError for NotFound {
    fn kind(&self) -> ErrorKind {
        ErrorKind::NotFound
    }
    fn code(&self) -> &'static str {
        "not_found"
    }
}

/// The idempotency key was used for another command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this idempotency key was used for another command")]
pub struct KeyReused;

impl AppError for KeyReused {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
    fn code(&self) -> &'static str {
        "idempotency_key_reused"
    }
}

impl std::fmt::Display for Unmet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Required => "the version that the change is based on must be named",
            Self::Failed => "it was changed since that version",
        })
    }
}

impl std::error::Error for Unmet {}

impl AppError for Unmet {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Required => ErrorKind::PreconditionRequired,
            Self::Failed => ErrorKind::Stale,
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::Required => "precondition_required",
            Self::Failed => "precondition_failed",
        }
    }
}

/// Done too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts")]
pub struct TooManyAttempts {
    /// When it may be tried again.
    pub retry_after: Duration,
}

impl AppError for TooManyAttempts {
    fn kind(&self) -> ErrorKind {
        ErrorKind::RateLimited
    }
    fn code(&self) -> &'static str {
        "rate_limited"
    }
    fn retry_after(&self) -> Option<Duration> {
        Some(self.retry_after)
    }
}

/// Declares the error of a use case: an enum with a variant for every refusal it knows, each wrapping an error that
/// speaks for itself, and `Store` for the rest.
macro_rules! use_case_error {
    ($(#[$doc:meta])* $name:ident { $($variant:ident($refusal:ty)),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, thiserror::Error)]
        #[expect(missing_docs, reason = "each variant wraps an error that documents itself")]
        pub enum $name {
            $(#[error(transparent)] $variant(#[from] $refusal),)+
            #[error(transparent)] Store(#[from] $crate::kernel::StoreError),
        }

        impl $name {
            fn inner(&self) -> &dyn $crate::kernel::AppError {
                match self {
                    $(Self::$variant(refusal) => refusal,)+
                    Self::Store(error) => error,
                }
            }
        }

        impl $crate::kernel::AppError for $name {
            fn kind(&self) -> $crate::kernel::ErrorKind {
                self.inner().kind()
            }
            fn code(&self) -> &'static str {
                self.inner().code()
            }
            fn fields(&self) -> &[$crate::kernel::FieldError] {
                self.inner().fields()
            }
            fn store_error(&self) -> Option<&$crate::kernel::StoreError> {
                self.inner().store_error()
            }
            fn retry_after(&self) -> Option<std::time::Duration> {
                self.inner().retry_after()
            }
        }
    };
}
pub(crate) use use_case_error;
