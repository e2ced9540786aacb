//! Failures of clauses, and the checks that find them.

use crate::{clause::Clause, harness::Subject};
use skep_application::kernel::{Constraint, StoreError};
use std::{any::Any, fmt, panic::Location};
use tokio::task::JoinError;

/// A clause does not hold, or could not be tried.
pub struct Failure {
    what: String,
    /// The place of the check; unknown for a panic.
    at: Option<&'static Location<'static>>,
    clause: Option<String>,
}

/// `Ok` as long as a clause holds.
pub(crate) type Checked<T = ()> = Result<T, Failure>;

impl Failure {
    /// Says what is wrong. Records the place of the caller.
    #[track_caller]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), at: Some(Location::caller()), clause: None }
    }

    /// The failure of a trial that has panicked.
    pub(crate) fn panicked(error: JoinError) -> Self {
        let what = match error.try_into_panic() {
            Ok(panic) => format!("panicked: {}", message(&*panic)),
            Err(error) => error.to_string(),
        };
        Self { what, at: None, clause: None }
    }

    /// Names the clause that does not hold.
    pub(crate) fn of<S: Subject + ?Sized>(self, clause: &Clause<S>) -> Self {
        Self { clause: Some(clause.to_string()), ..self }
    }
}

/// The text of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(clause) = &self.clause {
            write!(f, "{clause}: ")?;
        }
        write!(f, "{}", self.what)?;
        self.at.map_or(Ok(()), |at| write!(f, " ({at})"))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The error with everything that caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl<E: std::error::Error> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::new(chain(&error))
    }
}

/// Checks that two values are equal.
#[track_caller]
pub(crate) fn equal<T: PartialEq + fmt::Debug>(found: T, expected: T) -> Checked {
    if found == expected { Ok(()) } else { Err(Failure::new(format!("found {found:?}, expected {expected:?}"))) }
}

/// Checks that `fact` is true; `what` describes it.
#[track_caller]
pub(crate) fn holds(fact: bool, what: impl Into<String>) -> Checked {
    if fact { Ok(()) } else { Err(Failure::new(format!("does not hold: {}", what.into()))) }
}

/// Returns the value, or fails if it is missing.
#[track_caller]
pub(crate) fn some<T>(found: Option<T>, what: &str) -> Checked<T> {
    found.ok_or_else(|| Failure::new(format!("{what} is missing")))
}

/// Checks that the store refused a duplicate by this rule.
#[track_caller]
pub(crate) fn duplicate<T: fmt::Debug>(result: Result<T, StoreError>, rule: Constraint) -> Checked {
    match result {
        Err(StoreError::Duplicate { constraint }) if constraint == rule => Ok(()),
        other => Err(Failure::new(format!("expected a duplicate of {}, found {other:?}", rule.name()))),
    }
}

/// Checks that the store refused a broken reference by this rule.
#[track_caller]
pub(crate) fn referenced<T: fmt::Debug>(result: Result<T, StoreError>, rule: Constraint) -> Checked {
    match result {
        Err(StoreError::Referenced { constraint }) if constraint == rule => Ok(()),
        other => Err(Failure::new(format!("expected a reference of {}, found {other:?}", rule.name()))),
    }
}

/// Checks that the store returned `Stale`.
#[track_caller]
pub(crate) fn stale<T: fmt::Debug>(result: Result<T, StoreError>) -> Checked {
    match result {
        Err(StoreError::Stale) => Ok(()),
        other => Err(Failure::new(format!("expected stale, found {other:?}"))),
    }
}

/// Checks that the store returned an error, whichever it is.
#[track_caller]
pub(crate) fn refused<T: fmt::Debug>(result: Result<T, StoreError>, what: &str) -> Checked {
    match result {
        Err(_) => Ok(()),
        Ok(done) => Err(Failure::new(format!("{what} was not refused: {done:?}"))),
    }
}
