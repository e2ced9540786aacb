//! Counts of a campaign.

use std::{collections::BTreeMap, fmt, ops::AddAssign};

/// The number of commands, outcomes and checks of a campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often a server was killed under load.
    pub kills: u64,
    /// How often a server was killed during its restart.
    pub start_kills: u64,
    /// Kills under load that left work unfinished, by what they left.
    pub left: BTreeMap<&'static str, u64>,
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
    /// What followed the commands.
    pub followed: BTreeMap<&'static str, u64>,
    /// Conditions that were checked.
    pub checks: u64,
}

impl Tally {
    /// The counts with their labels, for reports.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, u64)> {
        let acknowledged = self.acknowledged.iter().map(|(things, count)| (format!("{things} acknowledged"), *count));
        let left = self.left.iter().map(|(left, count)| ((*left).to_owned(), *count));
        let followed = self.followed.iter().map(|(what, count)| ((*what).to_owned(), *count));
        let kills = [("kills under load", self.kills), ("kills during a restart", self.start_kills)];
        let after = [
            ("commands refused", self.refused),
            ("commands unanswered", self.unanswered),
            ("unanswered commands found complete", self.found),
            ("unanswered commands not found", self.not_found),
            ("repeats", self.repeats),
            ("commands stored at the end", self.stored),
        ];
        let named = |(name, count): (&str, u64)| (name.to_owned(), count);
        let sent = [("commands sent", self.sent)].map(named);
        let checks = [("checks made", self.checks)].map(named);
        let kills = kills.into_iter().map(named).chain(left);
        let commands = sent.into_iter().chain(acknowledged).chain(after.into_iter().map(named));
        kills.chain(commands).chain(followed).chain(checks).collect()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let sums = [
            (&mut self.kills, other.kills),
            (&mut self.start_kills, other.start_kills),
            (&mut self.sent, other.sent),
            (&mut self.refused, other.refused),
            (&mut self.unanswered, other.unanswered),
            (&mut self.found, other.found),
            (&mut self.not_found, other.not_found),
            (&mut self.repeats, other.repeats),
            (&mut self.stored, other.stored),
            (&mut self.checks, other.checks),
        ];
        sums.into_iter().for_each(|(sum, count)| *sum += count);
        for (sums, counts) in [
            (&mut self.left, other.left),
            (&mut self.acknowledged, other.acknowledged),
            (&mut self.followed, other.followed),
        ] {
            counts.into_iter().for_each(|(name, count)| *sums.entry(name).or_default() += count);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = self.rows().into_iter().map(|(name, count)| format!("{count} {name}")).collect();
        f.write_str(&counts.join(", "))
    }
}
