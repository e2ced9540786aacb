//! A correct state has no faults, and each flaw that is planted into it is found. Orders need stock, so the state has
//! both.

use super::*;
use crate::{
    catalog::{Level, Movement, Reservation, SetStock},
    check::{Findings, check, kept},
    ledger::{Entry, Ledger, Outcome},
    state::{Event, KeyRow},
};

const BUYER: Uuid = Uuid::from_u128(1);
const ADMIN: Uuid = Uuid::from_u128(2);
const HONEY: Uuid = Uuid::from_u128(10);
const WAX: Uuid = Uuid::from_u128(11);
/// An open order with two lines.
const OPEN: Uuid = Uuid::from_u128(20);
/// A cancelled order.
const ENDED: Uuid = Uuid::from_u128(21);
/// An order whose client got no answer.
const UNANSWERED: Uuid = Uuid::from_u128(22);

/// Builds a state and its ledger command by command, as the program would.
#[derive(Default)]
struct Story {
    state: State,
    ledger: Ledger,
}

fn price(product: Uuid) -> i64 {
    if product == HONEY { 500 } else { 70 }
}

fn money(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

impl Story {
    fn product(&mut self, id: Uuid, on_hand: i64) {
        self.state.rows_mut::<Level>().push(Level { product_id: id, on_hand, reserved: 0, version: 1 });
        self.moved(id, "adjustment", on_hand, 0, None);
        self.event("catalog.product_created.v1", id, 1, &json!({ "product_id": id, "on_hand": on_hand }));
    }

    fn moved(&mut self, product_id: Uuid, kind: &str, on_hand_delta: i64, reserved_delta: i64, order_id: Option<Uuid>) {
        self.state.rows_mut::<Movement>().push(Movement {
            product_id,
            kind: kind.into(),
            on_hand_delta,
            reserved_delta,
            order_id,
        });
    }

    fn event(&mut self, name: &str, aggregate_id: Uuid, aggregate_version: i64, payload: &Value) {
        let payload = payload.to_string();
        let events = self.state.rows_mut::<Event>();
        let id = Uuid::from_u128(1_000 + events.len() as u128);
        events.push(Event { id, name: name.into(), aggregate_id, aggregate_version, payload });
    }

    fn level(&mut self, product: Uuid) -> &mut Level {
        self.state.rows_mut::<Level>().iter_mut().find(|level| level.product_id == product).unwrap()
    }

    fn sent(&mut self, key: &str, principal: Uuid, command: impl Command, answer: &Value) {
        let use_case = command.use_case().to_owned();
        let outcome = Outcome::Acknowledged { body: answer.clone(), version: answer["version"].as_i64().unwrap() };
        self.ledger.entries.insert(key.into(), Entry { principal, command: Arc::new(command), outcome });
        self.state.rows_mut::<KeyRow>().push(KeyRow {
            principal,
            use_case,
            key: key.into(),
            answer: Some(answer.to_string()),
        });
    }

    fn view(&self, id: Uuid, status: &str) -> Value {
        let order = self.state.rows::<Order>().iter().find(|order| order.id == id).unwrap();
        let lines: Vec<Value> = self
            .state
            .rows::<Line>()
            .iter()
            .filter(|line| line.order_id == id)
            .map(|line| {
                json!({
                    "product_id": line.product_id, "sku": line.sku, "quantity": line.quantity,
                    "unit_price": money(line.unit_price), "total": money(line.total),
                })
            })
            .collect();
        json!({
            "id": id, "number": order.number, "customer_id": BUYER, "status": status, "lines": lines,
            "total": money(order.total_amount), "version": order.version,
        })
    }

    fn place(&mut self, key: &str, id: Uuid, lines: &[(Uuid, i64)]) {
        for &(product_id, quantity) in lines {
            let (unit_price, total) = (price(product_id), price(product_id) * quantity);
            let sku = product_id.simple().to_string();
            self.state.rows_mut::<Line>().push(Line { order_id: id, product_id, sku, quantity, unit_price, total });
            let state = "active".to_owned();
            self.state.rows_mut::<Reservation>().push(Reservation {
                order_id: id,
                product_id,
                quantity,
                state,
                ended_at: None,
            });
            self.moved(product_id, "allocation", 0, quantity, Some(id));
            let level = self.level(product_id);
            (level.reserved, level.version) = (level.reserved + quantity, level.version + 1);
        }
        let command = Place(lines.to_vec());
        let total = lines.iter().map(|(product, quantity)| price(*product) * quantity).sum();
        self.state.rows_mut::<Order>().push(Order {
            id,
            number: key.into(),
            customer_id: BUYER,
            order_state: "open".into(),
            total_amount: total,
            currency: "EUR".into(),
            version: 1,
        });
        let lines: Vec<Value> = lines.iter().map(|(id, n)| json!({ "product_id": id, "quantity": n })).collect();
        let payload = json!({ "order_id": id, "customer_id": BUYER, "total": money(total), "lines": lines });
        self.event("ordering.order_placed.v1", id, 1, &payload);
        self.sent(key, BUYER, command, &self.view(id, "pending"));
    }

    fn cancel(&mut self, key: &str, id: Uuid) {
        let order = self.state.rows_mut::<Order>().iter_mut().find(|order| order.id == id).unwrap();
        (order.order_state, order.version) = ("cancelled".into(), 2);
        let held: Vec<(Uuid, i64)> = self
            .state
            .rows_mut::<Reservation>()
            .iter_mut()
            .filter(|reservation| reservation.order_id == id)
            .map(|reservation| {
                (reservation.state, reservation.ended_at) = ("released".into(), Some(1));
                (reservation.product_id, reservation.quantity)
            })
            .collect();
        for (product, quantity) in held {
            self.moved(product, "release", 0, -quantity, Some(id));
            let level = self.level(product);
            (level.reserved, level.version) = (level.reserved - quantity, level.version + 1);
        }
        self.event("ordering.order_cancelled.v1", id, 2, &json!({ "order_id": id }));
        self.sent(key, BUYER, Cancel(id), &self.view(id, "cancelled"));
    }

    fn count(&mut self, key: &str, product: Uuid, on_hand: i64) {
        let level = self.level(product);
        let delta = on_hand - level.on_hand;
        (level.on_hand, level.version) = (on_hand, level.version + 1);
        let (version, reserved) = (level.version, level.reserved);
        self.moved(product, "adjustment", delta, 0, None);
        let payload = json!({ "product_id": product, "on_hand": on_hand, "reserved": reserved });
        self.event("catalog.stock_adjusted.v1", product, version, &payload);
        let mut answer = payload;
        answer["version"] = json!(version);
        self.sent(key, ADMIN, SetStock(product, on_hand), &answer);
    }

    fn outcome(&mut self, key: &str, outcome: Outcome) {
        self.ledger.settle(key, outcome);
    }

    fn check(&self) -> Findings {
        check(&self.state, &self.ledger)
    }
}

fn right() -> Story {
    let mut story = Story::default();
    story.product(HONEY, 100);
    story.product(WAX, 100);
    story.place("open", OPEN, &[(HONEY, 2), (WAX, 1)]);
    story.place("to-cancel", ENDED, &[(HONEY, 3)]);
    story.count("count", HONEY, 90);
    story.cancel("cancel", ENDED);
    story.place("unanswered", UNANSWERED, &[(WAX, 5)]);
    story.outcome("unanswered", Outcome::Unanswered);
    let refused = Entry {
        principal: BUYER,
        command: Arc::new(Place(vec![(WAX, 1_000)])),
        outcome: Outcome::Refused { problem: "409 insufficient_stock".into() },
    };
    story.ledger.entries.insert("refused".into(), refused.clone());
    let lost = Entry { outcome: Outcome::Unanswered, ..refused };
    story.ledger.entries.insert("never-came".into(), lost);
    story
}

#[test]
fn a_correct_state_has_no_fault() {
    let findings = right().check();
    assert_eq!(findings.faults, Vec::<String>::new());
    assert_eq!((findings.found, findings.not_found), (1, 1));
    assert!(findings.checks > 60, "{}", findings.checks);
}

/// Removes an order with everything that belongs to it, as if its unit of work had never run.
fn forget(story: &mut Story, id: Uuid) {
    let state = &mut story.state;
    for reservation in state.rows::<Reservation>().to_vec().iter().filter(|reservation| reservation.order_id == id) {
        let levels = state.rows_mut::<Level>();
        let level = levels.iter_mut().find(|level| level.product_id == reservation.product_id).unwrap();
        (level.reserved, level.version) = (level.reserved - reservation.quantity, level.version - 1);
    }
    state.rows_mut::<Order>().retain(|order| order.id != id);
    state.rows_mut::<Line>().retain(|line| line.order_id != id);
    state.rows_mut::<Reservation>().retain(|reservation| reservation.order_id != id);
    state.rows_mut::<Movement>().retain(|movement| movement.order_id != Some(id));
    state.rows_mut::<Event>().retain(|event| event.aggregate_id != id);
    state.rows_mut::<KeyRow>().retain(|row| !row.answer.as_deref().unwrap_or_default().contains(&id.to_string()));
}

#[test]
fn an_unacknowledged_order_may_be_missing_and_an_acknowledged_one_may_not() {
    let mut story = right();
    forget(&mut story, UNANSWERED);
    let findings = story.check();
    assert_eq!((findings.faults, findings.not_found), (vec![], 2));
    forget(&mut story, OPEN);
    let faults = story.check().faults;
    assert!(matches!(&faults[..], [fault] if fault.starts_with("open was acknowledged")), "{faults:?}");
}

/// The name of a flaw, a function that plants it, and a part of the expected fault.
type Flaw = (&'static str, fn(&mut Story), &'static str);

const FLAWS: &[Flaw] = &[
    (
        "lost cancellation",
        |s| s.state.rows_mut::<KeyRow>().retain(|row| row.key != "cancel"),
        "is cancelled, but its keys disagree",
    ),
    ("lost count", |s| s.state.rows_mut::<KeyRow>().retain(|row| row.key != "count"), "no stored answer matches"),
    ("half order: no lines", |s| s.state.rows_mut::<Line>().retain(|line| line.order_id != UNANSWERED), "has no lines"),
    ("half order: a line is missing", |s| drop(s.state.rows_mut::<Line>().remove(1)), "do not add up"),
    (
        "half order: no reservation",
        |s| drop(s.state.rows_mut::<Reservation>().remove(0)),
        "has reservations unlike its lines",
    ),
    (
        "half order: reserved less",
        |s| s.state.rows_mut::<Reservation>()[0].quantity -= 1,
        "has reservations unlike its lines",
    ),
    (
        "half order: no movement",
        |s| s.state.rows_mut::<Movement>().retain(|m| m.order_id != Some(UNANSWERED)),
        "has the movements",
    ),
    (
        "half order: no order",
        |s| s.state.rows_mut::<Order>().retain(|order| order.id != UNANSWERED),
        "but does not exist",
    ),
    (
        "half order: no key",
        |s| s.state.rows_mut::<KeyRow>().retain(|row| row.key != "unanswered"),
        "was placed by 0 keys",
    ),
    ("half order: no answer", |s| s.state.rows_mut::<KeyRow>()[0].answer = None, "contradicts the store"),
    ("wrong total", |s| s.state.rows_mut::<Order>()[0].total_amount += 1, "do not add up"),
    ("wrong price", |s| s.state.rows_mut::<Line>()[0].unit_price += 1, "a line of order"),
    (
        "other price than answered",
        |s| {
            let line = &mut s.state.rows_mut::<Line>()[0];
            (line.unit_price, line.total) = (line.unit_price + 1, line.total + line.quantity);
            s.state.rows_mut::<Order>()[0].total_amount += 2;
        },
        "open was acknowledged",
    ),
    (
        "other pieces than ordered",
        |s| {
            s.ledger.entries.get_mut("unanswered").unwrap().command = Arc::new(Place(vec![(WAX, 4)]));
        },
        "contradicts the store",
    ),
    (
        "double order: one key, two rows",
        |s| s.state.rows_mut::<KeyRow>().extend_from_within(..1),
        "has the key open 2 times",
    ),
    (
        "double order: another without a key",
        |s| {
            s.place("again", Uuid::from_u128(30), &[(WAX, 1)]);
            s.state.rows_mut::<KeyRow>().pop();
            s.ledger.entries.remove("again");
        },
        "was placed by 0 keys",
    ),
    (
        "order that no client sent",
        |s| {
            s.place("again", Uuid::from_u128(30), &[(WAX, 1)]);
            s.ledger.entries.remove("again");
        },
        "but no client sent it",
    ),
    (
        "double number",
        |s| s.state.rows_mut::<Order>()[1].number = s.state.rows_mut::<Order>()[0].number.clone(),
        "same number",
    ),
    (
        "refused but executed",
        |s| {
            s.outcome("unanswered", Outcome::Refused { problem: "503 store_unavailable".into() });
        },
        "refused (503 store_unavailable) but executed",
    ),
    (
        "cancelled, reservation held",
        |s| {
            let held =
                s.state.rows_mut::<Reservation>().iter_mut().find(|reservation| reservation.order_id == ENDED).unwrap();
            (held.state, held.ended_at) = ("active".into(), None);
        },
        "holds a reservation that is active",
    ),
    (
        "acknowledged as cancelled, but open",
        |s| {
            let order = &mut s.state.rows_mut::<Order>()[1];
            (order.order_state, order.version) = ("open".into(), 1);
        },
        "the stored answer of the key cancel contradicts the store",
    ),
    ("wrong stock on hand", |s| s.level(WAX).on_hand += 1, "on hand, its movements say"),
    ("wrong stock reserved", |s| s.level(WAX).reserved -= 1, "reserved, its reservations say"),
    ("more reserved than there is", |s| s.level(WAX).on_hand = 2, "6 reserved of 2"),
    ("stock changed twice in one version", |s| s.level(WAX).version -= 1, "but is at version"),
    (
        "movement without stock",
        |s| s.moved(Uuid::from_u128(40), "adjustment", 0, 0, None),
        "has movements and no stock",
    ),
    (
        "order with pieces shipped",
        |s| s.state.rows_mut::<Movement>()[2].on_hand_delta = -1,
        "changed the number of pieces on hand",
    ),
    (
        "missing event of an order",
        |s| s.state.rows_mut::<Event>().retain(|e| e.aggregate_id != UNANSWERED),
        "has the events []",
    ),
    (
        "missing event of a cancellation",
        |s| s.state.rows_mut::<Event>().retain(|e| e.aggregate_version != 2 || e.aggregate_id != ENDED),
        "has the events",
    ),
    ("double event", |s| s.state.rows_mut::<Event>().extend_from_within(2..3), "has the events"),
    ("gap in the versions", |s| s.state.rows_mut::<Event>()[2].aggregate_version = 3, "has the events"),
    (
        "event of another order",
        |s| s.state.rows_mut::<Event>()[2].payload = s.state.rows_mut::<Event>()[3].payload.clone(),
        "describes another order",
    ),
    (
        "event of no order",
        |s| s.event("ordering.order_placed.v1", Uuid::from_u128(50), 1, &json!({})),
        "has events but does not exist",
    ),
    (
        "event of no product",
        |s| s.event("catalog.stock_adjusted.v1", Uuid::from_u128(51), 2, &json!({})),
        "which does not exist",
    ),
    (
        "missing event of a count",
        |s| s.state.rows_mut::<Event>().retain(|e| e.name != "catalog.stock_adjusted.v1"),
        "was counted 2 times, but has 1 events",
    ),
    (
        "event of a count with a wrong number",
        |s| {
            let event =
                s.state.rows_mut::<Event>().iter_mut().find(|event| event.name == "catalog.stock_adjusted.v1").unwrap();
            event.payload = event.payload.replace("90", "91");
        },
        "its events say Some(91)",
    ),
];

#[test]
fn every_flaw_is_found() {
    for (name, plant, text) in FLAWS {
        let mut story = right();
        plant(&mut story);
        let faults = story.check().faults;
        assert!(faults.iter().any(|fault| fault.contains(text)), "{name}: {faults:?}");
    }
}

#[test]
fn an_answer_to_a_key_that_changes_is_found() {
    let mut findings = Findings::default();
    let (before, mut after) = (right().state, right().state);
    kept(&before, &after, &mut findings);
    assert_eq!(findings.faults, Vec::<String>::new());
    after.rows_mut::<KeyRow>()[0].answer = Some("{}".to_owned());
    kept(&before, &after, &mut findings);
    assert_eq!(findings.faults.len(), 1);
}
