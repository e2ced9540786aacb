//! Measurements of lists of products.

use super::{Course, IN_FLIGHT, sources::Same};
use crate::bench::{
    Fault,
    baseline::looped,
    client::{Load, Pace, Talk, bytes},
    measure::{Figures, measure},
    stand::{Shop, fill},
};
use serde_json::Value;
use std::net::SocketAddr;

const FIRST: &str = "/api/v1/products?limit=20";
/// The number of rows that the grown list is compared with.
const FEW: usize = 1_000;
/// The number up to which a total is exact.
const EXACT: usize = 10_000;
/// So few requests in flight that none has to queue. The latency is then that of the list alone.
const AT_EASE: usize = 2;

impl Course<'_> {
    pub(super) fn lists(&mut self) -> Result<(), Fault> {
        let all = self.shop.products.len();
        let what = "list 20 products, first page";
        let first = self.closed(what, IN_FLIGHT, &mut page(FIRST, |_| true))?;
        let deep = deep_page(self.shop.address(), all)?;
        let what_deep = "list 20 products, deep page";
        let deep = self.closed(what_deep, IN_FLIGHT, &mut page(&deep, |_| true))?;
        let what_count = "list 20 products, exact count";
        let total = |body: &Value| body["page"]["total"] == all.min(EXACT);
        let counted = self.closed(what_count, IN_FLIGHT, &mut page(&format!("{FIRST}&count=exact"), total))?;
        let Some(copy) = self.copy.as_ref().map(|copy| copy.display().to_string()) else { return Ok(()) };
        self.at_least(what, first.per_second, 12_000.0);
        self.at_least(what_deep, deep.per_second, 12_000.0);
        let seconds = self.length().as_secs_f64().to_string();
        let plain = looped(&["sqlite-list", &copy, "--seconds", &seconds])?;
        self.ratio(what, first.per_second, "plain rusqlite loop", plain.per_second, Some(plain.cpu_per_1000));
        let plain = looped(&["sqlite-list", &copy, "--count", "--seconds", &seconds])?;
        let limit = "plain rusqlite loop with the count";
        let ratio = self.ratio(what_count, counted.per_second, limit, plain.per_second, Some(plain.cpu_per_1000));
        self.share(what_count, limit, ratio, 0.5);
        Ok(())
    }

    /// Measures whether pages become slower with more rows, in a separate shop.
    pub(super) fn growth(&mut self, rows: usize) -> Result<(), Fault> {
        let stand = self.stand.another()?;
        let shop = Shop::open(&stand, FEW, 0)?;
        let few = self.pages_of(&shop, FEW)?;
        fill(shop.address(), &shop.admin, FEW..rows)?;
        shop.server.forget_log()?;
        let many = self.pages_of(&shop, rows)?;
        for ((few, many), page) in few.iter().zip(&many).zip(["first page", "deep page"]) {
            let ratio = many.latency.p95 / few.latency.p95;
            let measured = format!("{:.2} ms and {:.2} ms: {ratio:.2}", few.latency.p95, many.latency.p95);
            let what = format!("p95 of the {page} with {FEW} and with {rows} rows");
            self.target(&what, "within 1.3", measured, Some(ratio <= 1.3));
        }
        Ok(())
    }

    fn pages_of(&mut self, shop: &Shop, rows: usize) -> Result<Vec<Figures>, Fault> {
        let mut pages = vec![];
        for (target, name) in [(FIRST.to_owned(), "first"), (deep_page(shop.address(), rows)?, "deep")] {
            let mut source = page(&target, |_| true);
            let pace = Pace::Closed { in_flight: AT_EASE };
            let loads = &mut [Load { address: shop.address(), pace, source: &mut source }];
            let (figures, cost) = measure(&shop.server, loads, self.window)?;
            let figures = figures.into_iter().next().ok_or("nothing was measured")?;
            self.row(&format!("list 20 of {rows} products, {name} page, {AT_EASE} in flight"), &figures, cost);
            pages.push(figures);
        }
        Ok(pages)
    }
}

fn page<'c>(target: &str, check: impl Fn(&Value) -> bool + 'c) -> Same<'c> {
    let whole = move |body: &Value| body["data"].as_array().is_some_and(|data| data.len() == 20) && check(body);
    Same::new(bytes("GET", target, "", None), whole)
}

/// The page of 20 after half of all products.
fn deep_page(address: SocketAddr, all: usize) -> Result<String, Fault> {
    let mut talk = Talk::open(address)?;
    let mut target = "/api/v1/products?limit=100".to_owned();
    let mut passed = 0;
    loop {
        let body = talk.ask(&bytes("GET", &target, "", None))?.expect(200)?.json()?;
        passed += body["data"].as_array().map_or(0, Vec::len);
        let cursor = body["page"]["next_cursor"].as_str().ok_or("the list has fewer products than were created")?;
        if passed * 2 >= all {
            return Ok(format!("{FIRST}&cursor={cursor}"));
        }
        target = format!("/api/v1/products?limit=100&cursor={cursor}");
    }
}
