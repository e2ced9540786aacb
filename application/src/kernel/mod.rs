//! The parts that use cases share: units of work, attempts, the actor, access, time and identifiers, idempotency, the
//! outbox, pages and errors.

mod access;
mod actor;
mod attempt;
mod checked;
mod command;
pub mod constraints;
mod erasure;
pub(crate) mod erasures;
mod error;
mod export;
mod field_cipher;
mod idempotency;
mod kept_answer;
mod limits;
mod outbox;
mod page;
mod precondition;
mod reader;
mod refusal;
mod runtime;
mod signals;
mod store;
mod sweep;
mod total;
mod unit_of_work;
mod unit_outcome;
mod wake_ups;

pub(crate) use access::account_scope;
pub use access::{Authorized, Denied, Guarded, Scope, account, permit, scope};
pub use actor::{Actor, Principal};
pub use attempt::{Attempt, run};
pub use checked::Checked;
pub use command::{Call, Command, Commands, UseCase};
pub use erasure::{EraseUser, Erasure, UserData};
pub use error::{AppError, ErrorKind, FieldError, Invalid};
pub(crate) use export::exported;
pub use export::{Export, ExportUser};
pub use field_cipher::{CipherError, FieldCipher, FieldPlace, Opened, SealedField};
pub use idempotency::{
    Claimed, Fingerprints, IdempotencyClaim, IdempotencyKey, IdempotencyKeys, InvalidIdempotencyKey,
};
pub use kept_answer::KeptAnswer;
pub use limits::{Counting, Gcra, Limit, LimitKind, RateLimits, Tally, Verdict, WiderNetworks, Windows};
pub(crate) use limits::{counter_name, hex};
pub use outbox::{Outbox, OutboxEvent, OutboxQueries};
pub use page::{Page, PageRequest, Position, Sort, SortValue};
pub use precondition::{Precondition, Refused, Unmet};
pub use reader::{GetError, ListError, Reader};
pub use refusal::{KeyReused, NotFound, Refusal, TooManyAttempts, UseCaseError, flatten, refusal, use_case_error};
pub use runtime::{Clock, IdGenerator, Random, Runtime, Sleeper};
pub use signals::{Announcement, Signal, Signaling, Signals};
pub use store::{BoxError, Constraint, StoreError, max_writers};
pub use sweep::{Round, Sweep, SweepAll, Swept};
pub use total::{LongList, Total};
pub use unit_of_work::{Begin, FromUnit, Key, Transaction, TxMode, UnitOfWork, Units, context};
pub use unit_outcome::UnitOutcome;
pub use wake_ups::{WakeUpListener, WakeUps};

#[cfg(any(test, feature = "testing"))]
pub use field_cipher::MockFieldCipher;
#[cfg(any(test, feature = "testing"))]
pub use idempotency::{MockFingerprints, MockIdempotencyKeys};
#[cfg(any(test, feature = "testing"))]
pub use limits::MockRateLimits;
#[cfg(any(test, feature = "testing"))]
pub use outbox::{MockOutbox, MockOutboxQueries};
#[cfg(any(test, feature = "testing"))]
pub use runtime::{MockClock, MockIdGenerator, MockRandom, MockSleeper};
