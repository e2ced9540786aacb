//! The database of a trial, on each kind of store.

use crate::{Fixture, Host};
use bson::{Bson, Document, doc};
use flate2::{Compression, write::GzEncoder};
use futures_util::TryStreamExt as _;
use mongodb::Client;
use rusqlite::Connection;
use skep_application::{Store, kernel::Clock};
use skep_contract::Failure;
use skep_mongodb::{MongoOptions, MongoStore};
use skep_postgres::{PostgresDatabase, PostgresOptions};
use skep_sql::{SqlDatabase, SqlStore};
use skep_sqlite::{SqliteDatabase, SqliteOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use std::{
    fs,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tempfile::TempDir;
use url::Url;

/// The kind of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A SQLite file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
    /// A MongoDB server.
    Mongodb,
}

impl Kind {
    /// Every kind, with the variable for the address of its server.
    pub const ALL: [(Self, Option<&'static str>); 3] = [
        (Self::Sqlite, None),
        (Self::Postgres, Some("SKEP_TEST_POSTGRES_URL")),
        (Self::Mongodb, Some("SKEP_TEST_MONGODB_URL")),
    ];

    /// `sqlite`, `postgres` or `mongodb`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mongodb => "mongodb",
        }
    }
}

/// The database of a trial. [`Self::remove`] removes it.
pub enum Database {
    /// The folder with the file.
    Sqlite(TempDir),
    /// The address of the server, whose user may create databases, and the name of the database.
    Postgres(Url, String),
    /// A client, the address of the server, and the name of the database.
    Mongodb(Client, String, String),
}

impl Database {
    /// Creates an empty database. `server` is the address of the server, if the kind has one.
    ///
    /// # Errors
    /// If it cannot be created.
    pub async fn empty(kind: Kind, server: &str) -> Result<Self, Failure> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // The contract suite sweeps databases with such names that a killed run has left behind.
        let name = format!("skep_suite_{}_upgrade_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        match kind {
            Kind::Sqlite => Ok(Self::Sqlite(TempDir::new()?)),
            Kind::Postgres => {
                let server = Url::parse(server)?;
                let mut admin = PgConnection::connect(server.as_str()).await?;
                let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
                sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut admin).await?;
                Ok(Self::Postgres(server, name))
            }
            Kind::Mongodb => Ok(Self::Mongodb(Client::with_uri_str(server).await?, server.to_owned(), name)),
        }
    }

    /// Fills the empty database with a fixture.
    ///
    /// # Errors
    /// If the fixture cannot be read or loaded.
    pub async fn load(&self, fixture: &Fixture) -> Result<(), Failure> {
        match self {
            Self::Sqlite(folder) => Ok(fs::write(folder.path().join("skep.db"), fixture.unpacked("skep.db.gz")?)?),
            Self::Postgres(server, name) => {
                let mut connection = PgConnection::connect(of(server, name).as_str()).await?;
                sqlx::raw_sql(AssertSqlSafe(fixture.text("dump.sql")?)).execute(&mut connection).await?;
                Ok(connection.close().await?)
            }
            Self::Mongodb(client, _, name) => load_mongodb(client, name, &fixture.unpacked("dump.bson.gz")?).await,
        }
    }

    /// Opens the store, with the migrations of `host` if there is one. Does not migrate it.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub async fn store(&self, clock: Arc<dyn Clock>, host: Option<Host>) -> Result<Arc<dyn Store>, Failure> {
        let database: Arc<dyn SqlDatabase> = match self {
            Self::Sqlite(folder) => Arc::new(SqliteDatabase::open(SqliteOptions::new(folder.path().join("skep.db")))?),
            Self::Postgres(server, name) => {
                Arc::new(PostgresDatabase::connect(&PostgresOptions::new(of(server, name).as_str()))?)
            }
            Self::Mongodb(_, server, name) => {
                let mut options = MongoOptions::new(server.as_str());
                options.database = Some(name.clone());
                let store = MongoStore::connect(options, clock).await?;
                let sets = host.map(Host::mongodb);
                return Ok(Arc::new(store.with_sets(sets.as_slice())?));
            }
        };
        let sets = host.map(Host::sql);
        Ok(Arc::new(SqlStore::new(database, clock).with_sets(sets.as_slice())?))
    }

    /// Opens the store as [`Self::store`] does, and migrates it.
    ///
    /// # Errors
    /// If it cannot be opened or migrated.
    pub async fn migrated(&self, clock: Arc<dyn Clock>, host: Option<Host>) -> Result<Arc<dyn Store>, Failure> {
        let store = self.store(clock, host).await?;
        store.up().await?;
        Ok(store)
    }

    /// Queries the database directly. Returns the number that `sql` selects, or on MongoDB the number of documents of
    /// `collection` that match `filter`.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn number(&self, sql: &str, collection: &str, filter: Document) -> Result<i64, Failure> {
        match self {
            Self::Sqlite(folder) => {
                Ok(Connection::open(folder.path().join("skep.db"))?.query_row(sql, [], |row| row.get(0))?)
            }
            Self::Postgres(server, name) => {
                let mut connection = PgConnection::connect(of(server, name).as_str()).await?;
                let row = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await?;
                connection.close().await?;
                Ok(row.try_get(0)?)
            }
            Self::Mongodb(client, _, name) => {
                let collection = client.database(name).collection::<Document>(collection);
                Ok(i64::try_from(collection.count_documents(filter).await?)?)
            }
        }
    }

    /// Changes rows directly: with `sql`, or on MongoDB the documents of `collection` that match `filter`.
    ///
    /// # Errors
    /// If the change fails.
    pub async fn change(&self, sql: &str, collection: &str, [filter, update]: [Document; 2]) -> Result<(), Failure> {
        match self {
            Self::Sqlite(folder) => Ok(Connection::open(folder.path().join("skep.db"))?.execute_batch(sql)?),
            Self::Postgres(server, name) => {
                let mut connection = PgConnection::connect(of(server, name).as_str()).await?;
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
                Ok(connection.close().await?)
            }
            Self::Mongodb(client, _, name) => {
                let collection = client.database(name).collection::<Document>(collection);
                collection.update_many(filter, update).await?;
                Ok(())
            }
        }
    }

    /// The number of rows of this table, or of documents of this collection.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn count(&self, table: &str) -> Result<i64, Failure> {
        self.number(&format!("SELECT count(*) FROM {table}"), table, doc! {}).await
    }

    /// The greatest number in the record of migrations. Programs without sets recognize a newer schema by it.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn greatest_number(&self) -> Result<i64, Failure> {
        if let Self::Mongodb(client, _, name) = self {
            let records = client.database(name).collection::<Document>("schema_migrations");
            let last = records.find_one(doc! {}).sort(doc! { "_id": -1 }).await?;
            return Ok(last.map_or(Ok(0), |last| last.get_i64("_id"))?);
        }
        self.number("SELECT max(number) FROM schema_migrations", "", doc! {}).await
    }

    /// The names of all tables, indexes and functions, or of all collections.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn names(&self) -> Result<Vec<String>, Failure> {
        let mut names = match self {
            Self::Sqlite(folder) => {
                let connection = Connection::open(folder.path().join("skep.db"))?;
                let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")?;
                names.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?
            }
            Self::Postgres(server, name) => {
                let mut connection = PgConnection::connect(of(server, name).as_str()).await?;
                let text = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
                    UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace";
                let rows = sqlx::query(text).fetch_all(&mut connection).await?;
                rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
            }
            Self::Mongodb(client, _, name) => client.database(name).list_collection_names().await?,
        };
        names.sort();
        Ok(names)
    }

    /// Removes the database.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub async fn remove(self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(folder) => Ok(folder.close()?),
            Self::Postgres(server, name) => {
                let mut admin = PgConnection::connect(server.as_str()).await?;
                let drop = format!("DROP DATABASE {name} WITH (FORCE)");
                sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut admin).await?;
                Ok(())
            }
            Self::Mongodb(client, _, name) => Ok(client.database(&name).drop().await?),
        }
    }
}

fn of(server: &Url, database: &str) -> Url {
    let mut address = server.clone();
    address.set_path(database);
    address
}

/// Creates the collections with their options and indexes, and inserts their documents.
async fn load_mongodb(client: &Client, name: &str, dump: &[u8]) -> Result<(), Failure> {
    let database = client.database(name);
    let dump: Document = bson::deserialize_from_slice(dump)?;
    for (name, collection) in dump {
        let Bson::Document(collection) = collection else { return Err(Failure::new("not a collection")) };
        let mut create = doc! { "create": &name };
        create.extend(collection.get_document("options")?.clone());
        database.run_command(create).await?;
        for (list, command) in [("indexes", "createIndexes"), ("documents", "insert")] {
            let all = collection.get_array(list)?;
            if !all.is_empty() {
                database.run_command(doc! { command: &name, list: all, "writeConcern": { "w": "majority" } }).await?;
            }
        }
    }
    Ok(())
}

/// The database as one compressed document, which [`Database::load`] reads. It is not JSON, because JSON loses the
/// order of fields, which matters for indexes and for ids with several parts.
///
/// # Errors
/// If the database cannot be read.
pub async fn dump_mongodb(address: &str) -> Result<Vec<u8>, Failure> {
    let client = Client::with_uri_str(address).await?;
    let database = client.default_database().ok_or_else(|| Failure::new("the address names no database"))?;
    let mut found: Vec<_> = database.list_collections().await?.try_collect().await?;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let mut dump = Document::new();
    for specification in found {
        let mut indexes: Vec<Bson> = Vec::new();
        let list = database.run_command(doc! { "listIndexes": &specification.name }).await?;
        for index in list.get_document("cursor")?.get_array("firstBatch")? {
            let is_own =
                index.as_document().is_some_and(|index| index.get_str("name").is_ok_and(|name| name != "_id_"));
            indexes.extend(is_own.then(|| index.clone()));
        }
        let collection = database.collection::<Document>(&specification.name);
        let documents: Vec<Document> = collection.find(doc! {}).sort(doc! { "_id": 1 }).await?.try_collect().await?;
        let options = bson::serialize_to_document(&specification.options)?;
        dump.insert(specification.name, doc! { "options": options, "indexes": indexes, "documents": documents });
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bson::serialize_to_vec(&dump)?)?;
    Ok(packed.finish()?)
}
