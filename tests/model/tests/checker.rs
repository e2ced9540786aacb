//! The checker accepts what is right and rejects what is not: histories by hand, and systems with a planted flaw.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use async_trait::async_trait;
use skep_application::{
    catalog::{ChangeProductCommand, CreateProductCommand, MoneyInput, ProductPatch},
    kernel::{Actor, IdempotencyKey, Precondition, Principal},
    ordering::{OrderLineInput, OrderView, PlaceOrderCommand},
};
use skep_domain::{
    catalog::Product,
    ordering::OrderNumber,
    shared::{OrderId, Patch, ProductId, Timestamp},
};
use skep_model::EndState;
use skep_model::{
    Answer, Budget, Call, Command, Double, Event, Flaw, History, Model, Round, Setting, System, Trouble, linearize,
    people, programs, rounds, sequence, start,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::runtime::Builder;
use uuid::Uuid;

fn budget(operations: u64, seed: u64) -> Budget {
    Budget { operations, seed, runtime: Arc::new(Builder::new_multi_thread().enable_all().build().unwrap()) }
}

fn person(n: usize) -> Actor {
    let person = people()[n].clone();
    let principal = Principal::User { id: person.id, session: person.session, roles: person.roles };
    Actor { principal, ..Actor::anonymous("model") }
}

fn buy(n: usize, product: ProductId, quantity: i64, key: Option<&str>) -> Call {
    let key = key.map(|key| IdempotencyKey::parse(key).unwrap());
    let lines = vec![OrderLineInput { product_id: product, quantity }];
    Call { actor: person(n), command: Command::PlaceOrder(PlaceOrderCommand { lines }), key }
}

fn rename(product: &Product, name: &str) -> Call {
    let patch = ProductPatch { name: Patch::Set(name.to_owned()), ..ProductPatch::default() };
    let precondition = Precondition::version(product.version);
    let command = ChangeProductCommand { product_id: product.id, precondition, patch };
    Call { actor: person(0), command: Command::ChangeProduct(command), key: None }
}

/// A shop with so many pieces of one product, and the model of it.
struct Shop {
    model: Model,
    product: Product,
    events: Vec<Event>,
    /// What is made up next.
    next: u128,
}

impl Shop {
    fn with(pieces: i64) -> Self {
        let command = CreateProductCommand {
            sku: "honey".to_owned(),
            name: "Honey".to_owned(),
            description: String::new(),
            price: MoneyInput { amount: 500, currency: "EUR".to_owned() },
            stock: Some(pieces),
        };
        let call = Call { actor: person(0), command: Command::CreateProduct(command), key: None };
        let mut model = Model::default();
        let now = Double::honest().now();
        // The model takes identifiers from answers: this is one whose only truth is its identifier.
        let template = Answer::Order(Self::order(500, 1));
        let Answer::Product(product) = model.step(&call, now, &template) else { panic!("it is created") };
        Self { model, product, events: vec![], next: 1_000 }
    }

    fn order(id: u128, number: u64) -> OrderView {
        OrderView {
            id: OrderId::new(Uuid::from_u128(id)),
            number: OrderNumber::from_random(number),
            customer_id: people()[1].id,
            status: String::new(),
            lines: vec![],
            total: skep_domain::shared::Money::zero("EUR".parse().unwrap()),
            created_at: Double::honest().now(),
            updated_at: Double::honest().now(),
            version: skep_domain::shared::Version::FIRST,
        }
    }

    /// What the call is answered in this state, which goes on.
    fn answer(&mut self, model: &mut Model, call: &Call) -> Answer {
        self.next += 1;
        let template = Answer::Order(Self::order(self.next, u64::try_from(self.next).unwrap()));
        model.step(call, Double::honest().now(), &template)
    }

    fn happened(&mut self, client: usize, call: Call, answer: Answer, called: u64, returned: u64) {
        self.events.push(Event { client, call, answer, at: Double::honest().now(), called, returned });
    }

    fn judge(&self, end: &Model) -> Result<Model, String> {
        linearize(&self.model, &History { events: self.events.clone() }, end.end_state())
    }
}

#[test]
fn orders_at_once_that_follow_each_other_in_some_order_are_accepted() {
    let mut shop = Shop::with(3);
    let mut end = shop.model.clone();
    let (first, second) = (buy(1, shop.product.id, 2, None), buy(2, shop.product.id, 2, None));
    // The one that was called last was served first.
    let served = shop.answer(&mut end, &second);
    let short = shop.answer(&mut end, &first);
    assert!(matches!((&served, &short), (Answer::Order(_), Answer::Refused(_))));
    shop.happened(0, first, short, 1, 4);
    shop.happened(1, second, served, 2, 3);
    shop.judge(&end).unwrap();
}

#[test]
fn an_answer_that_only_a_later_call_explains_is_rejected() {
    let mut shop = Shop::with(3);
    let mut end = shop.model.clone();
    let (first, second) = (buy(1, shop.product.id, 2, None), buy(2, shop.product.id, 2, None));
    let served = shop.answer(&mut end, &second);
    let short = shop.answer(&mut end, &first);
    // As above, but the first was told that it is short before the second was called.
    shop.happened(0, first, short, 1, 2);
    shop.happened(1, second, served, 3, 4);
    let reason = shop.judge(&end).expect_err("there is no order");
    assert!(reason.contains("no order of these calls explains all answers"), "{reason}");
}

#[test]
fn a_lost_update_is_rejected() {
    let mut shop = Shop::with(3);
    let (mut one, mut two) = (shop.model.clone(), shop.model.clone());
    let (wax, pollen) = (rename(&shop.product, "Wax"), rename(&shop.product, "Pollen"));
    // Both read version 1 and are told that they made version 2; the second is what is stored.
    let (first, second) = (shop.answer(&mut one, &wax), shop.answer(&mut two, &pollen));
    shop.happened(0, wax, first, 1, 3);
    shop.happened(1, pollen, second, 2, 4);
    shop.judge(&two).expect_err("the first update is lost");
}

#[test]
fn an_oversell_is_rejected() {
    let mut shop = Shop::with(3);
    let (mut one, mut two) = (shop.model.clone(), shop.model.clone());
    let (first, second) = (buy(1, shop.product.id, 2, None), buy(2, shop.product.id, 2, None));
    let (a, b) = (shop.answer(&mut one, &first), shop.answer(&mut two, &second));
    assert!(matches!((&a, &b), (Answer::Order(_), Answer::Order(_))));
    shop.happened(0, first, a, 1, 3);
    shop.happened(1, second, b, 2, 4);
    shop.judge(&one).expect_err("four of three pieces");
    shop.judge(&two).expect_err("four of three pieces");
}

#[test]
fn two_orders_by_one_key_are_rejected() {
    let mut shop = Shop::with(9);
    let (mut one, mut end) = (shop.model.clone(), shop.model.clone());
    let (first, second) = (buy(1, shop.product.id, 2, Some("key")), buy(1, shop.product.id, 2, None));
    let (a, mut b) = (shop.answer(&mut one, &first), Answer::Done);
    // What is stored is two orders, as if the second had had no key.
    for (call, answer) in [(&first, &mut Answer::Done), (&second, &mut b)] {
        *answer = shop.answer(&mut end, call);
    }
    shop.happened(0, first.clone(), a.clone(), 1, 3);
    shop.happened(1, first.clone(), b, 2, 4);
    shop.judge(&end).expect_err("one key, two orders");
    // One order and two equal answers are fine.
    shop.events[1].answer = a;
    shop.judge(&one).unwrap();
}

#[test]
fn a_call_of_unknown_outcome_may_have_happened_late_or_never_but_not_by_half() {
    let mut shop = Shop::with(3);
    let (mut one, mut both) = (shop.model.clone(), shop.model.clone());
    let (lost, second) = (buy(1, shop.product.id, 1, None), buy(2, shop.product.id, 2, None));
    let answer = shop.answer(&mut one, &second);
    shop.next -= 1;
    assert_eq!(shop.answer(&mut both, &second), answer);
    shop.answer(&mut both, &lost);
    shop.happened(0, lost, Answer::Unknown("the connection was lost".to_owned()), 1, 2);
    shop.happened(1, second, answer, 3, 4);
    shop.judge(&one).unwrap();
    shop.judge(&both).unwrap();
    let nothing = shop.model.clone();
    shop.judge(&nothing).expect_err("the acknowledged order is not there");
}

async fn alone(flaw: Option<Flaw>, steps: Vec<skep_model::Step>) -> Result<u64, Trouble> {
    let double = flaw.map_or_else(Double::honest, Double::with);
    sequence(&double, &steps).await
}

#[test]
fn an_honest_system_passes_call_by_call() {
    assert!(programs(&budget(20_000, 1), None, |steps| alone(None, steps)).unwrap() >= 10_000);
}

#[test]
fn every_flaw_that_shows_to_one_caller_is_found_and_told_by_a_short_program() {
    for flaw in Flaw::ALONE {
        let reason = programs(&budget(100_000, 1), None, |steps| alone(Some(*flaw), steps))
            .expect_err(&format!("{flaw:?} is not found"));
        let steps = reason.matches("Step {").count();
        assert!((1..=8).contains(&steps), "{flaw:?} is told by {steps} steps:\n{reason}");
    }
}

/// A program that failed is kept, and is the first that is run the next time.
#[test]
fn a_program_that_failed_is_kept_and_run_first() {
    let folder = tempfile::TempDir::new().unwrap();
    let file: &'static str = Box::leak(folder.path().join("kept.txt").to_str().unwrap().to_owned().into_boxed_str());
    let flawed = |steps| alone(Some(Flaw::Oversells), steps);
    programs(&budget(100_000, 1), Some(file), flawed).expect_err("it oversells");
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(kept.lines().any(|line| line.starts_with("cc ")), "{kept}");
    // A seed whose first program does not meet the flaw: only what was kept can fail.
    let quiet = (0..100).find(|seed| programs(&budget(1, *seed), None, flawed).is_ok()).unwrap();
    programs(&budget(1, quiet), Some(file), flawed).expect_err("the one that was kept fails again");
}

/// That the store is away teaches nothing: the program is left out, and not kept as one that failed.
#[test]
fn a_store_that_is_away_now_and_then_is_no_difference() {
    let folder = tempfile::TempDir::new().unwrap();
    let file: &'static str = Box::leak(folder.path().join("kept.txt").to_str().unwrap().to_owned().into_boxed_str());
    let mut programs_run = 0;
    let now_and_then = |steps: Vec<skep_model::Step>| {
        programs_run += 1;
        let is_away = programs_run % 16 == 1;
        async move { if is_away { Err(Trouble::Away("too slow".to_owned())) } else { alone(None, steps).await } }
    };
    programs(&budget(1_000, 1), Some(file), now_and_then).unwrap();
    let gone = |_| async { Err(Trouble::Away("connection refused".to_owned())) };
    let reason = programs(&budget(1_000, 1), Some(file), gone).expect_err("it is never there");
    assert!(reason.starts_with("given up") && reason.ends_with("connection refused"), "{reason}");
    assert!(!folder.path().join("kept.txt").exists());
}

fn together(flaw: Option<Flaw>, operations: u64) -> Result<u64, String> {
    let open = || async move {
        let double = flaw.map_or_else(Double::honest, Double::with);
        Ok(vec![Arc::new(double) as Arc<dyn System>])
    };
    rounds(&budget(operations, 1), Setting::default(), open, || async {})
}

#[test]
fn an_honest_system_passes_with_several_callers() {
    assert!(together(None, 4_000).unwrap() >= 4_000);
}

#[test]
fn every_flaw_that_takes_several_callers_is_found() {
    for flaw in Flaw::TOGETHER {
        together(Some(*flaw), 20_000).expect_err(&format!("{flaw:?} is not found"));
    }
}

/// The start of a round is checked as well.
#[tokio::test]
async fn a_round_starts_with_answers_of_the_model() {
    let round = start(&Double::honest(), Round::default()).await.unwrap();
    assert_eq!(round.desk.products().len(), 2);
}

/// Counts how calls were answered, by command and by answer or refusal.
struct Counting<'a>(Double, &'a Mutex<BTreeMap<String, u32>>);

/// The name of a variant.
fn variant(value: &dyn std::fmt::Debug) -> String {
    format!("{value:?}").split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

#[async_trait]
impl System for Counting<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn wait(&self, millis: i64) {
        self.0.wait(millis);
    }
    async fn call(&self, call: &Call) -> Answer {
        let answer = self.0.call(call).await;
        let told = match &answer {
            Answer::Refused(refusal) => {
                let fields = refusal.fields.iter().map(|(_, code, _)| format!(" {code}"));
                format!("{}{}", refusal.code, fields.collect::<String>())
            }
            answer => variant(answer),
        };
        *self.1.lock().unwrap().entry(format!("{} {told}", variant(&call.command))).or_default() += 1;
        answer
    }
    async fn end_state(&self) -> Result<EndState, String> {
        self.0.end_state().await
    }
}

/// Programs at random meet what is worth meeting, often enough.
#[test]
fn programs_meet_every_refusal() {
    let counts = Mutex::default();
    let counted = &counts;
    programs(
        &budget(20_000, 2),
        None,
        |steps| async move { sequence(&Counting(Double::honest(), counted), &steps).await },
    )
    .unwrap();
    let counts = counts.into_inner().unwrap();
    println!("{counts:#?}");
    for wanted in [
        "Register User",
        "Register email_taken",
        "LogIn LoggedIn",
        "LogIn invalid_credentials",
        "Authenticate Principal",
        "Authenticate invalid_token",
        "GetProfile User",
        "GetProfile not_found",
        "CreateProduct Product",
        "CreateProduct sku_taken",
        "CreateProduct idempotency_key_reused",
        "CreateProduct validation_failed invalid_sku",
        "ChangeProduct Product",
        "ChangeProduct precondition_failed",
        "ChangeProduct precondition_required",
        "ChangeProduct sku_taken",
        "ArchiveProduct Done",
        "ArchiveProduct not_found",
        "SetStock StockSet",
        "SetStock precondition_failed",
        "SetStock stock_below_reserved",
        "SetStock validation_failed out_of_range",
        "GetProduct not_found",
        "GetStock Stock",
        "ListProducts Products",
        "ListOrders Orders",
        "PlaceOrder Order",
        "PlaceOrder insufficient_stock insufficient_stock",
        "PlaceOrder validation_failed unknown_product",
        "PlaceOrder validation_failed currency_mismatch",
        "PlaceOrder validation_failed out_of_range",
        "PlaceOrder validation_failed too_few",
        "PlaceOrder idempotency_key_reused",
        "PlaceOrder unauthenticated",
        "PlaceOrder forbidden",
        "CancelOrder Order",
        "CancelOrder not_found",
        "CancelOrder idempotency_key_reused",
        "GetOrder Order",
        "GetOrder not_found",
        "SweepExpired Swept",
    ] {
        let count = counts.get(wanted).copied().unwrap_or(0);
        assert!(count >= 5, "{wanted} was met {count} times");
    }
}
