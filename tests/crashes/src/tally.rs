//! What a campaign has done and seen.

use std::fmt;

/// Counts of a campaign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often a server was killed under load.
    pub kills: u64,
    /// How often a server was killed while it started again.
    pub start_kills: u64,
    /// Commands that were sent, repeats aside.
    pub sent: u64,
    /// Orders that were acknowledged before the kill.
    pub placed: u64,
    /// Cancellations that were acknowledged before the kill.
    pub cancelled: u64,
    /// Counts of the stock that were acknowledged before the kill.
    pub counted: u64,
    /// Commands that were refused: too little stock, too many reserved, or the store was busy.
    pub refused: u64,
    /// Commands of which no answer came.
    pub unanswered: u64,
    /// Orders of which no answer came, and that were there, whole, after the start.
    pub found: u64,
    /// Orders of which no answer came, and of which nothing was there after the start.
    pub not_found: u64,
    /// Commands that were repeated with their key.
    pub repeats: u64,
    /// Orders in the store at the end.
    pub orders: u64,
    /// Things that were looked at, each of which could have been wrong.
    pub checks: u64,
}

impl Tally {
    /// The counts with their names.
    #[must_use]
    pub const fn rows(&self) -> [(&'static str, u64); 13] {
        [
            ("kills under load", self.kills),
            ("kills during the start after one", self.start_kills),
            ("commands sent", self.sent),
            ("orders acknowledged", self.placed),
            ("cancellations acknowledged", self.cancelled),
            ("stock counts acknowledged", self.counted),
            ("commands refused", self.refused),
            ("commands unanswered", self.unanswered),
            ("unanswered orders found whole", self.found),
            ("unanswered orders not found", self.not_found),
            ("repeats", self.repeats),
            ("orders at the end", self.orders),
            ("checks made", self.checks),
        ]
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.rows().map(|(name, count)| format!("{count} {name}"));
        write!(f, "{}", told.join(", "))
    }
}
