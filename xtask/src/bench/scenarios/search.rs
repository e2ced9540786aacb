//! Measurements of searches over many products, in a separate shop.

use super::{Course, sources::Same};
use crate::bench::{
    Fault,
    client::{Load, Pace, bytes},
    measure::measure,
    stand::{Shop, fill_with},
};
use skep_journeys::Store;

/// So few requests in flight that none has to queue. The latency is then that of the search alone.
const AT_EASE: usize = 2;
/// One product in this many has a rare word.
const RARE: usize = 200;

/// What is searched for, with its name and whether its rarest word is a rare one.
const SEARCHES: [(&str, &str, bool); 7] = [
    ("one rare word", "q=batch007", true),
    ("one rare word with a filter", "q=batch007&currency=EUR", true),
    ("three words, one rare, with a filter", "q=batch007+honey+cold&currency=EUR", true),
    ("one common word with a filter", "q=honey&currency=EUR", false),
    ("three common words with a filter", "q=honey+linden+cold&currency=EUR", false),
    ("one common word with two facets", "q=honey&facets=currency,price_band", false),
    ("a mistyped common word", "q=hoeny", false),
];

impl Course<'_> {
    /// Searches a shop with this many products.
    pub(super) fn searches(&mut self, products: usize) -> Result<(), Fault> {
        let stand = self.stand.another()?;
        let shop = Shop::open(&stand, 1, 0)?;
        fill_with(shop.address(), &shop.admin, 0..products, searchable)?;
        shop.server.forget_log()?;
        let rare = if matches!(self.stand.store(), Store::Mongodb(_)) { 60.0 } else { 20.0 };
        for (name, query, is_rare) in SEARCHES {
            let target = format!("/api/v1/products?{query}&limit=20");
            let is_found = |body: &serde_json::Value| body["data"].as_array().is_some_and(|data| !data.is_empty());
            let mut source = Same::new(bytes("GET", &target, "", None), is_found);
            let pace = Pace::Closed { in_flight: AT_EASE };
            let loads = &mut [Load { address: shop.address(), pace, source: &mut source }];
            let (figures, cost) = measure(&shop.server, loads, self.window)?;
            let figures = figures.into_iter().next().ok_or("nothing was measured")?;
            let what = format!("search {products} products, {name}, {AT_EASE} in flight");
            self.row(&what, &figures, cost);
            let most = if is_rare { rare } else { 300.0 };
            let met = figures.latency.p95 < most && figures.wrong == 0;
            self.target(&what, &format!("p95 under {most} ms"), format!("{:.2} ms", figures.latency.p95), Some(met));
        }
        Ok(())
    }
}

/// The body of a product with common words, and with a word that one product in [`RARE`] has.
fn searchable(number: usize) -> String {
    let (price, batch) = (100 + number % 9_900, number % RARE);
    let currency = if number.is_multiple_of(4) { "CHF" } else { "EUR" };
    format!(
        r#"{{"sku":"FIND-{number:09}","name":"Linden honey, 250 g","description":"Cold extracted, never heated above 40 °C. From batch{batch:03} of the hives at the edge of the forest.","price":{{"amount":{price},"currency":"{currency}"}},"stock":1}}"#
    )
}
