//! What the endpoints of all contexts share. Nothing here knows a context; `api` collects the contexts.

mod answer;
mod caller;
mod context;
mod cost;
mod cursor;
mod etag;
mod id;
mod in_flight;
mod key;
mod limits;
mod links;
mod list;
mod meter;
mod money;
mod page;
mod parameter;
mod patch;
mod refusal;
mod state;

pub(crate) use answer::{Answer, Created, Done, Shown};
pub(crate) use caller::{Anyone, SignedIn, Visitor, bearer, turn_after_body};
pub use context::Operation;
pub(crate) use context::{Context, EXAMPLE_TIME, OperationsByPath, Routes, Schemas, any_text, block, line};
pub use cost::{Cost, ITEMS_PER_UNIT, LINES_PER_UNIT, UNITS_OF_TOTAL};
pub(crate) use etag::{IfMatch, etag, if_none_match, partial_etag};
pub(crate) use id::Id;
pub(crate) use key::{IDEMPOTENCY_KEY, RepeatKey, idempotency_key};
pub use limits::RequestLimits;
pub(crate) use links::{SelfLink, path_of};
pub(crate) use list::{List, SortKey, list_parameters};
pub(crate) use money::{MoneyBody, example_money};
pub(crate) use page::Listed;
pub(crate) use parameter::{Sent, invalid};
pub(crate) use patch::patch;
pub use refusal::status;
pub use state::State;
