//! Buyers that place and cancel orders, and an admin that counts stock, until their server is gone.

use crate::{
    ledger::{Command, Ledger, Outcome},
    shop::{Account, ORDERS, PRODUCTS, Shop},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use skep_journeys::{Answer, Call, Client, Connection};
use std::sync::{
    Mutex,
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
    /// Orders that it may cancel.
    pub(crate) orders: Vec<Uuid>,
}

impl<'l> Load<'l> {
    pub(crate) fn new(ledger: &'l mut Ledger) -> Self {
        let none = || AtomicUsize::new(0);
        let (answers, done, troubles) = (none(), none(), none());
        Self { ledger: Mutex::new(ledger), answers, done, troubles, enough: AtomicBool::new(false) }
    }
}

impl Worker<'_> {
    /// Sends commands one after the other until it must stop or the server is gone. Returns the orders that are not
    /// cancelled.
    pub(crate) fn work(mut self, load: &Load<'_>, seed: u64) -> Vec<Uuid> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut kept: Option<Connection> = None;
        for n in 0.. {
            if load.enough.load(Ordering::SeqCst) {
                break;
            }
            let Ok(mut connection) = kept.take().map_or_else(|| self.buyer.connect(), Ok) else { break };
            let Some(command) = self.choose(&mut rng) else { break };
            let key = format!("{}-{n}", self.prefix);
            let is_count = matches!(command, Command::SetStock(..));
            let (client, principal) =
                if is_count { (&self.admin, self.shop.admin.id) } else { (&self.buyer, self.buyer_id) };
            load.ledger.lock().expect("not poisoned").send(&key, principal, command.clone());
            let call = call(client, &command, &key);
            let Ok(answer) = connection.exchange(&call.bytes()) else { break };
            let is_last = answer.header("connection") == Some("close");
            let outcome = outcome(&answer, &call);
            if let (Command::Place(_), Outcome::Acknowledged { .. }) = (&command, &outcome) {
                self.orders.push(answer.text("/id").parse().expect("an id"));
            }
            load.ledger.lock().expect("not poisoned").settle(&key, outcome);
            let counter = if answer.status < 500 { &load.done } else { &load.troubles };
            counter.fetch_add(1, Ordering::SeqCst);
            load.answers.fetch_add(1, Ordering::SeqCst);
            kept = (!is_last).then_some(connection);
        }
        self.orders
    }

    /// Chooses the next command, or returns `None` if the server is gone.
    fn choose(&mut self, rng: &mut StdRng) -> Option<Command> {
        match rng.random_range(0..100) {
            0..10 => {
                let (product, on_hand) = self.shop.count(rng, &self.admin)?;
                Some(Command::SetStock(product, on_hand))
            }
            10..25 if !self.orders.is_empty() => {
                let order = self.orders.swap_remove(rng.random_range(0..self.orders.len()));
                Some(Command::Cancel(order))
            }
            _ => Some(Command::Place(self.shop.basket(rng))),
        }
    }
}

/// The request for a command.
pub(crate) fn call<'c>(client: &'c Client, command: &Command, key: &str) -> Call<'c> {
    let call = match command {
        Command::Place(lines) => {
            let lines = lines.iter().map(|(product, count)| json!({ "product_id": product, "quantity": count }));
            client.post(ORDERS).json(json!({ "lines": lines.collect::<Vec<_>>() }))
        }
        Command::Cancel(order) => client.post(format!("{ORDERS}/{order}/cancel")),
        Command::SetStock(product, on_hand) => {
            client.put(format!("{PRODUCTS}/{product}/stock")).if_match("*").json(json!({ "on_hand": on_hand }))
        }
    };
    call.key(key)
}

/// The outcome of a command according to its answer.
///
/// # Panics
/// If this load cannot cause such an answer.
pub(crate) fn outcome(answer: &Answer, call: &Call<'_>) -> Outcome {
    if (200..300).contains(&answer.status) {
        let version = answer.etag().trim_matches('"').parse().expect("a version");
        return Outcome::Acknowledged { body: answer.json(), version };
    }
    let problem = answer.problem();
    let says_when = answer.status != 503 || answer.header("retry-after").is_some();
    assert!(says_when, "the answer to {call:?} has no Retry-After: {answer:?}");
    let known = ["409 insufficient_stock", "409 stock_below_reserved", "503 store_unavailable", "507 storage_full"];
    match known.iter().find(|known| problem.starts_with(**known)) {
        Some(known) => Outcome::Refused { problem: (*known).to_owned() },
        None if problem == "503 outcome_unknown" => Outcome::Unanswered,
        None => panic!("{call:?} was answered {answer:?}"),
    }
}

impl Account {
    /// A worker that acts as this buyer on one instance.
    pub(crate) fn worker<'w>(&self, shop: &'w Shop, instance: usize, prefix: String) -> Worker<'w> {
        let server = &shop.servers[instance];
        let (buyer, admin) = (self.at(server), shop.admin.at(server));
        Worker { shop, buyer, buyer_id: self.id, admin, prefix, orders: self.orders.clone() }
    }
}
