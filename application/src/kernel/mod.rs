//! What every use case is made of: units of work, attempts, the actor, access, time and identifiers, idempotency, the
//! outbox, pages and errors.

mod access;
mod actor;
mod attempt;
pub mod constraints;
mod error;
mod idempotency;
mod once;
mod outbox;
mod page;
mod precondition;
mod refusal;
mod runtime;
mod store;
mod unit_outcome;

pub use access::{Authorized, Denied, Permitted, Scope, authorize, permit, scope};
pub use actor::{Actor, Principal};
pub use attempt::{Attempt, run};
pub use error::{AppError, ErrorKind, FieldError, Invalid};
pub use idempotency::{
    Claimed, Fingerprints, IdempotencyClaim, IdempotencyKey, IdempotencyKeys, InvalidIdempotencyKey,
};
pub use outbox::{Outbox, OutboxEvent, OutboxQueries};
pub use page::{Page, PageRequest, Position, SortValue};
pub use precondition::{Precondition, Unmet};
pub use refusal::{KeyReused, NotFound, TooManyAttempts};
pub use runtime::{Clock, IdGenerator, Random, Runtime, Sleeper};
pub use store::{Begin, BoxError, Constraint, Key, StoreError, Transaction, TxMode};
pub use unit_outcome::UnitOutcome;

pub(crate) use once::{Framed, Mark, framed, once};
pub(crate) use refusal::use_case_error;

#[cfg(any(test, feature = "testing"))]
pub use idempotency::{MockFingerprints, MockIdempotencyKeys};
#[cfg(any(test, feature = "testing"))]
pub use outbox::{MockOutbox, MockOutboxQueries};
#[cfg(any(test, feature = "testing"))]
pub use runtime::{MockClock, MockIdGenerator, MockRandom, MockSleeper};
