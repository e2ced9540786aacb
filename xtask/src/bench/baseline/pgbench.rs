//! The limit of PostgreSQL alone: the plain statements of orders and jobs, sent by pgbench.

use super::super::{Fault, stand::Stand};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::{fs, path::PathBuf, process::Command, time::Duration};

const NINE: &str = include_str!("../../../pgbench/order.sql");
const LEDGER: &str = include_str!("../../../pgbench/ledger.sql");
const JOBS: &str = include_str!("../../../pgbench/job.sql");
/// The jobs of a batch, as many as a worker of the benchmark runs at a time.
const BATCH: u64 = 64;
/// As many as a server opens by default.
const CONNECTIONS: u32 = 32;
/// With batches, more connections wait for each other.
const CONNECTIONS_OF_BATCHES: u32 = 4;

/// A database with the tables of the server and the same number of products.
pub(crate) struct Pgbench<'s> {
    stand: &'s Stand,
    products: usize,
    runs: u64,
}

impl<'s> Pgbench<'s> {
    /// Creates the tables and fills them.
    ///
    /// # Errors
    /// If the store has no address, or if a statement fails.
    pub(crate) fn fill(stand: &'s Stand, products: usize) -> Result<Self, Fault> {
        stand.migrate()?;
        let address = stand.address().ok_or("this store has no address")?;
        let id = "lpad(n::text, 32, '0')::uuid";
        let text = format!(
            "INSERT INTO products SELECT {id}, 'BENCH-' || n, 'Linden honey ' || n || ', 250 g', 'Cold extracted, never \
             heated above 40 °C.', 100 + n % 9900, 'EUR', now(), now(), NULL, 1 FROM generate_series(1, {products}) n;
             INSERT INTO stock_levels SELECT {id}, 100000000, 0, now(), 1 FROM generate_series(1, {products}) n;
             ANALYZE;"
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&address).await?;
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await?;
            connection.close().await
        })?;
        Ok(Self { stand, products, runs: 0 })
    }

    /// The orders per second with this number of connections.
    ///
    /// # Errors
    /// If pgbench is missing or fails.
    pub(crate) fn run(&mut self, connections: u32, with_ledger: bool, time: Duration) -> Result<f64, Fault> {
        let ledger = if with_ledger { LEDGER } else { "" };
        let script = NINE.replace("COMMIT;\n", &format!("{ledger}COMMIT;\n"));
        self.runs += 1;
        // Each run makes other ids of orders.
        let variables = [("n", 0), ("products", self.products as u64), ("start", self.runs * 1_000_000_000_000)];
        run(self.stand, &script, &variables, connections, time)
    }
}

/// The rounds of a script per second.
fn run(stand: &Stand, script: &str, variables: &[(&str, u64)], connections: u32, time: Duration) -> Result<f64, Fault> {
    let file = stand.folder().join("pgbench.sql");
    fs::write(&file, script)?;
    let output = Command::new(program())
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", &format!("--client={connections}")])
        .args([format!("--time={}", time.as_secs().max(1)), format!("--file={}", file.display())])
        .args(variables.iter().map(|(name, value)| format!("--define={name}={value}")))
        .arg(stand.address().ok_or("this store has no address")?)
        .output()
        .map_err(|error| format!("pgbench, which comes with PostgreSQL, cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    let failed = text.lines().any(|line| line.starts_with("number of failed") && !line.contains(": 0 "));
    match rate {
        Some(rate) if output.status.success() && !failed => Ok(rate),
        _ => Err(format!("pgbench failed: {text} {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// A database with the tables of the server and no jobs.
pub(crate) struct PgbenchJobs<'s>(&'s Stand);

impl<'s> PgbenchJobs<'s> {
    /// Creates the tables.
    ///
    /// # Errors
    /// If they cannot be created.
    pub(crate) fn new(stand: &'s Stand) -> Result<Self, Fault> {
        stand.migrate()?;
        Ok(Self(stand))
    }

    /// The jobs per second: one by one with an effect, or in batches without.
    ///
    /// # Errors
    /// If pgbench is missing or fails.
    pub(crate) fn run(&self, one_by_one: bool, time: Duration) -> Result<f64, Fault> {
        let (batch, connections) = if one_by_one { (1, CONNECTIONS) } else { (BATCH, CONNECTIONS_OF_BATCHES) };
        let mut script = String::new();
        for line in JOBS.split_inclusive('\n') {
            if line.starts_with("INSERT INTO jobs") {
                (0..batch).for_each(|nth| script.push_str(&line.replace("{nth}", &nth.to_string())));
            } else if one_by_one || !line.starts_with("INSERT INTO idempotency_keys") {
                script.push_str(line);
            }
        }
        let variables = [("n", 0), ("batch", batch), ("start", 0)];
        Ok(run(self.0, &script, &variables, connections, time)? * batch as f64)
    }
}

/// The newest version in Debian's folder, or the one on the PATH.
fn program() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let kept = versions.map(|version| version.path().join("bin").join("pgbench")).filter(|path| path.exists());
    kept.max().unwrap_or_else(|| PathBuf::from("pgbench"))
}
