//! Turns symbolic steps into calls, with the data that a caller has seen so far.

use crate::{
    call::{Answer, Call, Command},
    context::CONTEXTS,
    item::{Item, Items},
    operations::SweepExpired,
    step::{Action, Caller, Step, Target},
    world::people,
};
use skep_application::kernel::{Actor, IdempotencyKey, PageRequest, Position, Principal, Total};
use skep_domain::{
    identity::SessionKind,
    shared::{Direction, PageLimit},
};
use uuid::Uuid;

/// A position in a list, and the sort order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark<S> {
    pub(crate) sort: S,
    pub(crate) after: Option<Position>,
}

/// The ids, versions, tokens and positions that a caller has seen so far.
#[derive(Debug, Clone)]
pub struct Desk {
    seen: Items,
    /// The users that earlier steps authenticated.
    pub(crate) principals: Vec<Principal>,
    calls: Vec<Call>,
}

/// An id that does not exist.
pub(crate) const UNKNOWN: Uuid = Uuid::from_u128(0x00de_cade);

pub(crate) fn direction(descends: bool) -> Direction {
    if descends { Direction::Descending } else { Direction::Ascending }
}

pub(crate) fn request(after: Option<Position>, limit: i64, count: bool) -> PageRequest {
    PageRequest { limit: PageLimit::new(limit).unwrap_or_default(), after, count_up_to: count.then_some(Total::BOUND) }
}

impl Default for Desk {
    fn default() -> Self {
        Self { seen: Items::new(CONTEXTS.iter().map(|context| context.seen())), principals: vec![], calls: vec![] }
    }
}

impl Desk {
    /// Makes the call of a step and remembers it for repeats.
    pub fn call(&mut self, step: &Step) -> Call {
        let call = match &step.what {
            Action::Again(back) => self.earlier(*back, step.who),
            Action::Call(operation) => {
                let command = operation.command(self);
                let key = step.key.filter(|_| command.takes_key());
                let key = key.and_then(|n| IdempotencyKey::parse(&format!("key {n}")).ok());
                Call { actor: self.actor(step.who), command, key }
            }
        };
        self.calls.push(call.clone());
        call
    }

    /// Remembers the data in an answer.
    pub fn note(&mut self, call: &Call, answer: &Answer) {
        call.command.note(answer, self);
    }

    /// The data that a context has noted.
    #[must_use]
    pub fn seen<T: Item>(&self) -> &T {
        self.seen.get()
    }

    pub(crate) fn seen_mut<T: Item>(&mut self) -> &mut T {
        self.seen.get_mut()
    }

    /// The call of this many steps before, or a sweep before the first call.
    fn earlier(&self, back: usize, who: Caller) -> Call {
        let at = self.calls.len().saturating_sub(back).min(self.calls.len().saturating_sub(1));
        let sweep = || Call { actor: self.actor(who), command: Command::new(SweepExpired), key: None };
        self.calls.get(at).cloned().unwrap_or_else(sweep)
    }

    fn actor(&self, who: Caller) -> Actor {
        let principal = match who {
            Caller::Visitor => Principal::Anonymous,
            Caller::System => Principal::System,
            Caller::Person(n) => {
                let people = people();
                let person = people[n % people.len()].clone();
                let credential = SessionKind::Token;
                Principal::User {
                    id: person.id,
                    session: person.session,
                    credential,
                    permissions: person.permissions(),
                }
            }
            // If no token was recognized yet, the call uses the first customer.
            Caller::Recognized(n) => match Target::Nth(n).pick(&self.principals) {
                Some(principal) => principal,
                None => return self.actor(Caller::Person(1)),
            },
        };
        Actor { principal, ..Actor::anonymous("model") }
    }
}
