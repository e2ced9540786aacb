//! The errors of stores, and the rules of the schema that they enforce.

/// An error of any type, kept as the source of another one for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error of a store. Adapters classify the errors of their drivers; a use case never looks at a driver's error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row with this value already exists. Nothing was changed.
    #[error("duplicate value for {}", constraint.name())]
    Duplicate {
        /// The rule that was violated.
        constraint: Constraint,
    },
    /// A reference between rows would be broken: the row that it names does not exist, or a row to be deleted is still
    /// referenced. Nothing was changed.
    #[error("the reference {} is violated", constraint.name())]
    Referenced {
        /// The rule that was violated.
        constraint: Constraint,
    },
    /// Another unit saved the aggregate after it was read. Nothing was changed.
    #[error("the stored version has changed")]
    Stale,
    /// The unit was aborted and certainly changed nothing. The attempt may be run again at once.
    #[error("the unit of work was aborted and can be retried")]
    Retry(#[source] BoxError),
    /// The commit was sent, but no answer came. The unit may be stored now, in a moment, or never.
    #[error("the outcome of the commit is unknown")]
    OutcomeUnknown(#[source] BoxError),
    /// The store does not answer, or has no free connection. Nothing was changed.
    #[error("the store is unavailable")]
    Unavailable(#[source] BoxError),
    /// The store has no space left. Nothing was changed.
    #[error("the store is full")]
    Full(#[source] BoxError),
    /// The store contains or returned invalid data, or our own code cannot encode a value.
    #[error("the store is inconsistent")]
    Corrupt(#[source] BoxError),
}

impl StoreError {
    /// Makes a [`StoreError::Corrupt`] that names the place: `what` is wrong with row `id` of `table`.
    pub fn corrupt(table: &str, id: impl std::fmt::Display, what: &str) -> Self {
        Self::Corrupt(format!("{table} {id}: {what}").into())
    }

    /// The error of every call to a unit of work after its first error.
    #[must_use]
    pub fn after_error() -> Self {
        Self::Unavailable("the unit of work has failed before".into())
    }
}

/// The greatest number of units of work that write at the same time on a pool with this many connections: three quarters
/// of them, but at least one and, on a small pool, all but one. So reads go on while changes wait for each other's rows.
#[must_use]
pub fn max_writers(connections: usize) -> usize {
    (connections - connections / 4).min(connections.saturating_sub(1)).max(1)
}

/// A uniqueness rule or a reference of the schema, with the name that its index or key has in every store. The
/// `constraints` module of a context declares its rules. [`crate::constraints`] lists all uniqueness rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Constraint(&'static str);

impl Constraint {
    /// Declares the rule whose index or key has this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name of the index or key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// Turns a violation of this rule into `refusal`, for `map_err`. Any other error remains the store's.
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
    fn only_a_violation_of_this_rule_becomes_the_refusal() {
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
    fn a_quarter_of_the_connections_is_kept_for_reads_and_at_least_one_writer_goes_on() {
        let pools = [0, 1, 2, 3, 4, 5, 8, 32, 1_000];
        assert_eq!(pools.map(max_writers), [1, 1, 1, 2, 3, 4, 6, 24, 750]);
        assert_eq!(max_writers(usize::MAX), usize::MAX - usize::MAX / 4);
    }

    #[test]
    fn a_corruption_names_its_place() {
        let StoreError::Corrupt(cause) = StoreError::corrupt("orders", 7, "no lines") else { panic!("another error") };
        assert_eq!(cause.to_string(), "orders 7: no lines");
    }
}
