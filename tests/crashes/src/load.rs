//! Clients that send commands until their server is gone.

use crate::{
    context::{CONTEXTS, Choice, Command, Ids},
    ledger::{Ledger, Outcome},
    shop::{Account, Shop},
};
use rand::{SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::Value;
use skep_journeys::{Answer, Call, Client, Connection};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use uuid::Uuid;

/// The data that the clients share while they work.
pub(crate) struct Load<'l> {
    pub(crate) ledger: Mutex<&'l mut Ledger>,
    /// All answers so far.
    pub(crate) answers: AtomicUsize,
    /// Answers to commands that were executed or refused by a rule.
    pub(crate) done: AtomicUsize,
    /// Answers that report an unavailable or full store.
    pub(crate) troubles: AtomicUsize,
    /// Tells the workers to stop.
    pub(crate) enough: AtomicBool,
}

/// A client of one server: a buyer that may also act as the admin.
pub(crate) struct Worker<'w> {
    pub(crate) shop: &'w Shop,
    pub(crate) buyer: Client,
    pub(crate) buyer_id: Uuid,
    pub(crate) admin: Client,
    /// The start of its idempotency keys.
    pub(crate) prefix: String,
    /// The rows that its commands may use, beside those of the shop.
    pub(crate) ids: Ids,
}

impl<'l> Load<'l> {
    pub(crate) fn new(ledger: &'l mut Ledger) -> Self {
        let none = || AtomicUsize::new(0);
        let (answers, done, troubles) = (none(), none(), none());
        Self { ledger: Mutex::new(ledger), answers, done, troubles, enough: AtomicBool::new(false) }
    }
}

impl Worker<'_> {
    /// Sends commands one after the other until it must stop or the server is gone. Returns the rows that
    /// later commands may use.
    pub(crate) fn work(mut self, load: &Load<'_>, seed: u64) -> Ids {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut kept: Option<Connection> = None;
        for n in 0.. {
            if load.enough.load(Ordering::SeqCst) {
                break;
            }
            let Ok(mut connection) = kept.take().map_or_else(|| self.buyer.connect(), Ok) else { break };
            let command = self.choose(&mut rng);
            let key = format!("{}-{n}", self.prefix);
            let (client, principal) =
                if command.is_by_admin() { (&self.admin, self.shop.admin.id) } else { (&self.buyer, self.buyer_id) };
            load.ledger.lock().expect("not poisoned").send(&key, principal, command.clone());
            let call = command.call(client).key(&key);
            let Ok(answer) = connection.exchange(&call.bytes()) else { break };
            let is_last = answer.header("connection") == Some("close");
            let outcome = outcome(&answer, &call);
            if let Outcome::Acknowledged { .. } = outcome {
                let made = command.made(&answer).into_iter();
                made.for_each(|(kind, id)| self.ids.entry(kind).or_default().push(id));
            }
            load.ledger.lock().expect("not poisoned").settle(&key, outcome);
            let counter = if answer.status < 500 { &load.done } else { &load.troubles };
            counter.fetch_add(1, Ordering::SeqCst);
            load.answers.fetch_add(1, Ordering::SeqCst);
            kept = (!is_last).then_some(connection);
        }
        self.ids
    }

    /// Chooses the next command. A choice without a row is made again, and some context must always have one.
    fn choose(&mut self, rng: &mut StdRng) -> Arc<dyn Command> {
        let choices: Vec<&Choice> = CONTEXTS.iter().flat_map(|context| context.choices()).collect();
        loop {
            let choice = choices.choose_weighted(rng, |choice| choice.share).expect("there are choices");
            if let Some(command) = (choice.choose)(self, rng) {
                return command;
            }
        }
    }
}

/// The outcome of a command according to its answer.
///
/// # Panics
/// If this load cannot cause such an answer.
pub(crate) fn outcome(answer: &Answer, call: &Call<'_>) -> Outcome {
    if (200..300).contains(&answer.status) {
        if answer.status == 204 {
            return Outcome::Acknowledged { body: Value::Null, version: 0 };
        }
        // The tag of stock has the available pieces behind the version.
        let tag = answer.etag();
        let version = tag.trim_matches('"').split('-').next().unwrap_or_default().parse().expect("a version");
        return Outcome::Acknowledged { body: answer.json(), version };
    }
    let problem = answer.problem();
    let says_when = answer.status != 503 || answer.header("retry-after").is_some();
    assert!(says_when, "the answer to {call:?} has no Retry-After: {answer:?}");
    let own = CONTEXTS.iter().flat_map(|context| context.refusals()).copied();
    let mut known = own.chain(["503 store_unavailable", "507 storage_full"]);
    match known.find(|known| problem.starts_with(known)) {
        Some(known) => Outcome::Refused { problem: known.to_owned() },
        None if problem == "503 outcome_unknown" => Outcome::Unanswered,
        None => panic!("{call:?} was answered {answer:?}"),
    }
}

impl Account {
    /// A worker that acts as this buyer on one instance.
    pub(crate) fn worker<'w>(&self, shop: &'w Shop, instance: usize, prefix: String) -> Worker<'w> {
        let server = &shop.servers[instance];
        let (buyer, admin) = (self.at(server), shop.admin.at(server));
        Worker { shop, buyer, buyer_id: self.id, admin, prefix, ids: self.ids.clone() }
    }
}
