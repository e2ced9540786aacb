//! Statements: a text, and what goes in and comes out.

use super::{Kind, Value};
use skep_application::kernel::StoreError;
use std::borrow::Cow;

/// One of the two engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// The text of a statement. Parameters are `$1`, `$2`, … on both engines.
#[derive(Debug, Clone)]
pub enum Sql {
    /// The same for both.
    Both(Cow<'static, str>),
    /// The engines differ here, for a reason.
    Per {
        /// For SQLite.
        sqlite: Cow<'static, str>,
        /// For PostgreSQL.
        postgres: Cow<'static, str>,
        /// Why one text does not serve both; read by people alone.
        why: &'static str,
    },
}

/// Why a statement differs that takes a list of ids.
pub(crate) const A_LIST: &str = "a list of ids is a table of its own in SQLite, and an array in PostgreSQL";
/// Why a statement differs that locks rows.
pub(crate) const A_LOCK: &str = "SQLite has one writer; PostgreSQL has several, which lock rows against each other";
/// Why a statement differs that deletes what is over.
pub(crate) const A_SWEEP: &str =
    "several instances sweep PostgreSQL at once: each takes the rows that no other has locked";
/// Why a statement differs that is run for many rows.
pub(crate) const A_BATCH: &str = "SQLite runs the text for every row, PostgreSQL once with an array for each parameter";

/// A statement that both engines can prepare. Declared once, as a static.
#[derive(Debug)]
pub struct Statement {
    /// `context.entity.verb`, for spans, metrics and errors.
    pub name: &'static str,
    /// The text.
    pub sql: Sql,
    /// The kinds of the parameters of one row. For a batch PostgreSQL gets an array of each (`unnest($1, $2, …)`), while
    /// SQLite runs its text once for every row.
    pub params: &'static [Kind],
    /// The kinds of the columns of the answer.
    pub columns: &'static [Kind],
    /// Whether it is run with [`super::SqlConnection::execute_many`].
    pub batch: bool,
}

impl Statement {
    /// A statement with one text for both engines.
    #[must_use]
    pub const fn both(
        name: &'static str,
        text: &'static str,
        params: &'static [Kind],
        columns: &'static [Kind],
    ) -> Self {
        Self { name, sql: Sql::Both(Cow::Borrowed(text)), params, columns, batch: false }
    }

    /// A statement whose text differs, for SQLite and for PostgreSQL, and why.
    #[must_use]
    pub const fn per(
        name: &'static str,
        why: &'static str,
        (sqlite, postgres): (&'static str, &'static str),
        params: &'static [Kind],
        columns: &'static [Kind],
    ) -> Self {
        let sql = Sql::Per { sqlite: Cow::Borrowed(sqlite), postgres: Cow::Borrowed(postgres), why };
        Self { name, sql, params, columns, batch: false }
    }

    /// A statement for many rows: SQLite runs its text for each, PostgreSQL once with an array per parameter.
    #[must_use]
    pub const fn batch(
        name: &'static str,
        (sqlite, postgres): (&'static str, &'static str),
        params: &'static [Kind],
    ) -> Self {
        let sql = Sql::Per { sqlite: Cow::Borrowed(sqlite), postgres: Cow::Borrowed(postgres), why: A_BATCH };
        Self { name, sql, params, columns: &[], batch: true }
    }

    /// The text for an engine.
    #[must_use]
    pub fn text(&self, engine: Engine) -> &str {
        match (&self.sql, engine) {
            (Sql::Both(text), _) => text,
            (Sql::Per { sqlite, .. }, Engine::Sqlite) => sqlite,
            (Sql::Per { postgres, .. }, Engine::Postgres) => postgres,
        }
    }

    /// Refuses arguments that are not of the declared number and kinds: SQLite binds NULL for a missing one and
    /// PostgreSQL accepts surplus ones in silence.
    ///
    /// # Errors
    /// `Corrupt`, naming the statement: it is a fault of ours.
    pub fn check(&self, args: &[Value]) -> Result<(), StoreError> {
        let fits = args.len() == self.params.len() && args.iter().zip(self.params).all(|(arg, kind)| arg.is(*kind));
        if fits { Ok(()) } else { Err(StoreError::Corrupt(format!("{}: wrong arguments", self.name).into())) }
    }
}
