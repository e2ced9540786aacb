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
        pub enum $name {
            $(
                #[doc = concat!("See [`", stringify!($refusal), "`].")]
                #[error(transparent)]
                $variant(#[from] $refusal),
            )+
            /// The store's error.
            #[error(transparent)]
            Store(#[from] $crate::kernel::StoreError),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::ChangeProductError,
        identity::{CreateUserError, EmailTaken, LogInError, NewAccountError},
        kernel::StoreError,
    };

    #[test]
    fn a_use_cases_error_says_what_its_refusal_says() {
        let invalid = ChangeProductError::from(Invalid::one("/name", "too_long", "Must Be Short"));
        assert_eq!((invalid.kind(), invalid.code()), (ErrorKind::Invalid, "validation_failed"));
        assert_eq!(invalid.fields(), [FieldError::new("/name", "too_long", "Must Be Short")]);
        assert_eq!(invalid.to_string(), "the command is not valid");
        let late = Duration::from_secs(3);
        assert_eq!(LogInError::from(TooManyAttempts { retry_after: late }).retry_after(), Some(late));
        assert!(ChangeProductError::from(NotFound("bee")).store_error().is_none(), "a refusal");
    }

    #[test]
    fn a_wrapped_use_cases_error_is_seen_through() {
        let refusal = CreateUserError::from(NewAccountError::from(EmailTaken));
        assert_eq!((refusal.kind(), refusal.code()), (ErrorKind::Conflict, "email_taken"));
        let error = CreateUserError::from(NewAccountError::from(StoreError::Stale));
        assert!(matches!(error.store_error(), Some(StoreError::Stale)), "so that it is tried again");
    }

    #[test]
    fn the_stores_error_keeps_its_cause() {
        let error = ChangeProductError::from(StoreError::Unavailable("refused by 10.0.0.1".into()));
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "store_unavailable"));
        assert_eq!(error.to_string(), "the store is unavailable", "callers learn nothing of the network");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "refused by 10.0.0.1");
    }
}
