//! Judges contents with `clamd`, the server of ClamAV, or with a server that speaks its protocol.

mod address;
mod answer;
mod clamd;
mod conversation;
mod fault;

pub use address::{InvalidAddress, ScannerAddress};
pub use clamd::{Clamd, ScanTimes};
