//! The database of a deployment, on each store. No two deployments share one.

use crate::stored;
use mongodb::bson::{Document, doc};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use std::{
    collections::BTreeMap,
    env,
    path::Path,
    process,
    sync::atomic::{AtomicU64, Ordering},
};

/// The names of databases start with this, followed by the id of the process and a number.
const DATABASES: &str = "skep_journeys";

/// A kind of store, and the address of its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// A file in the data folder.
    Sqlite,
    /// The server at this address, whose user may create databases.
    Postgres(String),
    /// The replica set at this address.
    Mongodb(String),
}

/// The database of one deployment. It is removed when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    store: Store,
    database: String,
}

impl Store {
    /// The store with this name, if the environment says where its server is.
    ///
    /// # Errors
    /// The name of the variable that is not set.
    pub fn named(name: &str) -> Result<Self, &'static str> {
        let address = |variable: &'static str| env::var(variable).map_err(|_| variable);
        match name {
            "postgres" => address("SKEP_TEST_POSTGRES_URL").map(Self::Postgres),
            "mongodb" => address("SKEP_TEST_MONGODB_URL").map(Self::Mongodb),
            _ => Ok(Self::Sqlite),
        }
    }

    /// `sqlite`, `postgres` or `mongodb`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::Mongodb(_) => "mongodb",
        }
    }

    /// Creates an empty database.
    ///
    /// # Panics
    /// If the server does not answer.
    #[must_use]
    pub fn new_database(&self) -> TestDatabase {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let database = format!("{DATABASES}_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        if let Self::Postgres(server) = self {
            block_on(run(server, format!("CREATE DATABASE {database} TEMPLATE template0"))).expect("a database");
        }
        TestDatabase { store: self.clone(), database }
    }

    /// Makes the server end the transactions of a dead process within half a minute. By default, MongoDB takes 60 to
    /// 90 s, because it does not notice the death. PostgreSQL ends them at once.
    ///
    /// # Panics
    /// If the server does not answer or does not allow the setting.
    pub fn end_abandoned_soon(&self) {
        let Self::Mongodb(server) = self else { return };
        let command = doc! { "setParameter": 1, "transactionLifetimeLimitSeconds": 15 };
        block_on(async { mongodb::Client::with_uri_str(server).await?.database("admin").run_command(command).await })
            .expect("mongodb allows the setting");
    }

    /// Removes the databases that killed runs have left behind.
    ///
    /// # Panics
    /// If the server does not answer.
    pub fn sweep(&self) {
        match self {
            Self::Sqlite => {}
            Self::Postgres(server) => block_on(async {
                let mut connection = PgConnection::connect(server).await?;
                for row in sqlx::query("SELECT datname FROM pg_database").fetch_all(&mut connection).await? {
                    let name: String = row.try_get(0)?;
                    if is_left_behind(&name) {
                        sqlx::raw_sql(AssertSqlSafe(drop_database(&name))).execute(&mut connection).await?;
                        sqlx::raw_sql(AssertSqlSafe(drop_guest(&name))).execute(&mut connection).await?;
                    }
                }
                connection.close().await
            })
            .expect("postgres answers"),
            Self::Mongodb(server) => block_on(async {
                let client = mongodb::Client::with_uri_str(server).await?;
                for name in client.list_database_names().await?.iter().filter(|name| is_left_behind(name)) {
                    client.database(name).drop().await?;
                }
                mongodb::error::Result::Ok(())
            })
            .expect("mongodb answers"),
        }
    }
}

impl TestDatabase {
    /// The store that holds the database.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The environment variable that makes a server use this database. SQLite needs none.
    #[must_use]
    pub fn variable(&self) -> Option<(&'static str, String)> {
        match &self.store {
            Store::Sqlite => None,
            Store::Postgres(server) => Some(("DATABASE_URL", with_database(server, &self.database))),
            Store::Mongodb(server) => Some(("MONGODB_URI", with_database(server, &self.database))),
        }
    }
}

impl TestDatabase {
    /// Leaves a transaction open that reads this collection, as a process that was killed does.
    ///
    /// # Panics
    /// If the store is not MongoDB, or does not answer.
    pub(crate) fn leave_a_transaction_open(&self, collection: &str) {
        let Store::Mongodb(server) = &self.store else { panic!("only MongoDB keeps such transactions") };
        block_on(async {
            let client = mongodb::Client::with_uri_str(server).await?;
            let mut session = client.start_session().await?;
            session.start_transaction().await?;
            let collection = client.database(&self.database).collection::<Document>(collection);
            collection.find_one(doc! {}).session(&mut session).await?;
            // Without this, the driver would end the transaction.
            std::mem::forget(session);
            mongodb::error::Result::Ok(())
        })
        .expect("mongodb answers");
    }

    /// Makes the database again, with these options.
    pub(crate) fn recreate(&self, options: &str) {
        let Store::Postgres(server) = &self.store else { panic!("only PostgreSQL has such options") };
        let name = &self.database;
        block_on(async {
            run(server, drop_database(name)).await?;
            run(server, format!("CREATE DATABASE {name} TEMPLATE template0 {options}")).await
        })
        .expect("postgres allows them");
    }

    /// Runs SQL as the owner.
    pub(crate) fn sql(&self, text: String) {
        let (_, address) = self.variable().expect("a store on a server");
        block_on(run(&address, text)).expect("postgres runs it");
    }

    /// Makes a role that may log in, and neither own nor create anything. It has the name of the database. Returns the
    /// address with it.
    pub(crate) fn as_guest(&self) -> String {
        let name = &self.database;
        let role = format!("CREATE ROLE {name} LOGIN PASSWORD '{name}'; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        self.sql(role);
        let (_, address) = self.variable().expect("a store on a server");
        let (scheme, rest) = address.split_once("://").expect("a scheme");
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{name}:{name}@{host}")
    }
}

impl TestDatabase {
    /// The stored bytes of each table or collection. The file is that of SQLite.
    ///
    /// # Panics
    /// If the store does not answer.
    pub(crate) fn contents(&self, file: &Path) -> BTreeMap<String, Vec<u8>> {
        match &self.store {
            Store::Sqlite => stored::in_sqlite(file).expect("sqlite answers"),
            Store::Postgres(_) => {
                let (_, address) = self.variable().expect("a store on a server");
                block_on(stored::in_postgres(&address)).expect("postgres answers")
            }
            Store::Mongodb(server) => block_on(stored::in_mongodb(server, &self.database)).expect("mongodb answers"),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // If this fails, the next run sweeps the database.
        match &self.store {
            Store::Sqlite => {}
            Store::Postgres(server) => drop(block_on(async {
                run(server, drop_database(&self.database)).await?;
                run(server, drop_guest(&self.database)).await
            })),
            Store::Mongodb(server) => drop(block_on(async {
                mongodb::Client::with_uri_str(server).await?.database(&self.database).drop().await
            })),
        }
    }
}

async fn run(server: &str, text: String) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(server).await?;
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await?;
    connection.close().await
}

fn drop_database(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")
}

fn drop_guest(database: &str) -> String {
    format!("DROP ROLE IF EXISTS {database}")
}

/// The address with another database in its path. The host may be a list, so it cannot be parsed as a URL.
fn with_database(server: &str, database: &str) -> String {
    let (address, query) = server.split_once('?').map_or((server, None), |(address, query)| (address, Some(query)));
    let hosts = address.find("://").map_or(0, |at| at + 3);
    let end = address[hosts..].find('/').map_or(address.len(), |at| hosts + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{database}{query}", &address[..end])
}

fn is_left_behind(name: &str) -> bool {
    let rest = name.strip_prefix(DATABASES).and_then(|rest| rest.strip_prefix('_'));
    let process = rest.and_then(|rest| rest.split('_').next()).and_then(|id| id.parse::<u32>().ok());
    process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_replaces_the_one_in_the_address() {
        let cases = [
            ("postgres://u:p@h:1/old", "postgres://u:p@h:1/new"),
            ("mongodb://a:1,b:2/?replicaSet=rs0", "mongodb://a:1,b:2/new?replicaSet=rs0"),
            ("mongodb://a:1", "mongodb://a:1/new"),
        ];
        for (server, expected) in cases {
            assert_eq!(with_database(server, "new"), expected);
        }
    }

    #[test]
    fn only_the_databases_of_processes_that_are_gone_are_left_behind() {
        assert!(is_left_behind("skep_journeys_4194305_0"));
        assert!(!is_left_behind(&format!("skep_journeys_{}_0", process::id())));
        assert!(!is_left_behind("skep_journeys") && !is_left_behind("other_4194305_0"));
    }
}
