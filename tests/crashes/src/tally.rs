//! Counts of a campaign.

use std::{collections::BTreeMap, fmt};

/// The number of commands, outcomes and checks of a campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often a server was killed under load.
    pub kills: u64,
    /// How often a server was killed during its restart.
    pub start_kills: u64,
    /// Commands that were sent, without repeats.
    pub sent: u64,
    /// Commands that were acknowledged before the kill, by what they made.
    pub acknowledged: BTreeMap<&'static str, u64>,
    /// Commands that were refused by a rule, or by a store that was busy or full.
    pub refused: u64,
    /// Commands that got no answer.
    pub unanswered: u64,
    /// Unanswered commands that were completely stored after the restart.
    pub found: u64,
    /// Unanswered commands that were not stored after the restart.
    pub not_found: u64,
    /// Commands that were repeated with their key.
    pub repeats: u64,
    /// Commands that were stored at the end.
    pub stored: u64,
    /// Conditions that were checked.
    pub checks: u64,
}

impl Tally {
    /// The counts with their labels, for reports.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, u64)> {
        let acknowledged = self.acknowledged.iter().map(|(things, count)| (format!("{things} acknowledged"), *count));
        let before = [
            ("kills under load", self.kills),
            ("kills during a restart", self.start_kills),
            ("commands sent", self.sent),
        ];
        let after = [
            ("commands refused", self.refused),
            ("commands unanswered", self.unanswered),
            ("unanswered commands found complete", self.found),
            ("unanswered commands not found", self.not_found),
            ("repeats", self.repeats),
            ("commands stored at the end", self.stored),
            ("checks made", self.checks),
        ];
        let named = |(name, count): (&str, u64)| (name.to_owned(), count);
        before.into_iter().map(named).chain(acknowledged).chain(after.into_iter().map(named)).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = self.rows().into_iter().map(|(name, count)| format!("{count} {name}")).collect();
        f.write_str(&counts.join(", "))
    }
}
