//! Orders with events that are placed and delivered to two subscribers, beside orders without. On SQLite, in a shop of
//! their own.

use super::{Course, IN_FLIGHT, sources::Orders};
use crate::bench::{
    Fault,
    client::{Load, Pace},
    measure::{Figures, measure},
    process::Process,
    report::whole,
    stand::{Shop, Stand},
};
use rusqlite::{Connection, OpenFlags};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const PACE: f64 = 1_000.0;
/// How often the backlog is read.
const SAMPLE: Duration = Duration::from_millis(100);
/// How long the backlog may take to become empty, and how long to wait for it at most.
const DRAINED: f64 = 30.0;
const PATIENCE: Duration = Duration::from_secs(300);
/// The growth of the backlog, in events, that is no growth: the events of a few deliveries.
const FEW: i64 = 100;

/// The events that a subscriber has not received, or 0 if there is no subscriber.
const BACKLOG: &str = "SELECT CASE WHEN subscribed.behind IS NULL THEN 0 \
     ELSE (SELECT count(*) FROM unplaced_events) + (SELECT last FROM event_log) - subscribed.behind END \
     FROM (SELECT min(position) AS behind FROM subscriptions WHERE subscriber LIKE 'bench.%') AS subscribed";
/// From the order to its delivery, in milliseconds, of the orders since a time.
const LAGS: &str = "SELECT received.received_at - event.occurred_at FROM received_events AS received \
     JOIN outbox AS event ON event.id = received.event_id WHERE event.occurred_at >= ?1 ORDER BY 1";
const NOW: &str = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";

impl Course<'_> {
    pub(super) fn relay(&mut self) -> Result<(), Fault> {
        if !self.is_sqlite() {
            return Ok(());
        }
        let stand = self.stand.another()?;
        let mut shop = Shop::open(&stand, self.shop.products.len(), 16)?;
        shop.server.stop()?;
        let mut without = stand.start_inside(&["serve"])?;
        let paced = format!("{} orders/s, paced", whole(PACE));
        // Each run has its own seed: with the keys of an earlier one, its orders would be repeats.
        let alone = self.orders_to(&without, &shop, &format!("{paced}, without a relay"), (true, 15))?;
        let most_alone = self.orders_to(&without, &shop, "orders, without a relay", (false, 16))?;
        without.stop()?;

        let mut with = stand.start_inside(&["serve", "--relay"])?;
        let log = Log::open(&stand)?;
        log.drain()?;
        let since = log.now()?;
        let beside = format!("{paced}, with a relay and two subscribers");
        let (beside_relay, backlog) = log.watch(|| self.orders_to(&with, &shop, &beside, (true, 17)))?;
        let (p99, p99_alone) = (beside_relay.latency.p99, alone.latency.p99);
        let measured = format!("{p99:.2} ms and {p99_alone:.2} ms: {:.2}", p99 / p99_alone);
        self.target(&beside, "p99 at most 1.5 times that without", measured, Some(p99 <= p99_alone * 1.5));
        log.drain()?;
        let lag = log.lag(since)?;
        self.target(&beside, "p99 of the lag under 1 s", format!("{:.3} s", lag / 1e3), Some(lag < 1e3));
        let (first, second) = backlog;
        let measured = format!("at most {first} events in the first half, {second} in the second");
        self.target(&beside, "the backlog does not grow", measured, Some(second <= first * 3 / 2 + FEW));

        let what = "orders, with a relay and two subscribers";
        let most = self.orders_to(&with, &shop, what, (false, 18))?;
        let (backlog, start) = (log.backlog()?, Instant::now());
        log.drain()?;
        let took = start.elapsed().as_secs_f64();
        let limit = "orders, without a relay";
        let ratio = self.ratio(what, most.per_second, limit, most_alone.per_second, None);
        self.share(what, limit, ratio, 0.5);
        let measured = format!("{backlog} events, {took:.1} s");
        self.target(what, "drained within 30 s", measured, Some(took <= DRAINED));
        with.stop()
    }

    fn orders_to(
        &mut self,
        server: &Process,
        shop: &Shop,
        what: &str,
        (paced, seed): (bool, u64),
    ) -> Result<Figures, Fault> {
        let mut orders = Orders::new(shop.ids(seed), &shop.customers);
        let pace = if paced {
            Pace::Open { per_second: PACE, connections: IN_FLIGHT }
        } else {
            Pace::Closed { in_flight: IN_FLIGHT }
        };
        let load = Load { address: server.address(), pace, source: &mut orders };
        let (figures, cost) = measure(server, &mut [load], self.window)?;
        let figures = figures.into_iter().next().ok_or("nothing was measured")?;
        self.row(what, &figures, cost);
        Ok(figures)
    }
}

/// The log of a running server, read from its file.
struct Log(Connection);

impl Log {
    fn open(stand: &Stand) -> Result<Self, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self(Connection::open_with_flags(stand.database(), flags)?))
    }

    fn number(&self, text: &str) -> Result<i64, Fault> {
        Ok(self.0.query_row(text, [], |row| row.get(0))?)
    }

    fn now(&self) -> Result<i64, Fault> {
        self.number(NOW)
    }

    fn backlog(&self) -> Result<i64, Fault> {
        self.number(BACKLOG)
    }

    /// Waits until the subscribers have received every event.
    fn drain(&self) -> Result<(), Fault> {
        let start = Instant::now();
        while self.backlog()? > 0 {
            if start.elapsed() > PATIENCE {
                return Err(format!("{} events are left after {PATIENCE:?}", self.backlog()?).into());
            }
            thread::sleep(SAMPLE);
        }
        Ok(())
    }

    /// Reads the backlog while `work` runs. Returns the greatest one of each half.
    fn watch<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<(T, (i64, i64)), Fault> {
        let file = self.0.path().ok_or("no file")?.to_owned();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let samples = scope.spawn(|| {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let log = Self(Connection::open_with_flags(file, flags)?);
                let mut samples = vec![];
                while !done.load(Ordering::Relaxed) {
                    samples.push(log.backlog()?);
                    thread::sleep(SAMPLE);
                }
                Ok::<_, Fault>(samples)
            });
            let worked = work();
            done.store(true, Ordering::Relaxed);
            let samples = samples.join().map_err(|_| "the backlog was not read")??;
            let (first, second) = samples.split_at(samples.len() / 2);
            let most = |samples: &[i64]| samples.iter().copied().max().unwrap_or_default();
            Ok((worked?, (most(first), most(second))))
        })
    }

    /// The 99th percentile of the lag, in milliseconds.
    fn lag(&self, since: i64) -> Result<f64, Fault> {
        let mut statement = self.0.prepare(LAGS)?;
        let lags: Vec<i64> = statement.query_map([since], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let lag = lags.get(lags.len() * 99 / 100).ok_or("no order was delivered")?;
        Ok(*lag as f64)
    }
}
