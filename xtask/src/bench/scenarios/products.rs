//! Measurements of reads of single products.

use super::{Course, IN_FLIGHT, changes::Changes, sources::Reads};
use crate::bench::{
    Fault,
    client::{Answer, Outcome, Source, ask, bytes},
    measure::Figures,
    process::Process,
    report::whole,
};
use std::fs;

const CHANGES_A_SECOND: f64 = 100.0;

impl Course<'_> {
    pub(super) fn products(&mut self) -> Result<(), Fault> {
        let anonymous = self.closed("get product", IN_FLIGHT, &mut Reads::new(self.shop.ids(1), &[]))?;
        let with_token = self.with_changes()?;
        if self.is_sqlite() {
            for (what, figures) in [("get product", &anonymous), ("get product, token", &with_token)] {
                self.at_least(what, figures.per_second, 50_000.0);
                self.quick_enough(what, figures, 10.0);
            }
        }
        let answer = self.stand.folder().join("answer");
        let read = bytes("GET", &format!("/api/v1/products/{}", self.shop.products[0]), "", None);
        fs::write(&answer, ask(self.shop.address(), &read)?.expect(200)?.bytes)?;
        for (name, what) in [("hyper", "bare hyper handler"), ("poem", "empty poem-openapi endpoint")] {
            let server = Process::own(&["baseline", name, &answer.display().to_string()])?;
            // These servers give the same answer for all products, so only statuses are checked.
            let limit = self.limit(what, &server, &mut Unread(Reads::new(self.shop.ids(2), &[])))?;
            for (read, figures) in [("get product", &anonymous), ("get product, token", &with_token)] {
                let ratio = self.ratio(read, figures.per_second, what, limit.per_second, None);
                if name == "poem" && self.is_sqlite() {
                    self.share(read, what, ratio, 0.5);
                }
            }
        }
        Ok(())
    }

    /// Reads with tokens while products change.
    fn with_changes(&mut self) -> Result<Figures, Fault> {
        let mut instances = vec![self.shop.address()];
        instances.extend(self.second()?);
        let changes = Changes::start(&instances, &self.shop.admin, &self.shop.products, CHANGES_A_SECOND)?;
        let mut reads = Reads::new(self.shop.ids(3), &self.shop.customers);
        let figures = self.closed("get product, token, 100 changes/s", IN_FLIGHT, &mut reads);
        let changed = changes.stop();
        let figures = figures?;
        let what = match instances.len() {
            1 => "a read after a change shows it",
            _ => "a read after a change shows it, on both instances",
        };
        match changed {
            Ok(changed) => {
                let measured = format!("{:.0}/s, all {} seen", changed.per_second, whole(changed.seen as f64));
                let met = changed.per_second > CHANGES_A_SECOND * 0.95;
                self.target(what, "100 changes/s, every one", measured, Some(met));
            }
            Err(fault) => self.target(what, "100 changes/s, every one", fault.to_string(), Some(false)),
        }
        Ok(figures)
    }
}

/// Reads whose bodies are not checked.
struct Unread(Reads);

impl Source for Unread {
    fn request(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        self.0.request(out)
    }

    fn answer(&mut self, _: u64, answer: &Answer<'_>) -> Result<Outcome, String> {
        answer.expect(200).map(|()| Outcome::Done)
    }
}
