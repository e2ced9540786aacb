//! The limit of PostgreSQL alone: the plain statements of an order, sent by pgbench.

use super::super::{Fault, stand::Stand};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::{fs, path::PathBuf, process::Command, time::Duration};

const NINE: &str = include_str!("../../../pgbench/order.sql");
const LEDGER: &str = include_str!("../../../pgbench/ledger.sql");

/// A database with the tables of the server and the same number of products.
pub(crate) struct Pgbench<'s> {
    stand: &'s Stand,
    address: String,
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
        Ok(Self { stand, address, products, runs: 0 })
    }

    /// The orders per second with this number of connections.
    ///
    /// # Errors
    /// If pgbench is missing or fails.
    pub(crate) fn run(&mut self, connections: u32, with_ledger: bool, time: Duration) -> Result<f64, Fault> {
        let script = self.stand.folder().join("order.sql");
        let ledger = if with_ledger { LEDGER } else { "" };
        fs::write(&script, NINE.replace("COMMIT;\n", &format!("{ledger}COMMIT;\n")))?;
        self.runs += 1;
        let output = Command::new(program())
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", &format!("--client={connections}")])
            .args([format!("--time={}", time.as_secs().max(1)), format!("--file={}", script.display())])
            .args(["-D", "n=0", "-D", &format!("products={}", self.products)])
            // Each run makes other ids of orders.
            .args(["-D", &format!("start={}", self.runs * 1_000_000_000_000)])
            .arg(&self.address)
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
}

/// The newest version in Debian's folder, or the one on the PATH.
fn program() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let kept = versions.map(|version| version.path().join("bin").join("pgbench")).filter(|path| path.exists());
    kept.max().unwrap_or_else(|| PathBuf::from("pgbench"))
}
