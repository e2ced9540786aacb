//! Tests of the mails about orders, with mocks only.

use super::{send_mail_tests::Given, *};
use crate::{
    events::{EventHandler, EventsMocks, EventsTx, Handling, PlacedEvent},
    identity::{MockUserQueries, UserView},
    jobs::{JobHandler, JobPolicy, JobRun, Outcome, WorkerLink},
    kernel::{Actor, Clock as _, OutboxEvent, StoreError},
    ordering::{MockOrderQueries, OrderView},
    testing::*,
};
use serde_json::{Value, json};
use skep_domain::{
    events::EventPosition,
    jobs::{Job, NewJob, Priority, Progress, Retry},
    notifications::MailKind,
    ordering::{
        Order,
        events::{OrderCancelled, OrderExpired, OrderPaid, OrderPlaced},
    },
    shared::{Event as _, EventId, LeaseToken, Timestamp, Version},
};
use std::sync::Arc;
use uuid::Uuid;

const OF_ORDERS: [MailKind; 3] = [MailKind::OrderPlaced, MailKind::OrderCancelled, MailKind::OrderExpired];

fn mail(kind: MailKind) -> OrderMail {
    OrderMail { kind, event_id: EventId::new(Uuid::from_u128(7)), order_id: order_id(1) }
}

fn an_order() -> Order {
    let mut order = order(1, user_id(1), &[(&product(1, eur(600)), 2)]);
    order.expires_at = Some("2026-01-31T18:00:59Z".parse().unwrap());
    order
}

/// What the store has.
struct Rows {
    order: Option<Order>,
    has_customer: bool,
    is_away: bool,
}

const ALL: fn() -> Rows = || Rows { order: Some(an_order()), has_customer: true, is_away: false };

fn sender(given: &Given, rows: Rows) -> Arc<SendOrderMail> {
    let Rows { order, has_customer, is_away } = rows;
    let (mut orders, mut users) = (MockOrderQueries::new(), MockUserQueries::new());
    orders.expect_find_order().returning(move |_, id| match is_away {
        true => Err(away()),
        false => Ok(order.as_ref().filter(|order| order.id == id).map(OrderView::from)),
    });
    users.expect_find_user().returning(move |_, id| Ok(has_customer.then(|| UserView { id, ..(&ada()).into() })));
    let (orders, users) = (Arc::new(orders), Arc::new(users));
    Arc::new(SendOrderMail::new(orders, users, Arc::new(given.send_mail()), &MailPolicy::default()))
}

/// The names of the fields, and of those of the first item of each list.
fn fields(value: &Value) -> Value {
    match value {
        Value::Object(fields_of) => fields_of.iter().map(|(name, value)| (name.clone(), fields(value))).collect(),
        Value::Array(items) => items.iter().take(1).map(fields).collect(),
        Value::String(_) => json!("text"),
        _ => json!("number"),
    }
}

#[tokio::test]
async fn the_mail_goes_to_the_customer_and_has_the_key_of_the_event() {
    for kind in OF_ORDERS {
        let given = Given::default();
        let outcome = sender(&given, ALL()).execute(&Actor::system("job-1"), mail(kind)).await.unwrap();
        assert_eq!(outcome, Some(MailOutcome::Sent));
        let [sent] = &given.sent()[..] else { panic!("one mail") };
        assert_eq!(sent.to.to_string(), ADDRESS);
        assert_eq!(sent.key.as_str(), format!("{}.{}", kind.name(), Uuid::from_u128(7)));
    }
}

#[tokio::test]
async fn the_data_of_each_kind_has_the_fields_that_templates_may_use() {
    let order = OrderView::from(&an_order());
    let customer = UserView::from(&ada());
    for kind in OF_ORDERS {
        assert_eq!(fields(&order_mails::data(kind, &order, &customer)), fields(&sample_data(kind)), "{kind:?}");
    }
    let line = json!({ "name": product(1, eur(600)).name.as_str(), "quantity": 2, "total": "12.00 EUR" });
    let total = "12.00 EUR";
    let data = json!({
        "customer": { "name": NAME },
        "order": { "number": order.number.as_str(), "total": total, "lines": [line], "pay_until": "2026-01-31 18:00 UTC" },
    });
    assert_eq!(order_mails::data(MailKind::OrderPlaced, &order, &customer), data);
}

#[tokio::test]
async fn a_mail_without_an_order_fails_an_erased_customer_gets_none_and_a_store_that_is_away_delays_it() {
    let given = Given::default();
    for (rows, outcome) in [
        (Rows { order: None, ..ALL() }, Some(MailOutcome::failed("the order is gone"))),
        (Rows { has_customer: false, ..ALL() }, None),
        (Rows { is_away: true, ..ALL() }, Some(MailOutcome::later(away(), None))),
    ] {
        let sent = sender(&given, rows).execute(&Actor::system("job-1"), mail(MailKind::OrderPlaced)).await;
        assert_eq!(sent.unwrap(), outcome);
    }
    assert!(given.sent().is_empty());
    assert!(sender(&given, ALL()).execute(&user(1), mail(MailKind::OrderPlaced)).await.is_err(), "customers may not");
}

struct Worker;

impl WorkerLink for Worker {
    fn report(&self, _: Progress) {}
    fn should_stop(&self) -> bool {
        false
    }
}

/// What the handler makes of this answer of the mail server.
async fn handled(given: Given) -> Result<Outcome, Retry> {
    handled_after(given, 0).await
}

/// The same for a job that was stored so many milliseconds ago.
async fn handled_after(given: Given, millis: i64) -> Result<Outcome, Retry> {
    handled_with(given, millis, ALL()).await
}

async fn handled_with(given: Given, millis: i64, rows: Rows) -> Result<Outcome, Retry> {
    let mut job = job(1);
    job.created_at = fixed_runtime().1.now().plus_millis(-millis);
    assert!(job.claim(LeaseToken::new(Uuid::from_u128(1)), Timestamp::MIN));
    let handler = OrderMailHandler::new(sender(&given, rows), fixed_runtime().0);
    let run = JobRun::of(job, Arc::new(Worker)).unwrap();
    JobHandler::run(&handler, &run, mail(MailKind::OrderExpired)).await.map_err(|error| error.retry)
}

#[tokio::test]
async fn a_job_is_done_fails_for_good_waits_or_is_tried_again() {
    assert_eq!(handled(Given::default()).await, Ok(Outcome::Complete(None)));
    let erased = Rows { has_customer: false, ..ALL() };
    assert_eq!(handled_with(Given::default(), 0, erased).await, Ok(Outcome::Complete(None)));
    let refused = || Err(MailError::Refused(ServerWords::of("550 no such user")));
    assert_eq!(handled(Given::answering(refused)).await, Err(Retry::Never));
    let away = || Err(MailError::unavailable("451 later"));
    assert_eq!(handled(Given::answering(away)).await, Err(Retry::Later));
    let Ok(Outcome::Snooze(until)) = handled(Given::limited("mail:all")).await else {
        panic!("a rate that is reached does not count as an attempt")
    };
    let now = fixed_runtime().1.now().as_millis();
    let a_day = 24 * 60 * 60 * 1_000;
    assert_eq!(
        handled_after(Given::limited("mail:all"), a_day + 1).await,
        Err(Retry::Never),
        "it has waited for a day"
    );
    assert!((7_000..=67_000).contains(&(until.as_millis() - now)), "{until}");
}

/// The first event of the log.
pub(super) fn placed(name: &str, aggregate_id: Uuid, payload: &Value) -> PlacedEvent {
    let event = OutboxEvent {
        id: EventId::new(Uuid::from_u128(7)),
        name: name.to_owned(),
        aggregate_id,
        aggregate_version: Version::FIRST,
        actor_id: None,
        impersonator_id: None,
        request_id: "request-1".to_owned(),
        traceparent: None,
        occurred_at: Timestamp::MIN,
        payload: payload.to_string(),
    };
    PlacedEvent { position: EventPosition::START.next(), event }
}

/// The job that an event with this name makes while so many mails wait for its customer.
async fn job_of(name: &str, waiting: u64) -> Option<Job> {
    let (runtime, seen) = (fixed_runtime().0, Seen::default());
    let mut unit: MockUnit<EventsMocks> = seen.looking();
    let noted = seen.clone();
    unit.jobs.expect_insert().returning(move |job| {
        noted.note("jobs.insert", std::slice::from_ref(job));
        Ok::<_, StoreError>(None)
    });
    unit.jobs.expect_count_waiting().returning(move |owner, _, bound| {
        assert_eq!(owner, user_id(1));
        Ok(waiting.min(bound.into()))
    });
    let placed = placed(name, order_id(1).uuid(), &json!({ "customer_id": user_id(1) }));
    let handling = Handling { actor: Actor::system("request-1"), now: Timestamp::MIN, runtime: &runtime };
    let tx: &mut dyn EventsTx = &mut unit;
    OrderMails::new(&MailPolicy::default(), &JobPolicy::default()).handle(tx, &placed, &handling).await.unwrap();
    seen.all("jobs.insert").pop()
}

#[tokio::test]
async fn each_event_of_an_order_stores_one_job() {
    for (name, kind) in [
        (OrderPlaced::NAME, Some(MailKind::OrderPlaced)),
        (OrderCancelled::NAME, Some(MailKind::OrderCancelled)),
        (OrderExpired::NAME, Some(MailKind::OrderExpired)),
        (OrderPaid::NAME, None),
    ] {
        assert_eq!(OrderMails::EVENTS.contains(&name), kind.is_some());
        let job = job_of(name, 0).await;
        let Some(kind) = kind else {
            assert_eq!(job, None);
            continue;
        };
        let job = job.unwrap();
        let NewJob { kind: expected, .. } = crate::jobs::job_for::<OrderMailHandler>(&mail(kind)).unwrap();
        assert_eq!((&job.kind, job.queue.as_str(), job.owner_id), (&expected, "mails", Some(user_id(1))));
        assert_eq!(serde_json::from_str::<OrderMail>(job.args.as_str()).unwrap(), mail(kind));
        assert_eq!(job.origin.request_id, "request-1");
    }
}

/// The event is handled in each case, so no order waits for a mail.
#[tokio::test]
async fn a_customer_with_many_waiting_mails_gets_further_ones_last_and_then_none() {
    let (at_once, most) = (MailPolicy::default().per_recipient.burst, JobPolicy::default().waiting_per_user);
    for (waiting, priority) in [
        (0, Some(Priority::default())),
        (at_once - 1, Some(Priority::default())),
        (at_once, Some(Priority::LAST)),
        (most - 1, Some(Priority::LAST)),
        (most, None),
        (most + 1, None),
    ] {
        let job = job_of(OrderPlaced::NAME, waiting.into()).await;
        assert_eq!(job.map(|job| job.priority), priority, "{waiting} wait");
    }
}
