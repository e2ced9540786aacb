//! The whole API: the contexts as one service, and the document that describes them.

mod config;
mod contexts;
mod document;
mod parameter_guard;
mod service;

pub use crate::parts::{
    Cost, CountedBy, ITEMS_PER_UNIT, LINES_PER_UNIT, OPERATION_KEYS, Operation, OperationLimit, RequestLimits, State,
    UNITS_OF_FACET, UNITS_OF_QUERY, UNITS_OF_TOTAL, status,
};
pub use config::ApiConfig;
pub use service::{Api, Service};
