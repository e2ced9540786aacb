//! The scenarios. Their order matters, because later ones use the state that earlier ones leave.

mod changes;
mod jobs;
mod lists;
mod loaded;
mod orders;
mod products;
mod relay;
mod search;
pub(super) mod sources;
mod start;

use super::{
    Fault,
    client::{Load, Pace, Source, Window},
    measure::{Figures, measure},
    process::Process,
    report::{self, Ratio, Report, Row, Target, whole},
    stand::{Shop, Stand},
};
use clap::ValueEnum;
use skep_journeys::Store;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Requests in flight at once.
const IN_FLIGHT: usize = 64;

/// The longest window of a run that only checks that everything works.
const QUICK: Duration = Duration::from_secs(1);

/// A group of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Scenario {
    /// Read single products, as a visitor and with a token while products change.
    Product,
    /// Read pages of 20: the first, a deep one, one with an exact count.
    List,
    /// Create products.
    Create,
    /// Place orders of three lines, each with a key.
    Order,
    /// Reads at an even pace while orders are placed at half of their maximum.
    Mixed,
    /// The same reads while 64 log in.
    Queue,
    /// Log in.
    Login,
    /// Start the server and leave it idle.
    Start,
    /// Jobs from their enqueue to their end, as fast as possible.
    Jobs,
    /// How soon an idle worker runs a job.
    Wake,
    /// Claims beside many jobs that wait for later or have failed.
    Claim,
    /// Orders with events that are delivered to subscribers, in a separate shop on SQLite.
    Relay,
    /// Searches of rare and common words, in a separate shop.
    Search,
    /// Pages of lists with a thousand and a million rows, in a separate shop. Takes minutes.
    Growth,
}

/// A store, its shop, and the results so far.
pub(crate) struct Course<'r> {
    stand: &'r Stand,
    shop: Shop,
    /// Another instance on the same store; `None` until it is needed, and always on SQLite.
    second: Option<Process>,
    window: Window,
    report: &'r mut Report,
    /// A copy of the database as it was filled, for the limits of SQLite.
    copy: Option<PathBuf>,
    orders_per_second: Option<f64>,
}

impl<'r> Course<'r> {
    /// Fills a shop on this store.
    ///
    /// # Errors
    /// If it cannot be filled.
    pub(crate) fn open(
        stand: &'r Stand,
        products: usize,
        window: Window,
        report: &'r mut Report,
    ) -> Result<Self, Fault> {
        let shop = Shop::open(stand, products, 16)?;
        let copy = match stand.store() {
            Store::Sqlite => Some(orders::copy(stand)?),
            Store::Postgres(_) | Store::Mongodb(_) => None,
        };
        Ok(Self { stand, shop, second: None, window, report, copy, orders_per_second: None })
    }

    /// Measures a scenario. `rows` is the number of rows to which a list grows, and `searched` the number of products that
    /// are searched.
    ///
    /// # Errors
    /// If the server or a limit cannot be started or ends early.
    pub(crate) fn run(&mut self, scenario: Scenario, rows: usize, searched: usize) -> Result<(), Fault> {
        match scenario {
            Scenario::Product => self.products(),
            Scenario::List => self.lists(),
            Scenario::Create => self.creates(),
            Scenario::Order => self.orders(),
            Scenario::Mixed => self.reads_beside_orders(),
            Scenario::Queue => self.reads_beside_log_ins(),
            Scenario::Login => self.log_ins_alone(),
            Scenario::Start => self.starts(),
            Scenario::Jobs => self.jobs(),
            Scenario::Wake => self.wakes(),
            Scenario::Claim => self.claims(),
            Scenario::Relay => self.relay(),
            Scenario::Search => self.searches(searched),
            Scenario::Growth => self.growth(rows),
        }
    }

    fn store(&self) -> &'static str {
        self.stand.store().name()
    }

    fn is_sqlite(&self) -> bool {
        matches!(self.stand.store(), Store::Sqlite)
    }

    /// The address of a second instance on the same store. It is started on the first call; `None` on SQLite.
    fn second(&mut self) -> Result<Option<SocketAddr>, Fault> {
        if self.second.is_none() && !self.is_sqlite() {
            self.second = Some(self.stand.start_second()?);
        }
        Ok(self.second.as_ref().map(Process::address))
    }

    /// Runs a closed loop against the server.
    fn closed(&mut self, what: &str, in_flight: usize, source: &mut dyn Source) -> Result<Figures, Fault> {
        let load = Load { address: self.shop.address(), pace: Pace::Closed { in_flight }, source };
        self.mixed(&[what], &mut [load]).map(|mut figures| figures.swap_remove(0))
    }

    /// Runs one or more loads against the server at the same time.
    fn mixed(&mut self, whats: &[&str], loads: &mut [Load<'_>]) -> Result<Vec<Figures>, Fault> {
        let (figures, cost) = measure(&self.shop.server, loads, self.window)?;
        for (what, figures) in whats.iter().zip(&figures) {
            self.row(what, figures, cost);
        }
        Ok(figures)
    }

    fn row(&mut self, what: &str, figures: &Figures, cost: super::measure::Cost) {
        let store = self.store();
        if figures.wrong > 0 {
            let first = figures.first_wrong.as_deref().unwrap_or_default();
            let fault = format!("{} wrong answers of {}; the first: {first}", figures.wrong, figures.answers);
            self.report.faults.push(report::Fault { store, what: what.to_owned(), fault });
        }
        self.report.rows.push(Row { store, what: what.to_owned(), figures: figures.clone(), cost });
    }

    /// Runs a closed loop against a server of this program.
    fn limit(&mut self, what: &str, server: &Process, source: &mut dyn Source) -> Result<Figures, Fault> {
        let pace = Pace::Closed { in_flight: IN_FLIGHT };
        let loads = &mut [Load { address: server.address(), pace, source }];
        let (figures, cost) = measure(server, loads, self.window)?;
        let figures = figures.into_iter().next().ok_or("nothing was measured")?;
        self.row(what, &figures, cost);
        Ok(figures)
    }

    fn ratio(&mut self, what: &str, per_second: f64, limit: &str, limit_per_second: f64, cpu: Option<f64>) -> f64 {
        let ratio = per_second / limit_per_second;
        let (store, what, limit) = (self.store(), what.to_owned(), limit.to_owned());
        let ratio_row = Ratio { store, what, per_second, limit, limit_per_second, ratio, limit_cpu_per_1000: cpu };
        self.report.ratios.push(ratio_row);
        ratio
    }

    fn target(&mut self, what: &str, target: &str, measured: String, met: Option<bool>) {
        let (what, target) = (what.to_owned(), target.to_owned());
        let store = self.store();
        self.report.targets.push(Target { store, what, target, measured, met });
    }

    fn at_least(&mut self, what: &str, per_second: f64, least: f64) {
        let target = format!("at least {}/s", whole(least));
        self.target(what, &target, format!("{}/s", whole(per_second)), Some(per_second >= least));
    }

    fn share(&mut self, what: &str, limit: &str, ratio: f64, least: f64) {
        let target = format!("at least {least} of {limit}");
        self.target(what, &target, format!("{ratio:.2}"), Some(ratio >= least));
    }

    fn quick_enough(&mut self, what: &str, figures: &Figures, most: f64) {
        let met = figures.latency.p99 < most && figures.wrong == 0;
        let measured = format!("{:.2} ms", figures.latency.p99);
        self.target(what, &format!("p99 under {most} ms"), measured, Some(met));
    }

    /// Records that a scenario could not be measured.
    pub(crate) fn failed(&mut self, scenario: Scenario, fault: &Fault) {
        let (store, what) = (self.store(), format!("{scenario:?}").to_lowercase());
        self.report.faults.push(report::Fault { store, what, fault: fault.to_string() });
    }

    /// Stops the servers.
    ///
    /// # Errors
    /// If one does not stop.
    pub(crate) fn close(mut self) -> Result<(), Fault> {
        if let Some(second) = &mut self.second {
            second.stop()?;
        }
        self.shop.server.stop()
    }

    /// Whether a run only checks that everything works.
    fn is_quick(&self) -> bool {
        self.length() <= QUICK
    }

    fn length(&self) -> Duration {
        self.window.length
    }
}
