//! Refusals: the macros that declare a refusal and the error of a use case, and the refusals that many use cases share.

use super::{AppError, Denied, ErrorKind, FieldError, Invalid, StoreError, Unmet};
use std::{fmt, time::Duration};

/// The description of a refusal. Messages and documents are made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code, in `snake_case`.
    pub code: &'static str,
    /// The kind, which a transport maps to a status.
    pub kind: ErrorKind,
    /// The meaning, in one or more sentences for the caller, in Markdown.
    pub meaning: &'static str,
}

impl Refusal {
    /// Describes a refusal. The meaning may begin with a space, as a doc comment does.
    #[must_use]
    pub const fn new(kind: ErrorKind, code: &'static str, meaning: &'static str) -> Self {
        Self { code, kind, meaning: meaning.trim_ascii() }
    }
}

/// Writes the meaning as a message. It starts with a lowercase letter, has no period at the end, and no backticks.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.meaning.strip_suffix('.').unwrap_or(self.meaning);
        let (first, rest) = message.split_at_checked(1).unwrap_or_default();
        f.write_str(&first.to_ascii_lowercase())?;
        rest.split('`').try_for_each(|part| f.write_str(part))
    }
}

/// Declares a refusal with its type, message, kind and code, and its description in `REFUSALS`. The doc comment is the
/// meaning. The crate that uses the macro must depend on thiserror.
///
/// If the refusal has no fields, its message is the meaning. Otherwise the fields follow the name, and a message in the
/// format of `thiserror` follows the code. Methods of [`AppError`](crate::kernel::AppError) may follow.
///
/// ```
/// use skep_application::{kernel::{AppError, ErrorKind}, refusal};
/// use std::time::Duration;
///
/// refusal! {
///     /// Another product has this SKU.
///     SkuTaken = Conflict, "sku_taken";
/// }
///
/// refusal! {
///     /// Too many passwords are being checked; try again after the time in `Retry-After`.
///     HasherBusy {
///         /// The number of passwords before this one.
///         pub waiting: u32,
///     } = Unavailable, "hashers_busy", "{waiting} passwords are waiting";
///     fn retry_after(&self) -> Option<Duration> {
///         Some(Duration::from_secs(self.waiting.into()))
///     }
/// }
///
/// assert_eq!(SkuTaken.to_string(), "another product has this SKU");
/// assert_eq!((SkuTaken.code(), SkuTaken.kind().http_status()), ("sku_taken", 409));
/// assert_eq!(HasherBusy { waiting: 3 }.to_string(), "3 passwords are waiting");
/// assert_eq!(HasherBusy::REFUSALS[0].kind, ErrorKind::Unavailable);
/// ```
#[macro_export]
macro_rules! refusal {
    ($(#[doc = $doc:literal])+ $name:ident = $kind:ident, $code:literal; $($method:item)*) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error("{}", Self::REFUSALS[0])]
        pub struct $name;
        $crate::refusal! { @ $name = $kind, $code, concat!($($doc),+); $($method)* }
    };
    (
        $(#[doc = $doc:literal])+
        $name:ident { $($fields:tt)+ } = $kind:ident, $code:literal, $message:literal $(, $value:expr)*;
        $($method:item)*
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($message $(, $value)*)]
        pub struct $name { $($fields)+ }
        $crate::refusal! { @ $name = $kind, $code, concat!($($doc),+); $($method)* }
    };
    (@ $name:ident = $kind:ident, $code:literal, $meaning:expr; $($method:item)*) => {
        impl $name {
            /// The description of this refusal.
            pub const REFUSALS: &[$crate::kernel::Refusal] =
                &[$crate::kernel::Refusal::new($crate::kernel::ErrorKind::$kind, $code, $meaning)];
        }
        impl $crate::kernel::AppError for $name {
            fn kind(&self) -> $crate::kernel::ErrorKind {
                $crate::kernel::ErrorKind::$kind
            }
            fn code(&self) -> &'static str {
                $code
            }
            $($method)*
        }
    };
}
pub use refusal;

impl Invalid {
    /// The description of this refusal.
    pub const REFUSALS: &[Refusal] =
        &[Refusal::new(ErrorKind::Invalid, "validation_failed", "Some values are invalid; `errors` lists the places.")];
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("some values are invalid")
    }
}

impl std::error::Error for Invalid {}

impl AppError for Invalid {
    fn kind(&self) -> ErrorKind {
        Self::REFUSALS[0].kind
    }
    fn code(&self) -> &'static str {
        Self::REFUSALS[0].code
    }
    fn fields(&self) -> &[FieldError] {
        &self.errors
    }
}

impl AppError for Denied {
    fn kind(&self) -> ErrorKind {
        self.refusal().kind
    }
    fn code(&self) -> &'static str {
        self.refusal().code
    }
    fn denied(&self) -> Option<Denied> {
        Some(*self)
    }
}

/// The resource does not exist, or the actor may not see it. The value is the noun for the message, such as `product`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such {0}")]
pub struct NotFound(pub &'static str);

impl NotFound {
    /// The description of this refusal.
    pub const REFUSALS: &[Refusal] =
        &[Refusal::new(ErrorKind::NotFound, "not_found", "The resource does not exist, or the caller may not see it.")];
}

impl AppError for NotFound {
    fn kind(&self) -> ErrorKind {
        Self::REFUSALS[0].kind
    }
    fn code(&self) -> &'static str {
        Self::REFUSALS[0].code
    }
}

refusal! {
    /// The `Idempotency-Key` was already used for a different request; send a new key.
    KeyReused = Invalid, "idempotency_key_reused";
}

refusal! {
    /// There were too many requests from the address, by the user, or for the account; try again after the time in
    /// `Retry-After`.
    TooManyAttempts {
        /// The time until the next attempt is allowed.
        pub retry_after: Duration,
    } = RateLimited, "rate_limited", "too many attempts";
    fn retry_after(&self) -> Option<Duration> {
        Some(self.retry_after)
    }
}

impl Unmet {
    /// The refusals of a missing precondition and of one that does not hold.
    pub const REFUSALS: &[Refusal] = &[
        Refusal::new(
            ErrorKind::PreconditionRequired,
            "precondition_required",
            "The request needs an `If-Match` header with the version that the change is based on.",
        ),
        Refusal::new(
            ErrorKind::Stale,
            "precondition_failed",
            "The version of the resource is not one that `If-Match` and `If-None-Match` allow; read it again.",
        ),
    ];

    pub(super) const fn refusal(self) -> &'static Refusal {
        match self {
            Self::Required => &Self::REFUSALS[0],
            Self::Failed => &Self::REFUSALS[1],
        }
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Required => "the request must name the version that the change is based on",
            Self::Failed => "the resource is not in a version that the request allows",
        })
    }
}

impl std::error::Error for Unmet {}

impl AppError for Unmet {
    fn kind(&self) -> ErrorKind {
        self.refusal().kind
    }
    fn code(&self) -> &'static str {
        self.refusal().code
    }
}

/// Joins these lists into one, for `use_case_error!`.
#[doc(hidden)]
#[must_use]
pub const fn flatten<const N: usize>(lists: &[&[Refusal]]) -> [Refusal; N] {
    let mut flat = [Refusal::new(ErrorKind::Internal, "", ""); N];
    let (mut list, mut at, mut next) = (0, 0, 0);
    while next < N {
        if at == lists[list].len() {
            (list, at) = (list + 1, 0);
        } else {
            flat[next] = lists[list][at];
            (at, next) = (at + 1, next + 1);
        }
    }
    flat
}

/// The error of a use case. It forwards each method of [`AppError`] to the error inside it.
pub trait UseCaseError: std::error::Error + Send + Sync + 'static {
    /// The refusal or the store's error that it wraps.
    fn inner(&self) -> &dyn AppError;
}

impl<E: UseCaseError> AppError for E {
    fn kind(&self) -> ErrorKind {
        self.inner().kind()
    }
    fn code(&self) -> &'static str {
        self.inner().code()
    }
    fn fields(&self) -> &[FieldError] {
        self.inner().fields()
    }
    fn store_error(&self) -> Option<&StoreError> {
        self.inner().store_error()
    }
    fn denied(&self) -> Option<Denied> {
        self.inner().denied()
    }
    fn retry_after(&self) -> Option<Duration> {
        self.inner().retry_after()
    }
}

/// Declares the error of a use case. It is an enum with a variant for each refusal that the use case can return, and
/// `Store` for the store's errors. The `?` operator converts each of them. The crate that uses the macro must depend on
/// thiserror.
///
/// ```
/// use skep_application::{kernel::{AppError, Denied, NotFound, StoreError}, use_case_error};
///
/// use_case_error! {
///     /// The reason why the label was not printed.
///     PrintLabelError {
///         Denied(Denied),
///         NotFound(NotFound),
///     }
/// }
///
/// fn find(label: Result<Option<u32>, StoreError>) -> Result<u32, PrintLabelError> {
///     Ok(label?.ok_or(NotFound("label"))?)
/// }
///
/// assert_eq!(find(Ok(None)).unwrap_err().code(), "not_found");
/// assert_eq!(find(Err(StoreError::Stale)).unwrap_err().code(), "precondition_failed");
/// assert_eq!(PrintLabelError::REFUSALS.len(), 3, "unauthenticated, forbidden, not_found");
/// ```
#[macro_export]
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
            /// The descriptions of its refusals, including those of the errors that it wraps. The store's errors are
            /// not included; see [`StoreError::REFUSALS`]($crate::kernel::StoreError::REFUSALS).
            pub const REFUSALS: &[$crate::kernel::Refusal] = {
                const FLAT: [$crate::kernel::Refusal; 0 $(+ <$refusal>::REFUSALS.len())+] =
                    $crate::kernel::flatten(&[$(<$refusal>::REFUSALS),+]);
                &FLAT
            };
        }

        impl $crate::kernel::UseCaseError for $name {
            fn inner(&self) -> &dyn $crate::kernel::AppError {
                match self {
                    $(Self::$variant(refusal) => refusal,)+
                    Self::Store(error) => error,
                }
            }
        }
    };
}
pub use use_case_error;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::ChangeProductError,
        identity::{CreateUserError, EmailTaken, LogInError, NewAccountError},
    };

    #[test]
    fn the_error_of_a_use_case_forwards_to_its_refusal() {
        let invalid = ChangeProductError::from(Invalid::one("/name", "too_long", "Must Be Short"));
        assert_eq!((invalid.kind(), invalid.code()), (ErrorKind::Invalid, "validation_failed"));
        assert_eq!(invalid.fields(), [FieldError::new("/name", "too_long", "Must Be Short")]);
        assert_eq!(invalid.to_string(), "some values are invalid");
        let late = Duration::from_secs(3);
        assert_eq!(LogInError::from(TooManyAttempts { retry_after: late }).retry_after(), Some(late));
        assert!(ChangeProductError::from(NotFound("bee")).store_error().is_none(), "a refusal");
    }

    #[test]
    fn the_error_of_a_use_case_forwards_through_a_wrapped_one() {
        let refusal = CreateUserError::from(NewAccountError::from(EmailTaken));
        assert_eq!((refusal.kind(), refusal.code()), (ErrorKind::Conflict, "email_taken"));
        let error = CreateUserError::from(NewAccountError::from(StoreError::Stale));
        assert!(matches!(error.store_error(), Some(StoreError::Stale)), "it must be tried again");
    }

    #[test]
    fn the_error_of_a_use_case_lists_its_refusals_and_those_of_wrapped_errors() {
        let codes = |refusals: &[Refusal]| refusals.iter().map(|refusal| refusal.code).collect::<Vec<_>>();
        let account = ["validation_failed", "email_taken", "hashers_busy"];
        assert_eq!(codes(NewAccountError::REFUSALS), account);
        assert_eq!(codes(CreateUserError::REFUSALS), [&["unauthenticated", "forbidden"], &account[..]].concat());
        let unmet = ["precondition_required", "precondition_failed"];
        assert!(codes(ChangeProductError::REFUSALS).windows(2).any(|codes| codes == unmet), "in the declared order");
    }

    #[test]
    fn the_message_of_a_refusal_is_its_meaning() {
        let [taken] = EmailTaken::REFUSALS else { panic!("one") };
        assert_eq!((taken.code, taken.kind), (EmailTaken.code(), EmailTaken.kind()));
        assert_eq!(taken.meaning, "An account with this e-mail address already exists.");
        assert_eq!(EmailTaken.to_string(), "an account with this e-mail address already exists");
        let message = "the Idempotency-Key was already used for a different request; send a new key";
        assert_eq!(KeyReused.to_string(), message);
        for unmet in [Unmet::Required, Unmet::Failed] {
            let refusal = unmet.refusal();
            assert_eq!((refusal.kind, refusal.code), (unmet.kind(), unmet.code()));
        }
    }

    #[test]
    fn an_error_of_the_store_keeps_its_source_and_hides_it_from_callers() {
        let error = ChangeProductError::from(StoreError::Unavailable("refused by 10.0.0.1".into()));
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "store_unavailable"));
        assert_eq!(error.to_string(), "the store is unavailable", "callers do not see addresses of the network");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "refused by 10.0.0.1");
    }
}
