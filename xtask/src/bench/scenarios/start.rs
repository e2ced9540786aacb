//! Measurements of the start and of an idle server.

use super::Course;
use crate::bench::{
    Fault,
    process::{cpu_exact, memory},
};
use std::{
    thread,
    time::{Duration, Instant},
};

const STARTS: usize = 5;
/// The time after a start until the server counts as idle.
const SETTLE: Duration = Duration::from_secs(1);

impl Course<'_> {
    pub(super) fn starts(&mut self) -> Result<(), Fault> {
        let mut took = vec![];
        for _ in 0..STARTS {
            self.shop.server.stop()?;
            let start = Instant::now();
            self.shop.server = self.stand.start()?;
            took.push(start.elapsed());
        }
        took.sort();
        let (middle, worst) = (took[STARTS / 2].as_secs_f64() * 1e3, took[STARTS - 1].as_secs_f64() * 1e3);
        let measured = format!("{middle:.0} ms, the slowest of {STARTS} {worst:.0} ms");
        self.target("start on an existing store to ready", "under 100 ms", measured, Some(middle < 100.0));
        thread::sleep(SETTLE.min(self.length()));
        let id = self.shop.server.id();
        let (start, before) = (Instant::now(), cpu_exact(id)?);
        thread::sleep(self.length());
        let used = cpu_exact(id)?.saturating_sub(before);
        let share = used.as_secs_f64() / start.elapsed().as_secs_f64() * 100.0;
        let megabytes = |line: &str| Ok::<_, Fault>(memory(id, line)? as f64 / 1e6);
        // The kernel can drop pages that are mapped from files, mostly those of the program, and read them again.
        let (resident, own) = (megabytes("VmRSS")?, megabytes("RssAnon")?);
        let measured = format!("{resident:.1} MB resident, {own:.1} MB of it not from files");
        self.target("idle memory", "under 40 MB", measured, Some(resident < 40.0));
        let measured =
            format!("{share:.3} %, {:.1} ms in {:.0} s", used.as_secs_f64() * 1e3, self.length().as_secs_f64());
        // Its workers look for jobs, schedules and events each second.
        self.target("idle CPU, with workers", "under 0.5 %", measured, Some(share < 0.5));
        Ok(())
    }
}
