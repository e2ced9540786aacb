//! Checks that the contents of a store are consistent and agree with the ledger of its clients.

use crate::{
    context::{CONTEXTS, Checks},
    ledger::{Entry, Ledger, Outcome},
    state::{Groups, KeyRow, State, group, of},
};
use std::collections::BTreeMap;

/// The result of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// How many conditions were checked.
    pub(crate) checks: u64,
    /// A description of each condition that did not hold.
    pub(crate) faults: Vec<String>,
    /// Unanswered commands that are stored.
    pub(crate) found: u64,
    /// Unanswered commands that are not stored.
    pub(crate) not_found: u64,
}

impl Findings {
    /// Counts a check, and records the fault if the condition does not hold.
    pub(crate) fn holds(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.faults.push(fault());
        }
    }
}

/// Checks that the state is consistent, as it must be between any two units of work, that every change in it was sent
/// and is stored once, and that every acknowledged change is in it.
#[must_use]
pub(crate) fn check(state: &State, ledger: &Ledger) -> Findings {
    let mut findings = Findings::default();
    let contexts: BTreeMap<&str, Box<dyn Checks + '_>> =
        CONTEXTS.iter().map(|context| (context.name(), context.checks(state))).collect();
    for checks in contexts.values() {
        checks.rows(&mut findings);
    }
    let checks_of = |entry: &Entry| {
        let (context, _) = entry.command.use_case().split_once('.').expect("a use case starts with its context");
        &*contexts[context]
    };
    for row in state.rows::<KeyRow>() {
        let sent = ledger.entries.get(&row.key).filter(|entry| is_of(row, entry));
        findings.holds(sent.is_some(), || {
            format!("the store has the key {}, but no client sent it with this command", row.key)
        });
        if let Some(entry) = sent {
            let is_true = checks_of(entry).is_true(&*entry.command, &row.parsed());
            findings.holds(is_true, || format!("the stored answer of the key {} contradicts the store", row.key));
        }
    }
    let keys = group(state.rows::<KeyRow>(), |row| Some(row.key.as_str()));
    for (key, entry) in &ledger.entries {
        settled(key, entry, &keys, checks_of(entry), &mut findings);
    }
    findings
}

fn is_of(row: &KeyRow, entry: &Entry) -> bool {
    row.principal == entry.principal && row.use_case == entry.command.use_case()
}

/// Checks that the state agrees with the outcome that the client knows.
fn settled(key: &str, entry: &Entry, keys: &Groups<'_, &str, KeyRow>, checks: &dyn Checks, findings: &mut Findings) {
    let rows = of(keys, &key);
    findings.holds(rows.len() <= 1, || format!("the store has the key {key} {} times", rows.len()));
    match &entry.outcome {
        Outcome::Acknowledged { body, version } => {
            let is_kept = rows.first().map(|row| row.parsed()).is_some_and(|stored| {
                let stored_version = stored["version"].as_i64().unwrap_or_default();
                stored_version == *version && checks.is_answered(&*entry.command, body, &stored)
            });
            findings.holds(is_kept, || format!("{key} was acknowledged but is not stored as answered: {body}"));
        }
        Outcome::Refused { problem } => {
            findings.holds(rows.is_empty(), || format!("{key} was refused ({problem}) but executed"));
        }
        // The checks of the rows cover its completeness.
        Outcome::Unanswered if rows.is_empty() => findings.not_found += 1,
        Outcome::Unanswered => findings.found += 1,
    }
}

/// Checks that no stored answer has changed or disappeared.
pub(crate) fn kept(before: &State, after: &State, findings: &mut Findings) {
    let keys: BTreeMap<&str, _> = after.rows::<KeyRow>().iter().map(|row| (row.key.as_str(), &row.answer)).collect();
    for row in before.rows::<KeyRow>() {
        let is_same = keys.get(row.key.as_str()) == Some(&&row.answer);
        findings.holds(is_same, || format!("the answer to the key {} has changed", row.key));
    }
}
