//! The report of a siege: tables for people, JSON for programs.

use super::{finding::Finding, neighbor::Felt, watch::Marks};
use crate::bench::{
    Fault,
    report::{Condition, table},
};
use serde::Serialize;

/// The results of a siege.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) conditions: Vec<Condition>,
    pub(crate) lines: Vec<Line>,
    pub(crate) faults: Vec<Failed>,
}

/// The results of an attack on a store.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) store: &'static str,
    pub(crate) attack: &'static str,
    pub(crate) before: Marks,
    /// The greatest resident memory during the attack, in bytes.
    pub(crate) peak: u64,
    pub(crate) after: Marks,
    /// The neighbor before the attack.
    pub(crate) quiet: Felt,
    /// The neighbor during the attack.
    pub(crate) felt: Felt,
    pub(crate) findings: Vec<Finding>,
}

/// An attack that could not be run to its end.
#[derive(Debug, Serialize)]
pub(crate) struct Failed {
    store: &'static str,
    attack: &'static str,
    fault: String,
}

impl Line {
    fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.held)
    }

    fn cells(&self) -> Vec<String> {
        let megabytes = |bytes: u64| format!("{:.0}", bytes as f64 / 1e6);
        let grown = |after: u64, before: u64| format!("{:.1}", (after as f64 - before as f64).max(0.0) / 1e6);
        let latency = |felt: &Felt| format!("{} / {}", millis(felt.latency.p50), millis(felt.latency.p99));
        vec![
            self.store.to_owned(),
            self.attack.to_owned(),
            [self.before.memory, self.peak, self.after.memory].map(megabytes).join(" / "),
            latency(&self.quiet),
            latency(&self.felt),
            format!("{} of {}", self.felt.failed, self.felt.asked),
            grown(self.after.disk, self.before.disk),
            grown(self.after.log, self.before.log),
            if self.holds() { "holds" } else { "**falls**" }.to_owned(),
        ]
    }
}

fn millis(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

impl Report {
    /// Notes an attack that could not be run to its end.
    pub(crate) fn failed(&mut self, store: &'static str, attack: &'static str, fault: &Fault) {
        self.faults.push(Failed { store, attack, fault: fault.to_string() });
    }

    /// The tables in Markdown.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        table(&mut text, &["condition", ""], &self.conditions, |condition| {
            vec![condition.name.to_owned(), condition.value.clone()]
        });
        let heads = [
            "store",
            "attack",
            "memory MB: before / peak / after",
            "neighbor before: p50 / p99 ms",
            "during: p50 / p99 ms",
            "failed",
            "disk MB",
            "log MB",
            "verdict",
        ];
        table(&mut text, &heads, &self.lines, Line::cells);
        let findings = self.lines.iter().flat_map(|line| line.findings.iter().map(move |finding| (line, finding)));
        let findings: Vec<_> = findings.collect();
        table(&mut text, &["store", "attack", "what", "bound", "measured", "held"], &findings, |(line, finding)| {
            let held = if finding.held { "yes" } else { "**no**" };
            let texts = [line.store, line.attack, &finding.what, &finding.bound, &finding.measured, held];
            texts.iter().map(|text| text.replace(['|', '\n'], " ")).collect()
        });
        table(&mut text, &["store", "attack", "went wrong"], &self.faults, |failed| {
            vec![failed.store.to_owned(), failed.attack.to_owned(), failed.fault.replace(['|', '\n'], " ")]
        });
        text
    }

    /// Whether the server has withstood everything.
    ///
    /// # Errors
    /// If an attack could not be run, or if a bound did not hold.
    pub(crate) fn verdict(&self) -> Result<(), Fault> {
        let fell = self.lines.iter().filter(|line| !line.holds()).count();
        match (fell, self.faults.len()) {
            (0, 0) => Ok(()),
            (fell, faults) => Err(format!("{fell} attacks succeeded, {faults} could not be run").into()),
        }
    }
}
