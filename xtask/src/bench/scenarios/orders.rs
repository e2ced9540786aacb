//! Measurements of orders.

use super::{Course, IN_FLIGHT, sources::Orders};
use crate::bench::{
    Fault,
    baseline::{Pgbench, apart, looped},
    stand::Stand,
};
use rusqlite::{Connection, OpenFlags};
use skep_journeys::Store;
use std::path::PathBuf;

/// The default number of connections that the server opens.
const CONNECTIONS: u32 = 32;
/// The products of a small shop, or of a sale.
const FEW: usize = 100;
/// The greatest number of orders for which the server makes one COMMIT.
const GROUP: &str = "64";

/// Copies the database of a running server.
///
/// # Errors
/// If the database cannot be read, or if the disk is full.
pub(super) fn copy(stand: &Stand) -> Result<PathBuf, Fault> {
    let copy = stand.folder().join("copy.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(stand.database(), flags)?;
    db.execute("VACUUM INTO ?1", [copy.display().to_string()])?;
    Ok(copy)
}

impl Course<'_> {
    pub(super) fn orders(&mut self) -> Result<(), Fault> {
        let what = "place an order of 3 lines";
        let mut orders = Orders::new(self.shop.ids(5), &self.shop.customers);
        let figures = self.closed(what, IN_FLIGHT, &mut orders)?;
        self.orders_per_second = Some(figures.per_second);
        if self.is_sqlite() {
            self.at_least(what, figures.per_second, 10_000.0);
            self.quick_enough(what, &figures, 25.0);
        }
        match self.stand.store() {
            Store::Sqlite => self.beside_sqlite(what, figures.per_second),
            Store::Postgres(_) => self.beside_postgres(what, figures.per_second),
            Store::Mongodb(_) => self.beside_mongodb(what, figures.per_second),
        }?;
        let mut of_few = Orders::new(self.shop.ids(6).of_first(FEW), &self.shop.customers);
        self.closed("place an order of 3 lines, of 100 products", IN_FLIGHT, &mut of_few).map(drop)
    }

    fn beside_postgres(&mut self, what: &str, per_second: f64) -> Result<(), Fault> {
        let own = self.stand.another()?;
        let mut pgbench = Pgbench::fill(&own, self.shop.products.len())?;
        let limit = "pgbench, nine plain statements";
        let rate = pgbench.run(CONNECTIONS, false, self.length())?;
        let ratio = self.ratio(what, per_second, limit, rate, None);
        self.share(what, limit, ratio, 0.8);
        let rate = pgbench.run(CONNECTIONS, true, self.length())?;
        self.ratio(what, per_second, "pgbench, with the ledger as a tenth", rate, None);
        Ok(())
    }

    fn beside_mongodb(&mut self, what: &str, per_second: f64) -> Result<(), Fault> {
        let own = self.stand.another()?;
        own.migrate()?;
        let address = own.address().ok_or("this store has no address")?;
        let products = self.shop.products.len().to_string();
        apart(&["mongodb-fill", &address, "--products", &products])?;
        let (connections, seconds) = (CONNECTIONS.to_string(), self.length().as_secs_f64().to_string());
        let arguments = ["--products", &products, "--connections", &connections, "--seconds", &seconds];
        let looped = looped(&[&["mongodb-orders", &address][..], &arguments].concat())?;
        let limit = "driver loop, the writes in a transaction";
        let ratio = self.ratio(what, per_second, limit, looped.per_second, Some(looped.cpu_per_1000));
        self.share(what, limit, ratio, 0.6);
        Ok(())
    }

    fn beside_sqlite(&mut self, what: &str, per_second: f64) -> Result<(), Fault> {
        let Some(copy) = self.copy.as_ref().map(|copy| copy.display().to_string()) else { return Ok(()) };
        let seconds = self.length().as_secs_f64().to_string();
        for (per_commit, limit) in
            [(GROUP, "plain rusqlite loop, 64 a commit"), ("1", "plain rusqlite loop, 1 a commit")]
        {
            let arguments = ["sqlite-orders", &copy, "--per-commit", per_commit, "--seconds", &seconds];
            let looped = looped(&arguments)?;
            self.ratio(what, per_second, limit, looped.per_second, Some(looped.cpu_per_1000));
        }
        Ok(())
    }
}
