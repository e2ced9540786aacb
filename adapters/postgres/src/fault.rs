//! Translates errors of the driver and the server for a unit of work.
//!
//! | SQLSTATE | meaning | why |
//! | --- | --- | --- |
//! | 23505 | `Duplicate` | a table declares the constraint; `Corrupt` if none does |
//! | 23001, 23503 | `Referenced` | the statement can break the foreign key; `Corrupt` if it cannot |
//! | 40001, 40003, 40P01, 55P03 | `Retry` | serialization, deadlock, lock timeout: the server rolled back |
//! | 0A000 from the plan cache | `Retry` | a migration changed the table; all older connections are replaced |
//! | 26000, 42P05 | `Retry` | a pooler has been put in between, or has another mode; all older connections are replaced |
//! | 08xxx, 25P03, 57P01, 57P02, 57P05, I/O | `Retry` | the connection is gone; if the server is down, the next `begin` returns `Unavailable` |
//! | 57014 | `Unavailable` | statement timeout: another attempt would take as long |
//! | 08P01 that ends the connection | `Retry` | a pooler stops, or has lost its connection to the server |
//! | 25006 | `Unavailable` | the server has become a standby; all older connections are replaced, and the next one may reach the primary |
//! | 53100 | `Full` | the disk is full |
//! | 28xxx, 3D000, 42501, 53xxx, 57P03, 57P04, 58xxx | `Unavailable` | no login, no database, no permission, no memory, starting up |
//! | anything else | `Corrupt` | a statement or a row is wrong: a fault of our code |
//!
//! Only the text of an error is kept, never its detail: details quote rows, and rows contain e-mail addresses.

use skep_application::kernel::StoreError;
use skep_sql::{Declared, Statement};
use sqlx::postgres::{PgDatabaseError, PgSeverity};
use std::{borrow::Cow, time::Duration};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Duplicate,
    Referenced,
    Retry,
    Unavailable,
    Full,
    Corrupt,
}

/// The state of the connection after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// The connection works. Its transaction does not.
    Works,
    /// The connection must not be used again. The server has answered, so the outcome is known.
    Unfit,
    /// Neither this connection nor any older one may be used again.
    Outdated,
    /// The connection broke, and the outcome of the last request is unknown.
    Lost,
}

/// An error of the server or the connection, with its place.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {text}")]
pub(crate) struct Fault {
    place: Cow<'static, str>,
    text: String,
    /// The violated constraint, if it is one.
    constraint: Option<String>,
    pub(crate) meaning: Meaning,
    pub(crate) link: Link,
    /// Whether another attempt to connect is likely to succeed soon.
    pub(crate) may_pass: bool,
    /// Whether the server refuses the options of a connection.
    pub(crate) refuses_options: bool,
}

impl Fault {
    pub(crate) fn new(place: impl Into<Cow<'static, str>>, text: impl Into<String>, meaning: Meaning) -> Self {
        Self {
            place: place.into(),
            text: text.into(),
            constraint: None,
            meaning,
            link: Link::Works,
            may_pass: false,
            refuses_options: false,
        }
    }

    /// The server cannot be used as it is, however long we wait.
    pub(crate) fn refusal(place: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        Self { link: Link::Unfit, ..Self::new(place, text, Meaning::Unavailable) }
    }

    /// The faults of several hosts as one.
    pub(crate) fn all(mut faults: Vec<Self>) -> Option<Self> {
        let mut fault = faults.pop()?;
        fault.may_pass |= faults.iter().any(|other| other.may_pass);
        for other in faults.iter().rev() {
            fault.text = format!("{}; {}: {}", fault.text, other.place, other.text);
        }
        Some(fault)
    }

    /// No answer came in time.
    pub(crate) fn silence(place: impl Into<Cow<'static, str>>, after: Duration) -> Self {
        let text = format!("no answer within {after:?}");
        Self { link: Link::Lost, ..Self::new(place, text, Meaning::Unavailable) }
    }

    /// An error that sqlx reported for a statement on an open connection.
    pub(crate) fn of(place: impl Into<Cow<'static, str>>, error: &sqlx::Error) -> Self {
        let place = place.into();
        let mut constraint = None;
        let (text, meaning, link) = match error {
            sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
                Some(error) => {
                    constraint = error.constraint().map(str::to_owned);
                    let (meaning, link) = judge(error);
                    (format!("{} ({})", error.message(), error.code()), meaning, link)
                }
                None => (error.message().to_owned(), Meaning::Corrupt, Link::Lost),
            },
            sqlx::Error::Io(error) => (format!("the connection broke: {error}"), Meaning::Retry, Link::Lost),
            sqlx::Error::Protocol(text) => (text.clone(), Meaning::Retry, Link::Lost),
            sqlx::Error::Tls(error) => (format!("TLS: {error}"), Meaning::Unavailable, Link::Lost),
            sqlx::Error::Configuration(error) => (error.to_string(), Meaning::Unavailable, Link::Lost),
            other => (other.to_string(), Meaning::Corrupt, Link::Works),
        };
        Self { constraint, link, ..Self::new(place, text, meaning) }
    }

    /// An error that sqlx reported while it opened a connection. The store cannot be used, whatever the error is. The
    /// link is `Unfit` if the server has refused the connection, or if our own TLS settings are wrong.
    pub(crate) fn of_connecting(address: &str, error: &sqlx::Error) -> Self {
        let Self { place, mut text, .. } = match error {
            sqlx::Error::Io(error) => Self::new("", error.to_string(), Meaning::Unavailable),
            error => Self::of("", error),
        };
        debug_assert!(place.is_empty());
        let place = format!("cannot connect to PostgreSQL at {address}");
        let link = match error {
            // PgBouncer's messages are not translated.
            sqlx::Error::Database(error) if error.message().starts_with("unsupported startup parameter") => {
                text.push_str("; remove the parameter options from the address, or set it for the role on the server");
                Link::Unfit
            }
            sqlx::Error::Database(error) if is_refusal_code(error.code().as_deref()) => Link::Unfit,
            sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => Link::Unfit,
            _ => Link::Lost,
        };
        Self { link, ..Self::new(place, text, Meaning::Unavailable) }
    }

    /// The error that a use case gets for a failed statement. It names the violated rule if that is declared.
    pub(crate) fn of_statement(self, statement: &Statement, declared: &Declared) -> StoreError {
        let name = self.constraint.as_deref().unwrap_or_default();
        let duplicate = declared.unique_rule(name).filter(|_| self.meaning == Meaning::Duplicate);
        let referenced = declared.foreign_key(statement, name).filter(|_| self.meaning == Meaning::Referenced);
        match (duplicate, referenced) {
            (Some(constraint), _) => StoreError::Duplicate { constraint },
            (None, Some(constraint)) => StoreError::Referenced { constraint },
            (None, None) => self.into_store_error(),
        }
    }

    /// The error that a use case gets for anything else.
    pub(crate) fn into_store_error(self) -> StoreError {
        match self.meaning {
            Meaning::Retry => StoreError::Retry(self.into()),
            Meaning::Unavailable => StoreError::Unavailable(self.into()),
            Meaning::Full => StoreError::Full(self.into()),
            Meaning::Duplicate | Meaning::Referenced | Meaning::Corrupt => StoreError::Corrupt(self.into()),
        }
    }

    /// The error that a use case gets when a COMMIT that may have written failed.
    pub(crate) fn of_commit(self, declared: &Declared) -> StoreError {
        static COMMIT: Statement = Statement::both("commit", "COMMIT", &[], &[]);
        match self.link {
            Link::Lost => StoreError::OutcomeUnknown(self.into()),
            Link::Works | Link::Unfit | Link::Outdated => self.of_statement(&COMMIT, declared),
        }
    }
}

/// Whether a server that refuses a connection with this code is likely to take one soon: it has no connection to spare,
/// it is starting, or a pooler does not reach it.
pub(crate) fn is_passing(code: Option<&str>) -> bool {
    // A pooler has one code for all of its errors.
    matches!(code, Some("53300" | "57P03" | "08P01"))
}

/// Whether a server that answers a connection with this code refuses the user, the password, the database or the
/// permission. Any other answer may pass: the server is starting or stopping, has no connection to spare, or a pooler
/// does not reach it.
pub(crate) fn is_refusal_code(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.starts_with("28") || matches!(code, "3D000" | "42501"))
}

/// Whether the error of a check means that the server refuses this user, password, database or TLS, so that waiting
/// does not help. Errors of a server that does not answer yet are not refusals.
#[must_use]
pub fn is_refusal(error: &StoreError) -> bool {
    let StoreError::Unavailable(cause) = error else { return false };
    cause.downcast_ref::<Fault>().is_some_and(|fault| fault.link == Link::Unfit)
}

fn judge(error: &PgDatabaseError) -> (Meaning, Link) {
    let fatal = matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic);
    let (meaning, link) = match error.code() {
        "23505" => (Meaning::Duplicate, Link::Works),
        "23001" | "23503" => (Meaning::Referenced, Link::Works),
        // The server translates the message of the error, but not the name of the routine.
        "0A000" if error.routine() == Some("RevalidateCachedQuery") => (Meaning::Retry, Link::Outdated),
        // We name our statements ourselves, so a session never lacks one or has another one.
        "26000" | "42P05" => (Meaning::Retry, Link::Outdated),
        // The server was waiting for a statement when this timeout ended the transaction, so it has not received a
        // COMMIT.
        "25P03" => return (Meaning::Retry, Link::Unfit),
        // After a failover, all older connections lead to the same standby.
        "25006" => (Meaning::Unavailable, Link::Outdated),
        "53100" => (Meaning::Full, Link::Works),
        "57014" => (Meaning::Unavailable, Link::Works),
        // A pooler ends the connection: it stops, or it has lost its connection to the server.
        "08P01" if fatal => (Meaning::Retry, Link::Lost),
        code => by_class(code),
    };
    (meaning, if fatal { Link::Lost } else { link })
}

fn by_class(code: &str) -> (Meaning, Link) {
    match code {
        "40001" | "40003" | "40P01" | "55P03" => (Meaning::Retry, Link::Works),
        "57P01" | "57P02" | "57P05" => (Meaning::Retry, Link::Lost),
        // This code means wrong parameters, not a broken connection.
        "08P01" => (Meaning::Corrupt, Link::Works),
        "3D000" | "42501" | "57P03" | "57P04" => (Meaning::Unavailable, Link::Works),
        _ => match code.get(..2) {
            Some("08") => (Meaning::Retry, Link::Lost),
            Some("28" | "53" | "58") => (Meaning::Unavailable, Link::Works),
            _ => (Meaning::Corrupt, Link::Works),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_application::kernel::Constraint;
    use skep_sql::{Kind, Table, Value};
    use std::sync::LazyLock;

    #[test]
    fn lost_connections_are_retried_and_slow_statements_are_not() {
        assert_eq!(by_class("57P01"), (Meaning::Retry, Link::Lost));
        assert_eq!(by_class("08006"), (Meaning::Retry, Link::Lost));
        assert_eq!(by_class("40P01"), (Meaning::Retry, Link::Works));
        assert_eq!(by_class("53300"), (Meaning::Unavailable, Link::Works));
        assert_eq!(by_class("23503"), (Meaning::Corrupt, Link::Works));
    }

    #[test]
    fn only_a_declared_rule_that_the_statement_can_violate_is_named() {
        const ID: Constraint = Constraint::new("cells_pkey");
        const COMB: Constraint = Constraint::new("cells_comb_id_fkey");
        static CELLS: LazyLock<Table<()>> = LazyLock::new(|| {
            let cells = Table::<()>::new("cells", "test.cell", ID).key("id", Kind::Uuid, |()| Value::Null);
            let cells = cells.fixed("comb_id", Kind::Uuid, |()| Value::Null).references(COMB, "comb_id", "combs");
            cells.offers(&[])
        });
        static READ: Statement = Statement::both("test.cell.read", "SELECT 1", &[], &[Kind::Int]);
        static WRITE: Statement =
            Statement::both("test.cell.write", "", &[Kind::Uuid], &[]).writes("cells", &[(1, "comb_id")]);
        let declared = Declared::table(&CELLS);
        let answer = |meaning, name: Option<&str>, statement: &Statement| {
            let mut fault = Fault::new("x", "violated", meaning);
            fault.constraint = name.map(str::to_owned);
            match fault.of_statement(statement, &declared) {
                StoreError::Duplicate { constraint } => format!("duplicate {}", constraint.name()),
                StoreError::Referenced { constraint } => format!("referenced {}", constraint.name()),
                StoreError::Corrupt(cause) => cause.to_string(),
                other => format!("{other:?}"),
            }
        };
        for (meaning, name, statement, expected) in [
            (Meaning::Duplicate, Some("cells_pkey"), &READ, "duplicate cells_pkey"),
            (Meaning::Duplicate, Some("cells_comb_id_fkey"), &WRITE, "x: violated"),
            (Meaning::Duplicate, Some("another_key"), &WRITE, "x: violated"),
            (Meaning::Duplicate, None, &WRITE, "x: violated"),
            (Meaning::Referenced, Some("cells_comb_id_fkey"), &WRITE, "referenced cells_comb_id_fkey"),
            (Meaning::Referenced, Some("cells_comb_id_fkey"), &READ, "x: violated"),
            (Meaning::Referenced, Some("cells_pkey"), &WRITE, "x: violated"),
            (Meaning::Corrupt, Some("cells_pkey"), &WRITE, "x: violated"),
        ] {
            assert_eq!(answer(meaning, name, statement), expected, "{meaning:?} {name:?}");
        }
    }

    #[test]
    fn only_a_server_that_answers_refuses() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let away = Fault::of_connecting("h:1", &sqlx::Error::Io(refused)).into_store_error();
        assert!(!is_refusal(&away));
        let misconfigured = Fault::of_connecting("h:1", &sqlx::Error::Tls("no certificate".into())).into_store_error();
        assert!(is_refusal(&misconfigured));
        for (code, refuses) in [("28P01", true), ("3D000", true), ("57P03", false), ("57P01", false), ("08P01", false)]
        {
            assert_eq!(is_refusal_code(Some(code)), refuses, "{code}");
        }
        assert!(!is_refusal_code(None));
    }

    #[test]
    fn only_a_lost_connection_leaves_a_commit_unknown() {
        let broken = sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into());
        assert!(matches!(Fault::of("x", &broken).of_commit(&Declared::default()), StoreError::OutcomeUnknown(_)));
        assert!(matches!(Fault::of("x", &broken).into_store_error(), StoreError::Retry(_)));
        let silent = Fault::silence("x", Duration::from_secs(1));
        assert!(matches!(silent.of_commit(&Declared::default()), StoreError::OutcomeUnknown(_)));
        let refused = Fault::new("x", "no", Meaning::Full);
        assert!(matches!(refused.of_commit(&Declared::default()), StoreError::Full(_)));
    }
}
