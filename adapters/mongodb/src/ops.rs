//! Every command that this store sends. No other module sends any. Each command runs in the session, and so in the
//! transaction if there is one. A command without its session would silently escape the transaction.

#![expect(clippy::disallowed_methods, reason = "these are the only files that may call them")]

mod ending;
mod executor;
mod greeting;
mod messages;
mod query;
mod reads;
mod rights;
mod writes;

pub use self::executor::ABANDONED;
pub(crate) use self::{
    executor::Executor,
    greeting::{Greeting, greet},
    messages::Tail,
    query::{List, Query, SortField, Update},
    rights::{Rights, rights},
};
