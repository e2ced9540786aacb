//! What can go wrong in a store, and the uniqueness rules that it keeps.

/// A cause of any type, kept for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong in a store. Adapters classify; use cases never look at a driver's error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row with this value exists already. Nothing was changed.
    #[error("duplicate value for {}", constraint.name())]
    Duplicate {
        /// The rule that was met.
        constraint: Constraint,
    },
    /// A reference between rows would point nowhere: the row that it names does not exist, or the row that was to be
    /// deleted is still referred to. Nothing was changed.
    #[error("the reference {} is violated", constraint.name())]
    Referenced {
        /// The rule that was met.
        constraint: Constraint,
    },
    /// Another unit saved the aggregate after it was read. Nothing was changed.
    #[error("the stored version is another one")]
    Stale,
    /// Certainly aborted: the attempt may be run again at once.
    #[error("aborted, may be repeated")]
    Retry(#[source] BoxError),
    /// The commit was sent and no answer came: it may be stored, or be stored in a moment, or never.
    #[error("the outcome of the commit is unknown")]
    OutcomeUnknown(#[source] BoxError),
    /// The store does not answer, or has no connection to spare. Nothing was changed.
    #[error("the store is unavailable")]
    Unavailable(#[source] BoxError),
    /// No space is left. Nothing was changed.
    #[error("the store is full")]
    Full(#[source] BoxError),
    /// The store holds or answers something that cannot be.
    #[error("the store is inconsistent")]
    Corrupt(#[source] BoxError),
}

impl StoreError {
    /// [`StoreError::Corrupt`] with the place of the fault: `what` is wrong with row `id` of `table`.
    pub fn corrupt(table: &str, id: impl std::fmt::Display, what: &str) -> Self {
        Self::Corrupt(format!("{table} {id}: {what}").into())
    }

    /// A use of a unit of work after its first error.
    #[must_use]
    pub fn after_error() -> Self {
        Self::Unavailable("the unit of work has failed before".into())
    }
}

/// A uniqueness rule of the schema. Its name is the name of the index or key in every store. The rules of a context
/// stand in its `constraints` module; [`crate::constraints`] has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Constraint(&'static str);

impl Constraint {
    /// The rule whose index or key has this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name of the index or key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// Makes a refusal of the violation of this rule, for `map_err`. Any other error stays the store's.
    ///
    /// ```
    /// # use skep_application::catalog::{CreateCategoryError, SlugTaken, constraints::CATEGORY_SLUG};
    /// # fn example(stored: Result<(), skep_application::kernel::StoreError>) -> Result<(), CreateCategoryError> {
    /// stored.map_err(CATEGORY_SLUG.refused::<CreateCategoryError>(SlugTaken))
    /// # }
    /// ```
    pub fn refused<E: From<StoreError>>(self, refusal: impl Into<E>) -> impl FnOnce(StoreError) -> E {
        move |error| match error {
            StoreError::Duplicate { constraint } | StoreError::Referenced { constraint } if constraint == self => {
                refusal.into()
            }
            error => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{
        AppError as _, GetError, NotFound,
        constraints::{EVENT_ID, IDEMPOTENCY_KEY},
    };

    #[test]
    fn a_violation_of_its_own_rule_alone_becomes_the_refusal() {
        for (error, code) in [
            (StoreError::Duplicate { constraint: IDEMPOTENCY_KEY }, "not_found"),
            (StoreError::Referenced { constraint: IDEMPOTENCY_KEY }, "not_found"),
            (StoreError::Duplicate { constraint: EVENT_ID }, "internal"),
            (StoreError::Stale, "precondition_failed"),
        ] {
            assert_eq!(IDEMPOTENCY_KEY.refused::<GetError>(NotFound("key"))(error).code(), code);
        }
    }

    #[test]
    fn an_inconsistency_names_its_place() {
        let StoreError::Corrupt(cause) = StoreError::corrupt("orders", 7, "no lines") else { panic!("another error") };
        assert_eq!(cause.to_string(), "orders 7: no lines");
    }
}
