//! The server under attack: a shop with the default limits, and what an attacker knows of it.

use super::attacks::Attack;
use crate::bench::{
    Fault,
    client::{bearer, bytes},
    process::Process,
    stand::{Shop, Stand, credentials, customer},
};
use skep_journeys::Store;
use std::{net::SocketAddr, path::Path};
use tokio::runtime::{Builder, Runtime};

/// The size of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// For the report.
    Full,
    /// For a test.
    Short,
}

/// The shop that an attack needs.
#[derive(Debug)]
pub(crate) struct Needs {
    /// The number of products, in full and in short.
    pub(crate) products: (usize, usize),
    pub(crate) customers: usize,
    /// Settings of the server, as far as it knows them. All others have their defaults.
    pub(crate) settings: &'static [(&'static str, &'static str)],
}

/// A small shop with two customers and the default settings.
pub(crate) const SMALL: Needs = Needs { products: (200, 50), customers: 2, settings: &[] };

/// A server under attack.
#[derive(Debug)]
pub(crate) struct Ground {
    stand: Stand,
    shop: Shop,
    scale: Scale,
    runtime: Runtime,
}

impl Ground {
    /// Fills a shop, and starts its server again with the default limits.
    ///
    /// # Errors
    /// If the server does not start, or refuses a request of the fill.
    pub(crate) fn open(attack: &Attack, binary: &Path, store: &Store, scale: Scale) -> Result<Self, Fault> {
        let needs = &attack.needs;
        let mut stand = Stand::new(binary, store)?;
        let products = if scale == Scale::Full { needs.products.0 } else { needs.products.1 };
        let mut shop = Shop::open(&stand, products, needs.customers)?;
        shop.server.stop()?;
        stand.limit(needs.settings)?;
        shop.server = stand.start()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { stand, shop, scale, runtime })
    }

    /// The first value in a full attack, the second in a short one.
    pub(crate) fn pick<T>(&self, full: T, short: T) -> T {
        if self.scale == Scale::Full { full } else { short }
    }

    pub(crate) fn block_on<T>(&self, attack: impl Future<Output = T>) -> T {
        self.runtime.block_on(attack)
    }

    pub(crate) const fn stand(&self) -> &Stand {
        &self.stand
    }

    pub(crate) const fn server(&self) -> &Process {
        &self.shop.server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.shop.address()
    }

    /// The ids of the products.
    pub(crate) fn products(&self) -> &[String] {
        &self.shop.products
    }

    /// The header line with the token of the admin.
    pub(crate) fn admin(&self) -> String {
        bearer(&self.shop.admin)
    }

    /// The header line with the token of a customer.
    pub(crate) fn customer(&self, number: usize) -> String {
        bearer(&self.shop.customers[number])
    }

    /// The login of a customer.
    pub(crate) fn log_in(&self, number: usize, head: &str) -> Vec<u8> {
        bytes("POST", "/api/v1/auth/login", head, Some(&credentials(&customer(number))))
    }

    /// An order by a customer of one piece each of these products.
    pub(crate) fn order(&self, number: usize, head: &str, products: &[String]) -> Vec<u8> {
        let line = |id: &String| format!(r#"{{"product_id":"{id}","quantity":1}}"#);
        let lines: Vec<String> = products.iter().map(line).collect();
        let body = format!(r#"{{"lines":[{}]}}"#, lines.join(","));
        bytes("POST", "/api/v1/orders", &format!("{}{head}", self.customer(number)), Some(&body))
    }

    /// Stops the server.
    ///
    /// # Errors
    /// If it does not stop.
    pub(crate) fn close(mut self) -> Result<(), Fault> {
        self.shop.server.stop()
    }
}
