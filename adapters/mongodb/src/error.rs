//! Translates the errors of the driver into those of the application.

use mongodb::error::{Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure};
use skep_application::kernel::{BoxError, StoreError};

const DUPLICATE_KEY: [i32; 2] = [11000, 11001];
const WRITE_CONFLICT: i32 = 112;
const ILLEGAL_OPERATION: i32 = 20;
const OUT_OF_DISK_SPACE: i32 = 14031;
/// A primary is being elected, or this server is starting or stopping. Passes within seconds.
const CHANGING: [i32; 11] = [91, 189, 7, 6, 89, 9001, 10107, 11600, 11602, 13435, 13436];
/// The transaction is gone (251), or waited too long for a lock (24, 46) or reached a time limit (50, 262).
const GONE: [i32; 5] = [24, 46, 50, 251, 262];
/// Not authorized (13) or not authenticated (18): the operator must change the settings.
const NOT_ADMITTED: [i32; 2] = [13, 18];

/// Translates the error of a statement.
pub(crate) fn of_statement(error: Error) -> StoreError {
    if let Some((code, message)) = code_of(&error)
        && let Some(known) = of_code(code, &message)
    {
        return known;
    }
    match error.kind.as_ref() {
        // In a transaction this error is labeled transient, too. But the driver has already waited for a server.
        ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. } | ErrorKind::Authentication { .. } => {
            StoreError::Unavailable(error.into())
        }
        _ if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => StoreError::Retry(error.into()),
        _ if is_network(&error) => StoreError::Unavailable(error.into()),
        _ => StoreError::Corrupt(error.into()),
    }
}

/// Whether the error of a check means that the server refuses this user or password, or has no transactions, so that
/// waiting does not help. Errors of a server that does not answer yet are not refusals.
#[must_use]
pub fn is_refusal(error: &StoreError) -> bool {
    let StoreError::Unavailable(cause) = error else { return false };
    let connecting = cause.downcast_ref::<CannotConnect>();
    connecting.is_some_and(|error| error.is_refused) || cause.downcast_ref::<Standalone>().is_some()
}

/// No server answers, or none accepts this user.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to MongoDB at {hosts}")]
pub(crate) struct CannotConnect {
    hosts: String,
    is_refused: bool,
    source: BoxError,
}

/// What the error of a check means. `hosts` names the servers, which the driver's errors do not.
pub(crate) fn of_check(error: StoreError, hosts: &str) -> StoreError {
    let StoreError::Unavailable(source) = error else { return error };
    let refusal = match source.downcast_ref::<Error>().map(|error| error.kind.as_ref()) {
        // The message alone: the driver shows this error as a dump of its structures.
        Some(ErrorKind::Authentication { message, .. }) => Some(message.clone()),
        _ => None,
    };
    let is_refused = refusal.is_some();
    let source = refusal.map_or(source, BoxError::from);
    StoreError::Unavailable(CannotConnect { hosts: hosts.to_owned(), is_refused, source }.into())
}

/// The server is not a member of a replica set.
#[derive(Debug, thiserror::Error)]
#[error("mongodb is a standalone server, which has no transactions")]
pub(crate) struct Standalone;

/// Translates the error of a write outside of a transaction. If its answer is lost, the outcome is unknown.
pub(crate) fn of_single_write(error: Error) -> StoreError {
    if is_network(&error) { StoreError::OutcomeUnknown(error.into()) } else { of_statement(error) }
}

/// The ways in which a commit can fail.
pub(crate) enum CommitFailure {
    /// Nothing is stored.
    Aborted(StoreError),
    /// The outcome is unknown. Committing again on the same session is safe.
    Unknown(BoxError),
}

/// Translates the error of a commit. After an unknown outcome, only a label makes an error certain.
pub(crate) fn of_commit(error: Error, first: bool) -> CommitFailure {
    // Even without the label, an error of the write concern means that the primary has committed.
    let unconfirmed = matches!(error.kind.as_ref(), ErrorKind::Write(WriteFailure::WriteConcernError(_)));
    if unconfirmed || error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) {
        return CommitFailure::Unknown(error.into());
    }
    if error.contains_label(TRANSIENT_TRANSACTION_ERROR) {
        return CommitFailure::Aborted(StoreError::Retry(error.into()));
    }
    if first { CommitFailure::Aborted(of_statement(error)) } else { CommitFailure::Unknown(error.into()) }
}

/// Translates an error code of the server, if the code is sufficient.
pub(crate) fn of_code(code: i32, message: &str) -> Option<StoreError> {
    let cause = || -> BoxError { format!("mongodb error {code}: {message}").into() };
    match code {
        _ if DUPLICATE_KEY.contains(&code) => Some(duplicate(message)),
        OUT_OF_DISK_SPACE => Some(StoreError::Full(cause())),
        ILLEGAL_OPERATION if message.contains("ransaction") || message.contains("retryable") => {
            Some(StoreError::Unavailable(Standalone.into()))
        }
        _ if message.contains("No space left on device") => Some(StoreError::Full(cause())),
        WRITE_CONFLICT => Some(StoreError::Retry(cause())),
        _ if GONE.contains(&code) || CHANGING.contains(&code) => Some(StoreError::Retry(cause())),
        _ if NOT_ADMITTED.contains(&code) => Some(StoreError::Unavailable(cause())),
        _ => None,
    }
}

/// The violated rule, from a message like
/// `E11000 duplicate key error collection: db.products index: products_sku_key dup key: …`. The rest of the message
/// holds the value, so it is kept out of every error.
fn duplicate(message: &str) -> StoreError {
    let Some(rule) = violated(message) else { return StoreError::Corrupt("a duplicate of an unnamed index".into()) };
    match skep_application::constraint_named(&rule) {
        Some(constraint) => StoreError::Duplicate { constraint },
        None => StoreError::Corrupt(format!("a duplicate of {rule}, which this program does not know").into()),
    }
}

/// The name of the index. The index of the ids has the same name in every collection, so it is named like the primary
/// key of a table.
fn violated(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("collection: ")?;
    let (namespace, rest) = rest.split_once(" index: ")?;
    let index = rest.split(' ').next()?;
    if index != "_id_" {
        return Some(index.to_owned());
    }
    let (_, collection) = namespace.split_once('.')?;
    Some(format!("{collection}_pkey"))
}

pub(crate) fn code_of(error: &Error) -> Option<(i32, String)> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some((command.code, command.message.clone())),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some((write.code, write.message.clone())),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some((concern.code, concern.message.clone())),
        ErrorKind::InsertMany(many) => {
            let first = many.write_errors.as_ref()?.first()?;
            Some((first.code, first.message.clone()))
        }
        _ => None,
    }
}

fn is_network(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constraint_is_found_by_the_name_of_its_index() {
        for rule in skep_application::constraints() {
            let name = rule.name();
            let message = match name.strip_suffix("_pkey") {
                Some(collection) => format!(
                    "E11000 duplicate key error collection: skep.{collection} index: _id_ dup key: {{ _id: 1 }}"
                ),
                None => format!(
                    "E11000 duplicate key error collection: skep.x index: {name} dup key: {{ a: \"index: _id_ \" }}"
                ),
            };
            let error = of_code(11000, &message);
            assert!(matches!(error, Some(StoreError::Duplicate { constraint }) if constraint == rule), "{message}");
        }
    }

    #[test]
    fn an_unknown_index_is_corrupt_and_shows_its_name_but_no_value() {
        let of = |index: &str| {
            format!("E11000 duplicate key error collection: skep.x index: {index} dup key: {{ y: 1234 }}")
        };
        for (message, name) in [(of("y_1"), "y_1"), (of("_id_"), "x_pkey"), ("E11000 y: 1234".to_owned(), "unnamed")] {
            let Some(StoreError::Corrupt(cause)) = of_code(11000, &message) else { panic!("{message}") };
            let shown = format!("{cause} {cause:?}");
            assert!(shown.contains(name) && !shown.contains("1234"), "{shown}");
        }
    }
}
