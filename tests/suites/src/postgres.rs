//! PostgreSQL: a separate database for every trial, copied from a migrated one, behind a proxy that can break the
//! connection. With `SKEP_TEST_POSTGRES_POOLER`, the address of a pooler in front of the server, the stores use that.

use crate::{Spares, clock, hosted, is_left_behind, notes, proxy::Proxy, unique, wire::Wire};
use async_trait::async_trait;
use skep_application::Store;
use skep_contract::{CommitFault, Failure, Faults, Harness, Instance, Need, Start};
use skep_postgres::{PostgresDatabase, PostgresOptions};
use skep_sql::SqlStore;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use std::{sync::Arc, time::Duration};
use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

const DATABASES: &str = "skep_suite";

/// Stores on the server at this address, whose user may create databases.
pub struct Postgres {
    server: Url,
    /// Where the stores connect to: a pooler, or the server.
    entrance: Url,
    template: OnceCell<String>,
    spares: Arc<Spares>,
}

impl Postgres {
    /// # Errors
    /// If the address is not a URL.
    pub fn new(address: &str) -> Result<Self, Failure> {
        let server = Url::parse(address)?;
        let pooler = std::env::var("SKEP_TEST_POSTGRES_POOLER").ok();
        let entrance = pooler.map_or_else(|| Ok(server.clone()), |pooler| Url::parse(&pooler))?;
        Ok(Self { server, entrance, template: OnceCell::new(), spares: Arc::default() })
    }

    /// The address of a database for its stores.
    fn entrance(&self, database: &str) -> Url {
        let mut address = self.entrance.clone();
        address.set_path(database);
        address
    }

    fn address(&self, database: &str) -> Url {
        let mut address = self.server.clone();
        address.set_path(database);
        address
    }

    async fn run(&self, database: &str, text: String) -> Result<(), Failure> {
        let mut connection = PgConnection::connect(self.address(database).as_str()).await?;
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    async fn run_on_server(&self, text: String) -> Result<(), Failure> {
        self.run(self.server.path().trim_start_matches('/'), text).await
    }

    async fn drop_database(&self, name: &str) {
        // If this fails, the next run sweeps the database.
        self.run_on_server(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.ok();
    }

    /// The name of the migrated database that trials copy.
    async fn template(&self) -> Result<&str, Failure> {
        let made = self.template.get_or_try_init(|| async {
            self.sweep().await?;
            let name = unique(DATABASES);
            self.run_on_server(format!("CREATE DATABASE {name}")).await?;
            // Not through a pooler, whose connections would keep it from being copied.
            connect(&self.address(&name), &self.address(&name))?.up().await?;
            Ok::<_, Failure>(name)
        });
        made.await.map(String::as_str)
    }

    /// Drops the databases that killed runs have left behind.
    async fn sweep(&self) -> Result<(), Failure> {
        let mut connection = PgConnection::connect(self.server.as_str()).await?;
        let names = sqlx::query("SELECT datname FROM pg_database").fetch_all(&mut connection).await?;
        for row in names {
            let name: String = row.try_get(0)?;
            if is_left_behind(&name, DATABASES) {
                let text = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await?;
            }
        }
        Ok(())
    }

    /// Removes the databases that trials share.
    pub async fn close(&self) {
        while let Some(spare) = self.spares.take() {
            self.drop_database(&spare).await;
        }
        if let Some(template) = self.template.get() {
            self.drop_database(template).await;
        }
    }

    /// A migrated store, and its address for other processes. [`Self::close`] removes the database.
    ///
    /// # Errors
    /// If the database cannot be created.
    pub async fn shared(&self) -> Result<(Arc<dyn Store>, String), Failure> {
        let name = unique(DATABASES);
        let template = self.template().await?;
        self.run_on_server(format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        let address = self.address(&name);
        let store = connect(&self.entrance(&name), &address)?;
        self.spares.put(name);
        Ok((store, address.to_string()))
    }
}

/// The store in the database at this address.
///
/// # Errors
/// If the address is not a URL.
pub fn open_postgres(address: &str) -> Result<Arc<dyn Store>, Failure> {
    let address = Url::parse(address)?;
    connect(&address, &address)
}

fn connect(address: &Url, direct: &Url) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(store(address, direct)?))
}

/// The store at an address, whose migrations use the direct address if it is another one.
fn store(address: &Url, direct: &Url) -> Result<SqlStore, Failure> {
    let mut options = PostgresOptions::new(address.as_str());
    // The proxy of a trial is no pooler.
    options.direct_url = std::env::var_os("SKEP_TEST_POSTGRES_POOLER").map(|_| direct.to_string());
    // Units that wait for each other on a busy machine are not what the trials judge.
    options.acquire_timeout = Duration::from_secs(30);
    let database = PostgresDatabase::connect(&options)?;
    Ok(SqlStore::new(Arc::new(database), clock()))
}

#[async_trait]
impl Harness for Postgres {
    fn name(&self) -> &str {
        "postgres"
    }

    fn lacks(&self, _need: Need) -> Option<&'static str> {
        None
    }

    async fn fresh(&self, start: Start, needs: &[Need]) -> Result<Box<dyn Instance>, Failure> {
        let changes = |need: &Need| matches!(need, Need::Schema | Need::SealedField);
        let reusable = start == Start::Migrated && !needs.iter().any(changes);
        let template = match start {
            Start::Empty => "template0",
            Start::Migrated => self.template().await?,
        };
        let name = match if reusable { self.spares.take() } else { None } {
            Some(spare) => spare,
            None => {
                let name = unique(DATABASES);
                self.run_on_server(format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
                name
            }
        };
        let server =
            format!("{}:{}", self.entrance.host_str().unwrap_or("127.0.0.1"), self.entrance.port().unwrap_or(5432));
        let proxy = Proxy::start(server, Wire::Postgres, None).await?;
        let mut through = self.entrance(&name);
        through.set_ip_host(proxy.address().ip()).map_err(|()| Failure::new("no host"))?;
        through.set_port(Some(proxy.address().port())).map_err(|()| Failure::new("no port"))?;
        let store = connect(&through, &self.address(&name))?;
        let (server, entrance) = (self.server.clone(), self.entrance.clone());
        let admin = Self { server, entrance, template: OnceCell::new(), spares: self.spares.clone() };
        Ok(Box::new(PostgresInstance { store, admin, name, proxy, reusable }))
    }
}

struct PostgresInstance {
    store: Arc<dyn Store>,
    admin: Postgres,
    name: String,
    proxy: Proxy,
    /// Whether another trial may reuse the emptied database.
    reusable: bool,
}

/// Empties every table except that of the migrations. Foreign keys are not checked meanwhile, which needs a superuser.
const EMPTY: &str = "
    DO $$ DECLARE one text; BEGIN
        PERFORM set_config('session_replication_role', 'replica', true);
        FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'
        LOOP EXECUTE format('DELETE FROM %I', one); END LOOP;
    END $$";

/// A deferred trigger makes the commit itself fail.
const REFUSE_COMMITS: &str = "
    CREATE FUNCTION suite_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'refused by the suite' USING ERRCODE = 'serialization_failure'; END $$;
    CREATE CONSTRAINT TRIGGER suite_refuse AFTER INSERT ON outbox
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION suite_refuse()";

const LEAVE_NO_SPACE: &str = "
    CREATE FUNCTION suite_full() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'filled by the suite' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER suite_full BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION suite_full()";

const MEND: &str = "DROP FUNCTION IF EXISTS suite_refuse CASCADE; DROP FUNCTION IF EXISTS suite_full CASCADE";

#[async_trait]
impl Instance for PostgresInstance {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn second(&self) -> Result<Arc<dyn Store>, Failure> {
        connect(&self.admin.entrance(&self.name), &self.admin.address(&self.name))
    }

    fn faults(&self) -> &dyn Faults {
        self
    }

    async fn hosted(&self, steps: usize) -> Result<Arc<dyn Store>, Failure> {
        let (address, direct) = (self.admin.entrance(&self.name), self.admin.address(&self.name));
        Ok(Arc::new(store(&address, &direct)?.with_sets(&[hosted::sql(steps)])?))
    }

    async fn sealing(&self, rows: &[(Uuid, Option<String>)]) -> Result<Arc<dyn Store>, Failure> {
        let (address, direct) = (self.admin.entrance(&self.name), self.admin.address(&self.name));
        Ok(Arc::new(notes::in_sql(store(&address, &direct)?, rows).await?))
    }

    async fn destroy(self: Box<Self>) {
        drop(self.store);
        drop(self.proxy);
        if self.reusable && self.admin.run(&self.name, format!("{MEND}; {EMPTY}")).await.is_ok() {
            self.admin.spares.put(self.name);
        } else {
            self.admin.drop_database(&self.name).await;
        }
    }
}

#[async_trait]
impl Faults for PostgresInstance {
    async fn break_commits(&self, fault: CommitFault) -> Result<(), Failure> {
        if fault == CommitFault::Aborted {
            return self.admin.run(&self.name, REFUSE_COMMITS.to_owned()).await;
        }
        self.proxy.break_commits(fault);
        Ok(())
    }

    async fn mend(&self) -> Result<(), Failure> {
        self.proxy.mend().await?;
        self.admin.run(&self.name, MEND.to_owned()).await
    }

    fn lost_commits(&self) -> u64 {
        self.proxy.lost()
    }

    async fn cut_connections(&self) -> Result<(), Failure> {
        self.proxy.cut();
        Ok(())
    }

    async fn isolate(&self) -> Result<(), Failure> {
        self.proxy.isolate();
        Ok(())
    }

    async fn fill(&self) -> Result<(), Failure> {
        self.admin.run(&self.name, LEAVE_NO_SPACE.to_owned()).await
    }

    fn round_trips(&self) -> u64 {
        self.proxy.round_trips()
    }
}
