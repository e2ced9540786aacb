//! The slice once more: maps in memory, one step per call.

#![expect(clippy::result_large_err, reason = "a refusal is an answer, and a model is not in a hurry")]

mod access;
mod catalog;
mod identity;
mod keys;
mod lists;
mod ordering;

use crate::{
    call::{Answer, Call, Command},
    state::{EndState, Happened},
};
use keys::Kept;
use skep_application::kernel::{Actor, ErrorKind, IdempotencyKey};
use skep_domain::{
    ordering::OrderNumber,
    shared::{SessionId, Timestamp, UserId, Version},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a system made up while it answered, which no model can know: it is taken from the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fresh {
    /// The identifier of what is new.
    pub(crate) id: Uuid,
    /// The number of a new order.
    pub(crate) number: Option<OrderNumber>,
    /// A new token.
    pub(crate) token: String,
}

impl Fresh {
    /// What is new in an answer.
    pub(crate) fn of(answer: &Answer) -> Self {
        match answer {
            Answer::User(user) => Self { id: user.id.uuid(), ..Self::default() },
            Answer::LoggedIn(session) => {
                Self { id: session.session_id.uuid(), token: session.token.clone(), ..Self::default() }
            }
            Answer::Product(product) => Self { id: product.id.uuid(), ..Self::default() },
            Answer::Order(order) => Self { id: order.id.uuid(), number: Some(order.number.clone()), ..Self::default() },
            _ => Self::default(),
        }
    }
}

/// When something is done, and by whom.
struct Now<'a> {
    actor: &'a Actor,
    at: Timestamp,
    fresh: &'a Fresh,
}

/// An answer, or the refusal that ends the step.
type Step<T = Answer> = Result<T, Answer>;

/// The state of the slice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Model {
    /// What a store shows.
    pub(crate) stored: EndState,
    passwords: BTreeMap<UserId, String>,
    sessions: BTreeMap<SessionId, (UserId, Timestamp)>,
    keys: BTreeMap<(Uuid, &'static str, String), Kept>,
}

impl Model {
    /// Carries out a call at a time, and answers it. What the system made up is taken from its answer, if it is really
    /// new.
    pub fn step(&mut self, call: &Call, at: Timestamp, seen: &Answer) -> Answer {
        self.step_with(call, at, &Fresh::of(seen))
    }

    /// Carries out a call with what the system made up.
    pub(crate) fn step_with(&mut self, call: &Call, at: Timestamp, fresh: &Fresh) -> Answer {
        let now = Now { actor: &call.actor, at, fresh };
        let answer = match &call.command {
            Command::Register { email, password, display_name } => self.register(&now, email, password, display_name),
            Command::LogIn { email, password } => self.log_in(&now, email, password),
            Command::Authenticate(token) => self.authenticate(&now, token),
            Command::GetProfile => self.get_profile(&now),
            Command::CreateProduct(command) => self.create_product(&now, call, command),
            Command::ChangeProduct(command) => self.change_product(&now, call, command),
            Command::ArchiveProduct(command) => self.archive_product(&now, call, command),
            Command::SetStock(command) => self.set_stock(&now, call, command),
            Command::GetProduct(id) => self.get_product(&now, *id),
            Command::GetStock(id) => self.get_stock(&now, *id),
            Command::ListProducts(sort, page) => self.list_products(&now, *sort, page),
            Command::PlaceOrder(command) => self.place_order(&now, call, command),
            Command::CancelOrder(command) => self.cancel_order(&now, call, command),
            Command::GetOrder(id) => self.get_order(&now, *id),
            Command::ListOrders(direction, page) => self.list_orders(&now, *direction, page),
            Command::SweepExpired => Ok(Answer::Swept(self.sweep(at))),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    /// What a store would show.
    #[must_use]
    pub fn end_state(&self) -> &EndState {
        &self.stored
    }

    /// How many idempotency keys are kept.
    #[must_use]
    pub fn kept_keys(&self) -> usize {
        self.keys.len()
    }

    fn tell(&mut self, now: &Now<'_>, name: &str, of: (Uuid, Version), at: Timestamp, payload: &serde_json::Value) {
        self.tell_of(now.actor.user_id(), name, of, at, payload);
    }

    fn tell_of(
        &mut self,
        actor: Option<UserId>,
        name: &str,
        (aggregate, version): (Uuid, Version),
        at: Timestamp,
        payload: &serde_json::Value,
    ) {
        let event = Happened { name: name.to_owned(), aggregate, version, actor, at, payload: payload.to_string() };
        insert_sorted(&mut self.stored.events, event);
    }
}

/// Kept in order, so that states that were reached on different ways are equal.
fn insert_sorted<T: Ord>(sorted: &mut Vec<T>, item: T) {
    let place = sorted.partition_point(|other| *other <= item);
    sorted.insert(place, item);
}

fn not_found() -> Answer {
    Answer::refusal(ErrorKind::NotFound, "not_found")
}

/// What is wrong with the fields of a command.
#[derive(Default)]
struct Faults(Vec<(String, &'static str, String)>);

impl Faults {
    fn one(pointer: impl Into<String>, code: &'static str, text: impl std::fmt::Display) -> Answer {
        Self(vec![(pointer.into(), code, text.to_string())]).answer()
    }

    fn read<T, E: std::fmt::Display>(&mut self, pointer: &str, code: &'static str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.0.push((pointer.to_owned(), code, error.to_string()))).ok()
    }

    fn answer(self) -> Answer {
        Answer::Refused(crate::Refusal { kind: ErrorKind::Invalid, code: "validation_failed", fields: self.0 })
    }
}

/// To whom a key belongs.
fn owner_of(actor: &Actor, use_case: &'static str, key: &IdempotencyKey) -> (Uuid, &'static str, String) {
    (actor.user_id().map_or(Uuid::nil(), UserId::uuid), use_case, key.as_str().to_owned())
}
