//! The API as a whole: what every endpoint shares, and how they become one service.

mod answer;
mod caller;
mod cursor;
mod document;
mod etag;
mod limits;
mod list;
mod money;
mod parameter_guard;
mod refusal;
mod service;
mod state;

pub(crate) use answer::Answer;
pub(crate) use caller::{Anyone, SignedIn, visitor};
pub(crate) use etag::{etag, partial_etag, precondition};
pub use limits::RequestLimits;
pub(crate) use list::{ListLinks, ListParameters, PageInfo, list_request};
pub(crate) use money::{MoneyBody, SelfLink, path_of};
pub use refusal::status;
pub(crate) use refusal::{idempotency_key, refuse};
pub use service::{Api, Service};
pub use state::{ApiConfig, State};
