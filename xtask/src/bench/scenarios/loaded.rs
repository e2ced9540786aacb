//! Reads during orders and during logins, and logins alone.

use super::{
    Course, IN_FLIGHT,
    sources::{Creates, LogIns, Orders, Reads},
};
use crate::bench::{
    Fault,
    baseline::looped,
    client::{Load, Pace, bytes},
    report::whole,
    stand::{credentials, customer},
};

const READS_A_SECOND: f64 = 5_000.0;
/// The first number of new products. It is greater than the numbers of filled ones.
const NEW: usize = 100_000_000;

impl Course<'_> {
    pub(super) fn creates(&mut self) -> Result<(), Fault> {
        let what = "create a product";
        let mut creates = Creates::new(&self.shop.admin, NEW);
        let figures = self.closed(what, IN_FLIGHT, &mut creates)?;
        if self.is_sqlite() {
            self.at_least(what, figures.per_second, 12_000.0);
        }
        Ok(())
    }

    pub(super) fn reads_beside_orders(&mut self) -> Result<(), Fault> {
        let most = match self.orders_per_second {
            Some(known) => known,
            None => self.most_orders()?,
        };
        let half = (most / 2.0).max(1.0);
        let mut reads = Reads::new(self.shop.ids(11), &self.shop.customers);
        let mut orders = Orders::new(self.shop.ids(12), &self.shop.customers);
        let what = format!("{} reads/s, paced, beside orders", whole(READS_A_SECOND));
        let what_orders = format!("{} orders/s, paced, beside reads", whole(half));
        let address = self.shop.address();
        let pace = |per_second: f64| Pace::Open { per_second, connections: IN_FLIGHT };
        let loads = &mut [
            Load { address, pace: pace(READS_A_SECOND), source: &mut reads },
            Load { address, pace: pace(half), source: &mut orders },
        ];
        let figures = self.mixed(&[&what, &what_orders], loads)?;
        self.quick_enough(&what, &figures[0], 10.0);
        self.kept_up(&what, figures[0].per_second, READS_A_SECOND);
        self.kept_up(&what_orders, figures[1].per_second, half);
        Ok(())
    }

    fn most_orders(&mut self) -> Result<f64, Fault> {
        let mut orders = Orders::new(self.shop.ids(13), &self.shop.customers);
        let figures = self.closed("place an order of 3 lines", IN_FLIGHT, &mut orders)?;
        Ok(figures.per_second)
    }

    fn kept_up(&mut self, what: &str, per_second: f64, pace: f64) {
        let met = Some(per_second >= pace * 0.98);
        self.target(what, "keeps up with the pace", format!("{}/s", whole(per_second)), met);
    }

    pub(super) fn reads_beside_log_ins(&mut self) -> Result<(), Fault> {
        let mut reads = Reads::new(self.shop.ids(14), &self.shop.customers);
        let mut log_ins = self.log_ins();
        let what = format!("{} reads/s, paced, while 64 log in", whole(READS_A_SECOND));
        let address = self.shop.address();
        let pace = Pace::Open { per_second: READS_A_SECOND, connections: IN_FLIGHT };
        let loads = &mut [
            Load { address, pace, source: &mut reads },
            Load { address, pace: Pace::Closed { in_flight: IN_FLIGHT }, source: &mut log_ins },
        ];
        let figures = self.mixed(&[&what, "log in, 64 in flight, beside reads"], loads)?;
        self.quick_enough(&what, &figures[0], 10.0);
        self.kept_up(&what, figures[0].per_second, READS_A_SECOND);
        Ok(())
    }

    pub(super) fn log_ins_alone(&mut self) -> Result<(), Fault> {
        let what = "log in, 16 in flight";
        let figures = self.closed(what, 16, &mut self.log_ins())?;
        // The number of threads on which the server hashes.
        let cores = std::thread::available_parallelism()?.get();
        let threads = cores.saturating_sub(1).max(1).to_string();
        let seconds = self.length().as_secs_f64().to_string();
        let plain = looped(&["argon2", "--threads", &threads, "--seconds", &seconds])?;
        let limit = format!("bare Argon2id loop, {threads} threads of {cores}");
        let ratio = self.ratio(what, figures.per_second, &limit, plain.per_second, Some(plain.cpu_per_1000));
        self.share(what, &limit, ratio, 0.8);
        Ok(())
    }

    fn log_ins(&self) -> LogIns {
        let of = |number| bytes("POST", "/api/v1/auth/login", "", Some(&credentials(&customer(number))));
        LogIns::new((0..self.shop.customers.len()).map(of).collect())
    }
}
