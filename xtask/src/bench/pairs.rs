//! `cargo xtask pairs` compares two servers in turn, because the speed of one machine changes from minute to minute.

use super::{
    Fault,
    client::{Load, Pace, Source, Window, bytes},
    conditions,
    measure::measure,
    print, progress,
    report::{Condition, table, whole},
    scenarios::sources::{Creates, Orders, Reads, Same},
    stand::{Shop, Stand},
};
use clap::ValueEnum;
use skep_journeys::Store;
use std::{path::PathBuf, time::Duration};

/// Requests in flight at once.
const IN_FLIGHT: usize = 32;
/// So many that the orders of one are a small part of all.
const CUSTOMERS: usize = 64;

/// The options of `cargo xtask pairs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Pairs {
    /// The server of before.
    before: PathBuf,
    /// The server to compare with it. Without this option, it is built.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// The store: sqlite, postgres or mongodb.
    #[arg(long, default_value = "sqlite")]
    store: String,
    /// Measure only these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Kind>,
    /// The number of pairs.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pairs: usize,
    /// The length of each measurement, in seconds.
    #[arg(long, value_name = "N", default_value_t = 4.0)]
    seconds: f64,
    /// The number of products in the shop.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    products: usize,
}

/// The requests of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Read single products as a visitor.
    Read,
    /// Read single products with a token.
    Token,
    /// Read the first page of 20 products.
    List,
    /// Create products.
    Create,
    /// Place orders of three lines, each with a key.
    Order,
}

/// The rate and the CPU time of one measurement.
#[derive(Debug, Clone, Copy)]
struct Side {
    per_second: f64,
    cpu_per_1000: f64,
}

/// The measurements of a kind: before and now, in pairs.
struct Compared(Kind, Vec<[Side; 2]>);

/// Measures and prints the table.
///
/// # Errors
/// If a server does not start, or if an answer is wrong.
pub(crate) fn run(options: &Pairs) -> Result<(), Fault> {
    let now = match &options.binary {
        Some(binary) => binary.canonicalize()?,
        None => skep_journeys::skep().to_owned(),
    };
    let store = Store::named(&options.store).map_err(|variable| format!("{variable} is not set"))?;
    store.sweep();
    let length = Duration::from_secs_f64(options.seconds.clamp(0.05, 600.0));
    let window = Window { warm_up: length / 5, length };
    let mut conditions = conditions::of_machine(std::slice::from_ref(&store));
    conditions.extend(conditions::of_benchmark(window, options.products));

    let stands = [Stand::new(&options.before.canonicalize()?, &store)?, Stand::new(&now, &store)?];
    progress(&format!("{}: filling two shops of {} products", store.name(), options.products));
    let mut shops = [open(&stands[0], options)?, open(&stands[1], options)?];
    let kinds: Vec<Kind> = Kind::value_variants().iter().copied().filter(|kind| options.wants(*kind)).collect();
    let mut all: Vec<Compared> = kinds.iter().map(|kind| Compared(*kind, vec![])).collect();
    let mut created = options.products;
    for round in 0..options.pairs.max(1) {
        progress(&format!("{}: pair {} of {}", store.name(), round + 1, options.pairs.max(1)));
        for Compared(kind, pairs) in &mut all {
            let mut sides = [Side { per_second: 0.0, cpu_per_1000: 0.0 }; 2];
            // The one that is measured first changes, so that neither has the warmer machine.
            for at in if round.is_multiple_of(2) { [0, 1] } else { [1, 0] } {
                sides[at] = side(&shops[at], *kind, round as u64, created, window)?;
            }
            // More than a measurement can create.
            created += 10_000_000;
            pairs.push(sides);
        }
    }
    for shop in &mut shops {
        shop.server.stop()?;
    }
    print(&tables(store.name(), &conditions, &all));
    Ok(())
}

impl Pairs {
    fn wants(&self, kind: Kind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }
}

fn open(stand: &Stand, options: &Pairs) -> Result<Shop, Fault> {
    Shop::open(stand, options.products.max(10), if options.wants(Kind::Order) { CUSTOMERS } else { 2 })
}

fn side(shop: &Shop, kind: Kind, round: u64, first: usize, window: Window) -> Result<Side, Fault> {
    let page = bytes("GET", "/api/v1/products?limit=20", "", None);
    let mut source: Box<dyn Source> = match kind {
        Kind::Read => Box::new(Reads::new(shop.ids(round), &[])),
        Kind::Token => Box::new(Reads::new(shop.ids(round), &shop.customers)),
        Kind::List => Box::new(Same::new(page, |body| body["data"].is_array())),
        Kind::Create => Box::new(Creates::new(&shop.admin, first)),
        Kind::Order => Box::new(Orders::new(shop.ids(round), &shop.customers)),
    };
    let load = Load { address: shop.address(), pace: Pace::Closed { in_flight: IN_FLIGHT }, source: &mut *source };
    let (figures, cost) = measure(&shop.server, &mut [load], window)?;
    let figures = figures.into_iter().next().ok_or("nothing was measured")?;
    match figures.first_wrong {
        Some(wrong) => Err(wrong.into()),
        None => Ok(Side { per_second: figures.per_second, cpu_per_1000: cost.server_cpu_per_1000 }),
    }
}

fn tables(store: &str, conditions: &[Condition], all: &[Compared]) -> String {
    let mut text = String::new();
    table(&mut text, &["condition", ""], conditions, |condition| {
        vec![condition.name.to_owned(), condition.value.clone()]
    });
    let heads = ["store", "what", "before /s", "now /s", "rate: median (range)", "CPU: median (range)"];
    table(&mut text, &heads, all, |Compared(kind, pairs)| {
        let rates = |at: usize| spread(pairs.iter().map(|pair| pair[at].per_second)).0;
        let rate = spread(pairs.iter().map(|[before, now]| now.per_second / before.per_second));
        let cpu = spread(pairs.iter().map(|[before, now]| now.cpu_per_1000 / before.cpu_per_1000));
        let cell = |(median, least, most): (f64, f64, f64)| format!("{median:.3} ({least:.2} to {most:.2})");
        let name = format!("{kind:?}").to_lowercase();
        vec![store.to_owned(), name, whole(rates(0)), whole(rates(1)), cell(rate), cell(cpu)]
    });
    text
}

/// The median, the least and the greatest of at least one value.
fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median =
        if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], values[middle]) } else { values[middle] };
    (median, values[0], values[values.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_two_values() {
        assert_eq!(spread([3.0, 1.0, 2.0, 10.0].into_iter()), (2.5, 1.0, 10.0));
        assert_eq!(spread([3.0, 1.0, 2.0].into_iter()), (2.0, 1.0, 3.0));
    }
}
