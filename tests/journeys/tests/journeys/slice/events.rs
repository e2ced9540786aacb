//! Events, their subscribers and what they hold back. The subscriber of the program stores a job for each mail.

use super::{Context, Thing};
use crate::{
    Journey,
    shop::{ORDERS, Shop, all, basket, email, id_of, pages},
};
use serde_json::{Value, json};
use skep::{Skep, config::Config};
use skep_application::{
    events::EventsTx,
    kernel::{Begin, Clock, Runtime, TxMode},
};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldEventId, HeldState, SubscriptionId},
    shared::{EventId, Timestamp},
};
use skep_journeys::{Client, Deployment, Store, wait_for};
use std::{fs, path::PathBuf, sync::Arc, time::Duration};

const EVENTS: &str = "/api/v1/events";
const SUBSCRIBERS: &str = "/api/v1/events/subscribers";
const PARKED: &str = "/api/v1/events/parked";
const REPLAY: &str = "/api/v1/events/replay";
const ORDER_MAILS: &str = "notifications.order_mails";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::events", the_log_is_read_in_its_order),
        Journey::new("slice::events_by_strangers", invalid_and_forbidden_calls_are_refused),
        Journey::new("slice::events_at_the_command_line", the_command_line_does_the_same),
        Journey::new("slice::parked_events", a_parked_event_is_retried_and_skipped),
        Journey::new("slice::order_mails", an_order_is_followed_by_mails_which_a_replay_sends_again),
    ],
    things: &[
        Thing {
            collection: EVENTS,
            parts: &[],
            is_busy: true,
            make: |shop, _, _| id_of(&first_event(&shop.admin)).to_owned(),
        },
        Thing { collection: SUBSCRIBERS, parts: &[], is_busy: true, make: |shop, _, _| order_mails(&shop.admin) },
        Thing { collection: PARKED, parts: &[], is_busy: false, make: |shop, _, _| parked(shop) },
    ],
    unique: &[],
    bodies: &[("start_replay", |_| json!({ "subscriber": ORDER_MAILS, "dry_run": true }))],
};

#[track_caller]
fn first_event(admin: &Client) -> Value {
    wait_for("an event", || {
        let events = admin.get(format!("{EVENTS}?limit=1")).send().ok().json();
        events["data"].get(0).cloned()
    })
}

/// Waits until the workers have opened the subscription, and returns its id.
#[track_caller]
fn order_mails(admin: &Client) -> String {
    let is_open = |one: &Value| one["name"] == ORDER_MAILS && one["replay_until"].is_null();
    wait_for("the subscriber", || all(admin, SUBSCRIBERS).iter().find(|one| is_open(one)).map(subscription_of))
}

fn subscription_of(subscriber: &Value) -> String {
    subscriber["subscription_id"].as_str().expect("an id").to_owned()
}

/// The id of a parked event. No subscriber of the program fails, so this stores some for subscriptions without a subscriber.
fn parked(shop: &Shop) -> String {
    if all(&shop.admin, PARKED).is_empty() {
        let event = first_event(&shop.admin);
        store_parked(&shop.deployment, id_of(&event).parse().expect("an id"));
    }
    id_of(&all(&shop.admin, PARKED)[0]).to_owned()
}

fn store_parked(deployment: &Deployment, event_id: EventId) {
    within(deployment, async |skep| {
        let ports = &skep.app.ports;
        let entry = |_| {
            let (id, subscription) = (HeldEventId::new(ports.runtime.ids.next()), ports.runtime.ids.next());
            let (event, aggregate) = ((event_id, EventPosition::START.next()), ports.runtime.ids.next());
            let now = ports.runtime.clock.now();
            let held = HeldEvent::waiting(id, SubscriptionId::new(subscription), event, aggregate, now);
            HeldEvent { state: HeldState::Parked, attempt: 10, message: "unlucky\n".to_owned(), ..held }
        };
        let entries: Vec<_> = (0..40).map(entry).collect();
        let mut unit = Begin::<dyn EventsTx>::begin(&*ports.store, TxMode::Write, &[]).await.expect("a unit");
        unit.deliveries().hold(&entries).await.expect("they are stored");
        unit.commit().await.expect("they are stored");
    });
}

/// Works with an instance of this process in the deployment.
fn within(deployment: &Deployment, work: impl AsyncFnOnce(&Skep)) {
    let config = Config::from_variables(deployment.settings()).expect("a configuration");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let skep = Skep::builder().config(config).start().await.expect("an instance");
        work(&skep).await;
        skep.close().await;
    });
}

/// Reads all events, a few at a time.
#[track_caller]
fn log(admin: &Client) -> Vec<Value> {
    let (mut events, mut next) = (vec![], Some(format!("{EVENTS}?limit=3")));
    while let Some(target) = next {
        let page = admin.get(target).send().ok().json();
        events.extend(page["data"].as_array().expect("events").iter().cloned());
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    events
}

fn the_log_is_read_in_its_order(store: &Store) {
    let shop = Shop::open(store);
    let (ada, honey) = (shop.user("ada"), shop.product("HONEY", 1999, 10));
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let placed = ada.post(ORDERS).header("traceparent", traceparent).json(basket(&[(&honey, 1)])).send().expect(201);
    let order = placed.text("/id");
    ada.post(format!("{ORDERS}/{order}/cancel")).send().expect(200);
    let of_order = || log(&shop.admin).into_iter().filter(|event| event["subject"] == json!(order)).collect::<Vec<_>>();
    let events = wait_for("the events of the order", || Some(of_order()).filter(|events| events.len() == 2));
    let placed = &events[0];
    let expected = json!({
        "specversion": "1.0", "type": "ordering.order_placed.v1", "source": "skep", "datacontenttype": "application/json",
        "aggregateversion": "1", "partitionkey": order, "subject": order,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(placed[name], *value, "{name} of {placed}");
    }
    assert_eq!(placed["data"]["order_id"], json!(order));
    assert!(
        placed["traceparent"].as_str().is_some_and(|trace| trace.contains("0af7651916cd43dd8448eb211c80319c")),
        "{placed}"
    );
    assert_eq!(
        (&events[1]["type"], &events[1]["aggregateversion"]),
        (&json!("ordering.order_cancelled.v1"), &json!("2"))
    );
    let got = shop.admin.get(format!("{EVENTS}/{}", id_of(placed))).send().expect(200);
    assert_eq!(got.json(), *placed);
    let number =
        |event: &Value| event["position"].as_str().and_then(|text| text.parse::<i64>().ok()).expect("a position");
    let positions: Vec<_> = log(&shop.admin).iter().map(number).collect();
    assert!(positions.iter().zip(1..).all(|(position, expected)| *position == expected), "{positions:?}");
    let after = number(placed);
    let rest = shop.admin.get(format!("{EVENTS}?after={after}&limit=1")).send().ok();
    assert_eq!((rest.text("/data/0/position"), rest.number("/log/deleted")), ((after + 1).to_string(), 0));
    let end = shop.admin.get(format!("{EVENTS}?after=1000000")).send().ok().json();
    assert_eq!((&end["data"], &end["links"]["next"]), (&json!([]), &Value::Null));
    shop.server.stop();
}

fn invalid_and_forbidden_calls_are_refused(store: &Store) {
    let shop = Shop::open(store);
    let (visitor, ada, admin) = (shop.server.visitor(), shop.user("ada"), &shop.admin);
    let (event, entry) = (id_of(&first_event(admin)).to_owned(), parked(&shop));
    let subscription = format!("{SUBSCRIBERS}/{}", order_mails(admin));
    let entry = format!("{PARKED}/{entry}");
    for target in [EVENTS, &format!("{EVENTS}/{event}"), SUBSCRIBERS, &subscription, PARKED, &entry] {
        visitor.get(target).send().refused(401, "unauthenticated");
        ada.get(target).send().refused(403, "forbidden");
    }
    visitor.delete(&subscription).send().refused(401, "unauthenticated");
    ada.delete(&subscription).send().refused(403, "forbidden");
    admin.delete(&subscription).send().refused(409, "subscriber_in_use");
    for change in &[format!("{entry}/retry"), format!("{entry}/skip"), format!("{subscription}/resume")] {
        visitor.post(change).send().refused(401, "unauthenticated");
        ada.post(change).send().refused(403, "forbidden");
    }
    let replay = json!({ "subscriber": ORDER_MAILS });
    visitor.post(REPLAY).json(replay.clone()).send().refused(401, "unauthenticated");
    ada.post(REPLAY).json(replay).send().refused(403, "forbidden");
    for query in ["after=-1", "after=x", "after=", "after=99999999999999999999", "limit=0", "limit=101", "cursor=a"] {
        admin.get(format!("{EVENTS}?{query}")).send().refused(400, "invalid_parameter");
    }
    admin.get(format!("{PARKED}?state=lucky")).send().refused(400, "invalid_parameter");
    admin.delete(format!("{SUBSCRIBERS}/{}", id_of(&first_event(admin)))).send().refused(404, "not_found");
    for unknown in [format!("{EVENTS}/nope"), format!("{PARKED}/nope"), format!("{SUBSCRIBERS}/{ORDER_MAILS}")] {
        admin.get(unknown).send().refused(404, "not_found");
    }
    for unknown in
        [format!("{PARKED}/nope/retry"), format!("{PARKED}/nope/skip"), format!("{SUBSCRIBERS}/{ORDER_MAILS}/resume")]
    {
        admin.post(unknown).send().refused(404, "not_found");
    }
    for (body, pointer, code) in [
        (json!({ "subscriber": "shop.unknown" }), "/subscriber", "unknown_subscriber"),
        (json!({ "subscriber": "A" }), "/subscriber", "unknown_subscriber"),
        (json!({ "subscriber": ORDER_MAILS, "after": -1 }), "/after", "out_of_range"),
        (json!({ "subscriber": ORDER_MAILS, "after_time": "today" }), "/after_time", "invalid_time"),
        (
            json!({ "subscriber": ORDER_MAILS, "after": 1, "after_time": "2026-01-01T00:00:00Z" }),
            "/after_time",
            "invalid_value",
        ),
    ] {
        admin.post(REPLAY).json(body).send().refused(422, "validation_failed").at(pointer, code);
    }
    assert!(all(admin, SUBSCRIBERS).iter().all(|one| one["replay_until"].is_null()), "nothing was started");
    shop.server.stop();
}

fn a_parked_event_is_retried_and_skipped(store: &Store) {
    let shop = Shop::open(store);
    let (admin, id) = (&shop.admin, parked(&shop));
    assert!(pages(admin, &format!("{PARKED}?limit=15")).len() >= 2);
    assert!(all(admin, &format!("{PARKED}?state=waiting")).is_empty());
    let at = format!("{PARKED}/{id}");
    let entry = admin.get(&at).send().expect(200);
    assert_eq!(
        (entry.text("/state"), entry.number("/attempt"), entry.etag()),
        ("parked".to_owned(), 10, "\"1\"".to_owned())
    );
    admin.get(entry.text("/links/event")).send().expect(200);
    admin.post(format!("{at}/retry")).if_match("\"9\"").send().refused(412, "precondition_failed");
    let retry = || admin.post(format!("{at}/retry")).key("again").if_match("\"1\"").send().expect(200);
    let retried = retry();
    let seen = (retried.text("/state"), retried.number("/attempt"), retried.etag());
    assert_eq!(seen, ("retryable".to_owned(), 0, "\"2\"".to_owned()));
    assert_eq!(retry().body, retried.body, "the key is known");
    assert_eq!(all(admin, &format!("{PARKED}?state=retryable")).len(), 1);
    admin.post(format!("{at}/skip")).if_match("\"1\"").send().refused(412, "precondition_failed");
    admin.post(format!("{at}/skip")).if_match("\"2\"").send().expect(204);
    admin.get(&at).send().refused(404, "not_found");
    admin.post(format!("{at}/skip")).send().refused(404, "not_found");
    shop.server.stop();
}

fn the_command_line_does_the_same(store: &Store) {
    let shop = Shop::open(store);
    let (event, entry) = (id_of(&first_event(&shop.admin)).to_owned(), parked(&shop));
    order_mails(&shop.admin);
    let events = |arguments: &[&str]| shop.deployment.run(&[&["events"], arguments].concat(), "", &[]);
    let listed = events(&["list", "--limit", "1"]).ok();
    assert!(listed.lines().count() == 2 && listed.starts_with("position") && listed.contains(&event), "{listed}");
    let shown: Value = serde_json::from_str(&events(&["show", &event]).ok()).expect("json");
    assert_eq!(shown, shop.admin.get(format!("{EVENTS}/{event}")).send().ok().json());
    let subscribers = events(&["subscribers"]).ok();
    assert!(subscribers.lines().any(|line| line.starts_with(ORDER_MAILS) && line.contains("active")), "{subscribers}");
    assert!(events(&["parked", "--limit", "100"]).ok().contains(&entry));
    assert!(events(&["retry", &entry]).ok().contains("is retryable"));
    assert!(events(&["parked", "--state", "retryable"]).ok().contains(&entry));
    assert!(events(&["skip", &entry]).ok().contains("is not delivered"));
    events(&["skip", &entry]).refused(&["held event"]);
    assert!(events(&["replay", ORDER_MAILS, "--dry-run"]).ok().contains("nothing was started"));
    events(&["replay", ORDER_MAILS, "--after-time", "today"]).refused(&["--after-time"]);
    events(&["replay", "shop.unknown"]).refused(&["subscriber: there is no such subscriber"]);
    let subscription = order_mails(&shop.admin);
    assert!(events(&["subscribers"]).ok().contains(&subscription));
    assert!(events(&["resume", &subscription]).ok().contains("is active"));
    events(&["delete", &subscription]).refused(&["only its replays can be deleted"]);
    shop.server.stop();
}

/// A clock that is two minutes ahead.
struct Ahead(Arc<dyn Clock>);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.0.now().plus_millis(120_000)
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

/// Ends the orders that were to be paid within a minute, as the sweep of an instance does whose clock is ahead.
fn end_unpaid_orders(deployment: &Deployment) {
    within(deployment, async |skep| {
        let clock = Arc::new(Ahead(skep.app.ports.runtime.clock.clone()));
        let runtime = Runtime { clock, ..skep.app.ports.runtime.clone() };
        let config = Config::from_variables(deployment.settings()).expect("a configuration");
        let ahead = Skep::builder().config(config).runtime(runtime).start().await.expect("an instance");
        ahead.app.sweep_expired.execute().await.expect("a sweep");
        ahead.close().await;
    });
}

/// The mails in the data folder, by name.
fn mails(deployment: &Deployment) -> Vec<PathBuf> {
    let files = fs::read_dir(deployment.path("data").join("mail")).into_iter().flatten();
    let files = files.map(|file| file.expect("a file").path());
    let mut mails: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "eml")).collect();
    mails.sort();
    mails
}

/// Waits for so many mails, of which one is of this kind, and returns its text.
#[track_caller]
fn mail_of(deployment: &Deployment, kind: &str, count: usize) -> String {
    wait_for(&format!("a mail of the kind {kind}"), || {
        let found = Some(mails(deployment)).filter(|found| found.len() == count)?;
        let is_of = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(kind));
        fs::read_to_string(found.iter().find(is_of)?).ok()
    })
}

fn an_order_is_followed_by_mails_which_a_replay_sends_again(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_ORDER_LIFETIME", "60");
    let shop = Shop::open_on(deployment);
    order_mails(&shop.admin);
    let (ada, honey) = (shop.user("ada"), shop.product("HONEY", 1999, 10));
    let order = || ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201).json();
    let first = order();
    let mail = mail_of(&shop.deployment, "order_placed", 1);
    let number = first["number"].as_str().expect("a number");
    assert!(mail.contains(&email("ada")) && mail.contains(number), "{mail}");
    ada.post(format!("{ORDERS}/{}/cancel", id_of(&first))).send().expect(200);
    mail_of(&shop.deployment, "order_cancelled", 2);
    order();
    mail_of(&shop.deployment, "order_placed", 3);

    // After a restart, the mails that were sent before are not sent again.
    let Shop { server, admin, deployment } = shop;
    server.stop();
    let before = mails(&deployment);
    before.iter().for_each(|path| fs::remove_file(path).expect("it is deleted"));
    let server = deployment.start();
    let admin = server.known(&admin);
    end_unpaid_orders(&deployment);
    mail_of(&deployment, "order_expired", 1);

    let dry = admin.post(REPLAY).json(json!({ "subscriber": ORDER_MAILS, "dry_run": true })).send().expect(200);
    assert!(dry.json()["subscription_id"].is_null() && dry.number("/events") >= 4, "{dry:?}");
    let replay =
        || admin.post(REPLAY).key("all").json(json!({ "subscriber": ORDER_MAILS, "after": 0 })).send().expect(200);
    let started = replay();
    assert_eq!(replay().body, started.body, "the key is known");
    mail_of(&deployment, "order_cancelled", 4);
    assert!(before.iter().all(|path| path.exists()), "a mail that is sent again has its key again");
    let of_replay = |one: &&Value| one["subscription_id"] == started.json()["subscription_id"];
    let state = || all(&admin, SUBSCRIBERS).iter().find(of_replay).map(|one| one["state"].clone());
    wait_for("the end of the replay", || state().filter(|state| *state == json!("finished")));
    let replay = format!("{SUBSCRIBERS}/{}", subscription_of(&started.json()));
    let tag = admin.get(&replay).send().expect(200).etag();
    admin.post(format!("{replay}/resume")).if_match(&tag).send().expect(200);
    admin.delete(&replay).if_match("\"999\"").send().refused(412, "precondition_failed");
    admin.delete(&replay).if_match(&tag).send().expect(204);
    admin.get(&replay).send().refused(404, "not_found");
    assert_eq!(state(), None);
    server.stop();
}
