//! Statements: a text, with the kinds of its parameters and columns.

use super::{Kind, Value};
use skep_application::kernel::StoreError;
use std::borrow::Cow;

/// The SQL engine of a database.
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
    /// One text for both engines.
    Both(Cow<'static, str>),
    /// A text for each engine, with the reason.
    Per {
        /// For SQLite.
        sqlite: Cow<'static, str>,
        /// For PostgreSQL.
        postgres: Cow<'static, str>,
        /// Why one text does not work on both. It is written for readers of the code.
        why: &'static str,
    },
}

/// Why a statement with a list of ids differs.
pub(crate) const A_LIST: &str = "a list of ids is a table-valued function in SQLite, and an array in PostgreSQL";
/// Why a statement that locks rows differs.
pub(crate) const A_LOCK: &str = "SQLite has one writer; PostgreSQL has several, which lock rows against each other";
/// Why a statement that deletes expired rows differs.
pub(crate) const A_SWEEP: &str =
    "several instances sweep PostgreSQL at once, and each skips the rows that another one has locked";
/// Why a statement that reads a list differs.
pub(crate) const A_LIST_IN_PARTS: &str = "SQLite has an index for each part of the list, and PostgreSQL one for all";
/// Why a batch statement differs.
pub(crate) const A_BATCH: &str = "SQLite runs the text for each row, PostgreSQL once with an array for each parameter";

/// A statement that both engines can prepare. It is declared once, as a static.
#[derive(Debug)]
pub struct Statement {
    /// `context.entity.verb`, for spans, metrics and errors.
    pub name: &'static str,
    /// The text, or one for each engine.
    pub sql: Sql,
    /// The kinds of the parameters. In a batch these are the parameters of one row: PostgreSQL gets an array of each
    /// (`unnest($1, $2, …)`), and SQLite runs its text once for each row.
    pub params: &'static [Kind],
    /// The kinds of the columns of the result.
    pub columns: &'static [Kind],
    /// Whether it runs with [`super::SqlConnection::execute_many`].
    pub batch: bool,
    /// Whether it can read thousands of rows. Outside of a unit of work, SQLite then runs it on another thread, because
    /// it would hold up the async one.
    pub is_long: bool,
    /// The foreign keys that it can break.
    pub effect: Effect,
}

/// What a statement writes, as far as foreign keys depend on it. SQLite reports only that a foreign key is broken: the
/// driver looks for the one, with the arguments of the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It can break no foreign key.
    None,
    /// Inserts or updates rows.
    Writes {
        /// The table that is written.
        table: &'static str,
        /// The numbers of parameters, from 1, with the columns that they go to. Columns without a foreign key may be
        /// left out, except the `id` of a row that can refer to itself.
        columns: &'static [(usize, &'static str)],
    },
    /// Deletes a row.
    Deletes {
        /// The table that the row is deleted from.
        table: &'static str,
        /// The number of the parameter, from 1, that is the row's `id`.
        id: usize,
    },
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
        let sql = Sql::Both(Cow::Borrowed(text));
        Self { name, sql, params, columns, batch: false, is_long: false, effect: Effect::None }
    }

    /// A statement with a text for each engine, and the reason why they differ.
    #[must_use]
    pub const fn per(
        name: &'static str,
        why: &'static str,
        (sqlite, postgres): (&'static str, &'static str),
        params: &'static [Kind],
        columns: &'static [Kind],
    ) -> Self {
        let sql = Sql::Per { sqlite: Cow::Borrowed(sqlite), postgres: Cow::Borrowed(postgres), why };
        Self { name, sql, params, columns, batch: false, is_long: false, effect: Effect::None }
    }

    /// A statement for many rows. SQLite runs its text for each row, PostgreSQL once with an array for each parameter.
    #[must_use]
    pub const fn batch(
        name: &'static str,
        (sqlite, postgres): (&'static str, &'static str),
        params: &'static [Kind],
    ) -> Self {
        let sql = Sql::Per { sqlite: Cow::Borrowed(sqlite), postgres: Cow::Borrowed(postgres), why: A_BATCH };
        Self { name, sql, params, columns: &[], batch: true, is_long: false, effect: Effect::None }
    }

    /// The same statement, which can read thousands of rows.
    #[must_use]
    pub const fn long(mut self) -> Self {
        self.is_long = true;
        self
    }

    /// The same statement, which inserts or updates rows of `table` and can break its foreign keys. `columns` are the
    /// numbers of parameters with the columns that they go to, as in [`Effect::Writes`].
    ///
    /// A violation is then `Referenced`. Without this, it is `Corrupt`.
    #[must_use]
    pub const fn writes(mut self, table: &'static str, columns: &'static [(usize, &'static str)]) -> Self {
        self.effect = Effect::Writes { table, columns };
        self
    }

    /// The same statement, which deletes the row of `table` whose `id` is the parameter with this number, and can break
    /// the foreign keys that refer to it.
    ///
    /// A violation is then `Referenced`. Without this, it is `Corrupt`.
    #[must_use]
    pub const fn deletes(mut self, table: &'static str, id: usize) -> Self {
        self.effect = Effect::Deletes { table, id };
        self
    }

    /// The text for this engine.
    #[must_use]
    pub fn text(&self, engine: Engine) -> &str {
        match (&self.sql, engine) {
            (Sql::Both(text), _) => text,
            (Sql::Per { sqlite, .. }, Engine::Sqlite) => sqlite,
            (Sql::Per { postgres, .. }, Engine::Postgres) => postgres,
        }
    }

    /// Refuses arguments of another number or of other kinds than declared. SQLite would bind NULL for a missing
    /// argument, and PostgreSQL would silently accept surplus ones.
    ///
    /// # Errors
    /// `Corrupt`, which names the statement. It is a fault of our code.
    pub fn check(&self, args: &[Value]) -> Result<(), StoreError> {
        let fits = args.len() == self.params.len() && args.iter().zip(self.params).all(|(arg, kind)| arg.is(*kind));
        if fits { Ok(()) } else { Err(StoreError::Corrupt(format!("{}: wrong arguments", self.name).into())) }
    }
}
