//! Counts of a campaign.

use std::fmt;

/// The number of commands, outcomes and checks of a campaign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often a server was killed under load.
    pub kills: u64,
    /// How often a server was killed during its restart.
    pub start_kills: u64,
    /// Commands that were sent, without repeats.
    pub sent: u64,
    /// Orders that were acknowledged before the kill.
    pub placed: u64,
    /// Cancellations that were acknowledged before the kill.
    pub cancelled: u64,
    /// Stock counts that were acknowledged before the kill.
    pub counted: u64,
    /// Commands that were refused: too little stock, too many reserved, or a store that was busy or full.
    pub refused: u64,
    /// Commands that got no answer.
    pub unanswered: u64,
    /// Unanswered orders that were completely stored after the restart.
    pub found: u64,
    /// Unanswered orders that were not stored after the restart.
    pub not_found: u64,
    /// Commands that were repeated with their key.
    pub repeats: u64,
    /// Orders in the store at the end.
    pub orders: u64,
    /// Conditions that were checked.
    pub checks: u64,
}

impl Tally {
    /// The counts with their labels, for reports.
    #[must_use]
    pub const fn rows(&self) -> [(&'static str, u64); 13] {
        [
            ("kills under load", self.kills),
            ("kills during a restart", self.start_kills),
            ("commands sent", self.sent),
            ("orders acknowledged", self.placed),
            ("cancellations acknowledged", self.cancelled),
            ("stock counts acknowledged", self.counted),
            ("commands refused", self.refused),
            ("commands unanswered", self.unanswered),
            ("unanswered orders found complete", self.found),
            ("unanswered orders not found", self.not_found),
            ("repeats", self.repeats),
            ("orders at the end", self.orders),
            ("checks made", self.checks),
        ]
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.rows().map(|(name, count)| format!("{count} {name}"));
        write!(f, "{}", counts.join(", "))
    }
}
