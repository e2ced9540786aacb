//! The whole API: the contexts as one service, and the document that describes them.

mod contexts;
mod document;
mod parameter_guard;
mod service;

pub use crate::parts::{ApiConfig, Operation, RequestLimits, State, status};
pub use service::{Api, Service};
