//! Translates the errors of SQLite into those of the application.

use rusqlite::{Error, ErrorCode, ffi};
use skep_application::kernel::StoreError;
use std::sync::Arc;

/// The class of an SQLite error, before it is known in which step it happened.
#[derive(Debug, PartialEq, Eq)]
enum Class {
    /// Another connection holds a lock.
    Busy,
    Full,
    /// The disk failed. Before a COMMIT nothing is stored, during a COMMIT the outcome is unknown.
    Io,
    Unavailable,
    /// The file is damaged, a statement is wrong, or a rule is violated that no table declares.
    Fault,
}

fn class(error: &Error) -> Class {
    let (Error::SqliteFailure(failure, _) | Error::SqlInputError { error: failure, .. }) = error else {
        return Class::Fault;
    };
    match failure.code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::SchemaChanged => Class::Busy,
        ErrorCode::DiskFull => Class::Full,
        ErrorCode::SystemIoFailure => Class::Io,
        // The statement ran for too long.
        ErrorCode::OperationInterrupted
        | ErrorCode::CannotOpen
        | ErrorCode::OutOfMemory
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied => Class::Unavailable,
        _ => Class::Fault,
    }
}

/// The message, if a uniqueness rule or a key was violated. It names only the columns, or the index if that is on an
/// expression.
pub(crate) fn duplicate(error: &Error) -> Option<&str> {
    let Error::SqliteFailure(failure, Some(message)) = error else { return None };
    let unique = [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_CONSTRAINT_ROWID];
    unique.contains(&failure.extended_code).then_some(message)
}

/// Whether a foreign key was violated. SQLite does not report which one.
pub(crate) fn is_foreign_key(error: &Error) -> bool {
    matches!(error, Error::SqliteFailure(failure, _) if failure.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// Whether another connection holds a lock, so that waiting helps.
pub(crate) fn is_busy(error: &Error) -> bool {
    class(error) == Class::Busy
}

/// Whether the operation can be repeated without a loss. After a failed write or sync it cannot.
pub(crate) fn is_passing(error: &Error) -> bool {
    matches!(class(error), Class::Busy | Class::Full | Class::Unavailable)
}

/// The error of a failed step that is not a COMMIT: nothing of the unit is stored. `step` is the statement's name.
pub(crate) fn during(step: &'static str, error: Error) -> StoreError {
    let class = class(&error);
    let cause = Box::new(StepFailed { step, source: error });
    match class {
        Class::Busy => StoreError::Retry(cause),
        Class::Full => StoreError::Full(cause),
        Class::Io | Class::Unavailable => StoreError::Unavailable(cause),
        Class::Fault => StoreError::Corrupt(cause),
    }
}

/// An error in one of our statements, or an invalid value in the file.
pub(crate) fn fault(statement: &'static str, what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{statement}: {what}").into())
}

/// The step in which SQLite failed.
#[derive(Debug, thiserror::Error)]
#[error("{step} failed")]
struct StepFailed {
    step: &'static str,
    source: Error,
}

/// Why a whole group of units is not stored, or may not be. Every unit of the group gets the same error.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    kind: LossKind,
    cause: Arc<dyn std::error::Error + Send + Sync>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LossKind {
    Aborted,
    Full,
    Unknown,
    Unavailable,
    Fault,
}

impl Loss {
    /// The group was rolled back, and none of the receivers caused it.
    pub(crate) fn aborted(why: &'static str) -> Self {
        Self { kind: LossKind::Aborted, cause: reason(why) }
    }

    /// It is unknown whether the group is stored.
    pub(crate) fn unknown(why: &'static str) -> Self {
        Self { kind: LossKind::Unknown, cause: reason(why) }
    }

    /// The shared COMMIT failed.
    pub(crate) fn of_commit(error: Error) -> Self {
        let kind = match class(&error) {
            // The log may hold the commit although the disk did not confirm it.
            Class::Io => LossKind::Unknown,
            Class::Busy => LossKind::Aborted,
            Class::Full => LossKind::Full,
            Class::Unavailable => LossKind::Unavailable,
            Class::Fault => LossKind::Fault,
        };
        Self { kind, cause: Arc::new(StepFailed { step: "the shared commit", source: error }) }
    }

    /// The error for a unit that waits for its commit.
    pub(crate) fn for_commit(self) -> StoreError {
        let cause = Box::new(self.cause);
        match self.kind {
            LossKind::Aborted => StoreError::Retry(cause),
            LossKind::Full => StoreError::Full(cause),
            LossKind::Unknown => StoreError::OutcomeUnknown(cause),
            LossKind::Unavailable => StoreError::Unavailable(cause),
            LossKind::Fault => StoreError::Corrupt(cause),
        }
    }

    /// The error for a refusal that relied on rows that are gone, or may be gone: the command runs again.
    pub(crate) fn for_refusal(self) -> StoreError {
        StoreError::Retry(Box::new(self.cause))
    }
}

fn reason(why: &'static str) -> Arc<dyn std::error::Error + Send + Sync> {
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Reason(&'static str);
    Arc::new(Reason(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(extended_code: i32, message: Option<&str>) -> Error {
        Error::SqliteFailure(ffi::Error::new(extended_code), message.map(str::to_owned))
    }

    fn kind(error: &StoreError) -> &'static str {
        match error {
            StoreError::Duplicate { .. } => "duplicate",
            StoreError::Referenced { .. } => "referenced",
            StoreError::Stale => "stale",
            StoreError::Retry(_) => "retry",
            StoreError::OutcomeUnknown(_) => "unknown",
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Full(_) => "full",
            StoreError::Corrupt(_) => "corrupt",
        }
    }

    #[test]
    fn every_code_is_classified_in_a_statement_and_in_the_commit() {
        for (code, statement, commit) in [
            (5, "retry", "retry"),
            (6, "retry", "retry"),
            (261, "retry", "retry"),
            (517, "retry", "retry"),
            (13, "full", "full"),
            (10, "unavailable", "unknown"),
            (1034, "unavailable", "unknown"),
            (14, "unavailable", "unavailable"),
            (7, "unavailable", "unavailable"),
            (8, "unavailable", "unavailable"),
            (11, "corrupt", "corrupt"),
            (26, "corrupt", "corrupt"),
            (275, "corrupt", "corrupt"),
            (531, "corrupt", "corrupt"),
            (787, "corrupt", "corrupt"),
            (1299, "corrupt", "corrupt"),
            (3091, "corrupt", "corrupt"),
            (1, "corrupt", "corrupt"),
        ] {
            assert_eq!(kind(&during("test", failure(code, None))), statement, "{code}");
            assert_eq!(kind(&Loss::of_commit(failure(code, None)).for_commit()), commit, "{code}");
            assert_eq!(kind(&Loss::of_commit(failure(code, None)).for_refusal()), "retry", "{code}");
        }
    }

    #[test]
    fn only_a_violated_uniqueness_rule_is_a_duplicate() {
        let message = "UNIQUE constraint failed: users.email";
        for (code, found) in [(2067, true), (1555, true), (2579, true), (787, false), (1299, false), (13, false)] {
            assert_eq!(duplicate(&failure(code, Some(message))), found.then_some(message), "{code}");
        }
        assert_eq!(duplicate(&failure(2067, None)), None);
        assert_eq!(kind(&during("test", failure(2067, Some(message)))), "corrupt", "no table declares the rule");
    }

    #[test]
    fn the_source_is_kept() {
        let error = during("catalog.product.insert", failure(13, None));
        let StoreError::Full(cause) = error else { panic!("not full") };
        assert_eq!(cause.to_string(), "catalog.product.insert failed");
        assert!(cause.source().is_some());
    }
}
