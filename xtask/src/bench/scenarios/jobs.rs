//! Measurements of jobs, in a process without HTTP, each on a new store.

use super::Course;
use crate::bench::{
    Fault,
    baseline::{PgbenchJobs, looped},
    inside::{Claims, Timed},
    stand::Stand,
};
use skep_journeys::Store;

/// The rows beside which jobs are claimed.
const SCHEDULED: u32 = 1_000_000;
const DISCARDED: u32 = 100_000;
const CLAIMS: usize = 200;
/// Fewer rows and claims, to check that everything works.
const QUICK: (u32, u32, usize) = (3_000, 300, 5);

impl Course<'_> {
    pub(super) fn jobs(&mut self) -> Result<(), Fault> {
        for (what, one_by_one, least) in
            [("jobs in batches of 64", false, 10_000.0), ("jobs one by one, with an effect", true, 3_000.0)]
        {
            let stand = self.stand.another()?;
            let one = ["--one-by-one"];
            let timed = self.inside(&stand, "cycle", if one_by_one { &one } else { &[] })?;
            self.row(what, &timed.figures, timed.cost);
            let rate = timed.figures.per_second;
            match self.stand.store() {
                Store::Sqlite => {
                    self.at_least(what, rate, least);
                    self.beside_a_loop(what, one_by_one, rate)?;
                }
                Store::Postgres(_) => self.beside_pgbench(what, one_by_one, rate)?,
                Store::Mongodb(_) => {}
            }
        }
        Ok(())
    }

    fn inside(&self, stand: &Stand, what: &str, options: &[&str]) -> Result<Timed, Fault> {
        let (warm_up, seconds) = (self.window.warm_up.as_secs_f64(), self.window.length.as_secs_f64());
        let time = ["--warm-up", &warm_up.to_string(), "--seconds", &seconds.to_string()];
        stand.inside(&[&[what][..], options, &time].concat())
    }

    fn beside_a_loop(&mut self, what: &str, one_by_one: bool, rate: f64) -> Result<(), Fault> {
        let stand = self.stand.another()?;
        stand.migrate()?;
        let (database, seconds) = (stand.database().display().to_string(), self.length().as_secs_f64().to_string());
        let mut arguments = vec!["sqlite-jobs", &database, "--seconds", &seconds];
        arguments.extend(one_by_one.then_some("--one-by-one"));
        let looped = looped(&arguments)?;
        self.ratio(what, rate, "plain rusqlite loop, 64 a commit", looped.per_second, Some(looped.cpu_per_1000));
        Ok(())
    }

    fn beside_pgbench(&mut self, what: &str, one_by_one: bool, rate: f64) -> Result<(), Fault> {
        let stand = self.stand.another()?;
        let limit_rate = PgbenchJobs::new(&stand)?.run(one_by_one, self.length())?;
        let limit = "pgbench, the same statements and batches";
        let ratio = self.ratio(what, rate, limit, limit_rate, None);
        self.share(what, limit, ratio, 0.5);
        Ok(())
    }

    pub(super) fn wakes(&mut self) -> Result<(), Fault> {
        let most = match self.stand.store() {
            Store::Sqlite => 5.0,
            Store::Postgres(_) => 20.0,
            Store::Mongodb(_) => 50.0,
        };
        let stand = self.stand.another()?;
        let mut wake = |what: &str, options: &[&str]| {
            let timed = self.inside(&stand, "wake", options)?;
            self.row(what, &timed.figures, timed.cost);
            self.quick_enough(what, &timed.figures, most);
            Ok::<_, Fault>(())
        };
        wake("from enqueue to start, idle workers", &[])?;
        if !matches!(stand.store(), Store::Sqlite) {
            wake("from enqueue to start, enqueued by another instance", &["--by-another"])?;
        }
        Ok(())
    }

    pub(super) fn claims(&mut self) -> Result<(), Fault> {
        let (scheduled, discarded, rounds) = if self.is_quick() { QUICK } else { (SCHEDULED, DISCARDED, CLAIMS) };
        let stand = self.stand.another()?;
        let (rows, rounds) = ((scheduled.to_string(), discarded.to_string()), rounds.to_string());
        let claims: Claims =
            stand.inside(&["claims", "--scheduled", &rows.0, "--discarded", &rows.1, "--rounds", &rounds])?;
        let Claims { empty, beside } = claims;
        for (what, before, after) in [
            ("claim of 10 jobs", empty.claim, beside.claim),
            ("look for jobs that are due", empty.due, beside.due),
            ("look at the jobs that run", empty.running, beside.running),
        ] {
            let what = format!("{what}, beside {scheduled} scheduled and {discarded} discarded ones");
            let measured = format!("{before:.3} ms and {after:.3} ms: {:.2}", after / before);
            self.target(&what, "less than 2 times that without", measured, Some(after < before * 2.0));
        }
        Ok(())
    }
}
