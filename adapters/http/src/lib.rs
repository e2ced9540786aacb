//! The HTTP adapter: the server edge, problem documents and the endpoints of the API.

pub mod api;
pub mod body;
mod conditions;
pub mod edge;
pub mod problem;

mod catalog;
mod events;
mod files;
mod identity;
mod jobs;
mod notifications;
mod ordering;
mod parts;
mod search;
mod system;

pub use api::{Api, ApiConfig, Service};
pub use events::EventBody;
pub use system::MetricsPage;
