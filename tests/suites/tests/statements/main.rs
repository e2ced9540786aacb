//! Every SQL statement fits both engines, and both engines have the tables that the repositories declare.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]
#![expect(clippy::print_stdout, reason = "the run shows which stores were not tried")]

mod catalog;
mod event_plans;
mod events;
mod host;
mod job_plans;
mod order_plans;
mod references;
mod search_plans;

use rusqlite::Connection as Sqlite;
use skep_application::operations::Migrations as _;
use skep_local::SystemClock;
use skep_postgres::{PostgresDatabase, PostgresOptions};
use skep_sql::{Engine, Kind, SqlDatabase, SqlStore, Statement, statements};
use skep_sqlite::{SqliteDatabase, SqliteOptions};
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Either, Executor as _, PgConnection, Row as _, SqlSafeStr as _,
    Statement as _, TypeInfo as _,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tempfile::TempDir;

/// A migrated SQLite database. The folder is removed when it is dropped.
async fn sqlite_store() -> (TempDir, SqlStore) {
    let folder = TempDir::new().unwrap();
    let options = SqliteOptions::new(folder.path().join("skep.db"));
    let database: Arc<dyn SqlDatabase> = Arc::new(SqliteDatabase::open(options).unwrap());
    let store = SqlStore::new(database, Arc::new(SystemClock::new()));
    store.up().await.unwrap();
    (folder, store)
}

/// A migrated SQLite database, opened as another program would.
async fn sqlite() -> (TempDir, Sqlite) {
    let (folder, _) = sqlite_store().await;
    let connection = Sqlite::open(folder.path().join("skep.db")).unwrap();
    rusqlite::vtab::array::load_module(&connection).unwrap();
    (folder, connection)
}

/// A new, migrated PostgreSQL database.
struct Postgres {
    admin: PgConnection,
    name: String,
    store: SqlStore,
    connection: PgConnection,
}

impl Postgres {
    async fn start(test: &str) -> Option<Self> {
        let required = std::env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
        let Ok(address) = std::env::var("SKEP_TEST_POSTGRES_URL") else {
            assert!(!required.split(',').any(|store| store == "postgres"), "SKEP_TEST_POSTGRES_URL is not set");
            println!("not tried: SKEP_TEST_POSTGRES_URL is not set");
            return None;
        };
        let mut admin = PgConnection::connect(&address).await.unwrap();
        let name = format!("skep_suite_{}_{test}", std::process::id());
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let mut own = url::Url::parse(&address).unwrap();
        own.set_path(&name);
        let database: Arc<dyn SqlDatabase> =
            Arc::new(PostgresDatabase::connect(&PostgresOptions::new(own.as_str())).unwrap());
        let store = SqlStore::new(database, Arc::new(SystemClock::new()));
        store.up().await.unwrap();
        let connection = PgConnection::connect(own.as_str()).await.unwrap();
        Some(Self { admin, name, store, connection })
    }

    async fn remove(mut self) {
        self.connection.close().await.unwrap();
        let text = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.admin.execute(AssertSqlSafe(text)).await.unwrap();
    }
}

fn postgres_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "BOOL",
        Kind::Int => "INT8",
        Kind::Text => "TEXT",
        Kind::Bytes => "BYTEA",
        Kind::Uuid => "UUID",
        Kind::Time => "TIMESTAMPTZ",
        Kind::Uuids => "UUID[]",
    }
}

/// The kinds of columns are checked on PostgreSQL only; `catalog` checks that both engines have the same tables.
#[tokio::test]
async fn every_statement_prepares_on_sqlite_with_its_declared_parameters() {
    let (_folder, connection) = sqlite().await;
    let mut faults = Vec::new();
    for statement in statements() {
        let prepared = match connection.prepare(statement.text(Engine::Sqlite)) {
            Ok(prepared) => prepared,
            Err(error) => {
                faults.push(format!("{}: {error}", statement.name));
                continue;
            }
        };
        let mut found: Vec<_> =
            (1..=prepared.parameter_count()).map(|at| prepared.parameter_name(at).unwrap_or("?").to_owned()).collect();
        let mut declared: Vec<_> = (1..=statement.params.len()).map(|at| format!("${at}")).collect();
        found.sort();
        declared.sort();
        if found != declared {
            faults.push(format!("{}: parameters {found:?}, declared {declared:?}", statement.name));
        }
        if prepared.column_count() != statement.columns.len() {
            let (found, declared) = (prepared.column_count(), statement.columns.len());
            faults.push(format!("{}: {found} columns, declared {declared}", statement.name));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The differences between a statement's declaration and its form on PostgreSQL.
async fn faults(connection: &mut PgConnection, statement: &Statement) -> Vec<String> {
    let text = AssertSqlSafe(statement.text(Engine::Postgres).to_owned()).into_sql_str();
    let prepared = match connection.prepare(text).await {
        Ok(prepared) => prepared,
        Err(error) => return vec![format!("{}: {error}", statement.name)],
    };
    let mut faults = Vec::new();
    let declared: Vec<String> = statement
        .params
        .iter()
        .map(|kind| format!("{}{}", postgres_type(*kind), if statement.batch { "[]" } else { "" }))
        .collect();
    let found: Vec<String> = match prepared.parameters() {
        Some(Either::Left(types)) => types.iter().map(|found| found.name().to_owned()).collect(),
        _ => vec![],
    };
    if found != declared {
        faults.push(format!("{}: parameters {found:?}, declared {declared:?}", statement.name));
    }
    let found: Vec<_> = prepared.columns().iter().map(|column| column.type_info().name().to_owned()).collect();
    let declared: Vec<_> = statement.columns.iter().map(|kind| postgres_type(*kind).to_owned()).collect();
    if found != declared {
        faults.push(format!("{}: columns {found:?}, declared {declared:?}", statement.name));
    }
    faults
}

#[tokio::test]
async fn every_statement_prepares_on_postgresql_with_its_declared_parameters() {
    let Some(mut postgres) = Postgres::start("statements").await else { return };
    let mut found = Vec::new();
    for statement in statements() {
        found.extend(faults(&mut postgres.connection, statement).await);
    }
    postgres.remove().await;
    assert!(found.is_empty(), "{found:#?}");
}

/// Every index except those of primary keys: its table, whether it is unique, and its columns. The names are left out
/// because SQLite names the indexes of constraints itself.
type Indexes = BTreeSet<(String, bool, Vec<String>)>;

fn by_name(rows: impl IntoIterator<Item = (String, String, bool, String)>) -> Indexes {
    let mut indexes: BTreeMap<String, (String, bool, Vec<String>)> = BTreeMap::new();
    for (name, table, unique, column) in rows {
        indexes.entry(name).or_insert_with(|| (table, unique, vec![])).2.push(column);
    }
    indexes.into_values().collect()
}

fn sqlite_indexes(connection: &Sqlite) -> Indexes {
    let text = "SELECT list.name, tables.name, list.\"unique\", info.name FROM sqlite_schema tables, \
        pragma_index_list(tables.name) list, pragma_index_info(list.name) info \
        WHERE tables.type = 'table' AND list.origin <> 'pk' ORDER BY list.name, info.seqno";
    let mut statement = connection.prepare(text).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    by_name(rows.map(Result::unwrap))
}

async fn postgres_indexes(connection: &mut PgConnection) -> Indexes {
    let text = "SELECT class.relname::text, owner.relname::text, index.indisunique, attribute.attname::text \
        FROM pg_index index \
        JOIN pg_class class ON class.oid = index.indexrelid JOIN pg_class owner ON owner.oid = index.indrelid \
        JOIN pg_attribute attribute ON attribute.attrelid = class.oid \
        WHERE class.relnamespace = 'public'::regnamespace AND NOT index.indisprimary \
        ORDER BY class.relname, attribute.attnum";
    let rows = connection.fetch_all(text).await.unwrap();
    by_name(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))))
}

/// The indexes, except those of orders by customer. The migrations of ordering say why these differ.
fn alike(mut indexes: Indexes) -> Indexes {
    indexes.retain(|(table, _, columns)| table != "orders" || columns[0] != "customer_id");
    indexes
}

#[tokio::test]
async fn both_engines_have_the_same_indexes() {
    let Some(mut postgres) = Postgres::start("indexes").await else { return };
    let (_folder, sqlite) = sqlite().await;
    let indexes = (sqlite_indexes(&sqlite), postgres_indexes(&mut postgres.connection).await);
    postgres.remove().await;
    let number = ("orders".to_owned(), true, vec!["number".to_owned()]);
    assert!(indexes.0.contains(&number), "the indexes are read");
    assert_eq!(alike(indexes.0), alike(indexes.1));
}
