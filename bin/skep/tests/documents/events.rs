//! `docs/events.md`, and a JSON Schema of each event in `docs/events/`.

use super::{assert_document, links, refresh, root, scanned};
use http::Request;
use serde_json::{Map, Value, json};
use skep::testing::{PASSWORD, TestKit};
use skep_application::{
    events::{EventHandler, EventsTx, HandlerError, Handling, HeldSort, HeldSortKey, PlacedEvent, Subscribers},
    identity::IdentityTx,
    kernel::{Actor, Begin, Clock as _, PageRequest, TxMode},
};
use skep_domain::{
    events::{HeldState, SubscriberName},
    jobs::{JobArgs, JobKind, NewJob, QueueName},
    shared::{Direction, EventDescription, Field, Kind, UserId},
};
use std::{collections::BTreeSet, fmt::Write as _, fs, time::Duration};

const INTRODUCTION: &str = "# Events

An event is stored in the outbox together with the change that it reports: both are stored, or neither is. A moment later it gets its position in the log, and is delivered to the subscribers that want it ([background work](guides/background-work.md)). It is kept for 7 days (`SKEP_EVENT_DAYS`), and longer while a subscriber has not passed it or holds it back. This page is generated from the declarations in `domain/src/*/events.rs`: `SKEP_BLESS=1 cargo test -p skep` rewrites it.

- A payload always has all of its fields and no others.
- A payload has identifiers, and never an e-mail address, a name or a postal address, so that the data of a person can be deleted.
- A published event never changes. A payload with another shape is a new event, whose name ends in the next version.

Each event has a JSON Schema (draft 2020-12) of its payload.

## The envelope

`/api/v1/events` and `skep events show` show an event in the JSON format of [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md):

| attribute | value |
| --- | --- |
| `specversion` | `1.0` |
| `id` | the id of the event; a consumer that has seen it ignores the event |
| `source` | the deployment: `PUBLIC_URL`, or the issuer of access tokens (`skep`) without it |
| `type` | the name of the event, with its version |
| `subject` | the id of the aggregate that has changed |
| `time` | the time of the change |
| `datacontenttype` | `application/json` |
| `data` | the payload |
| `partitionkey` | the id of the aggregate: its events are delivered in their order |
| `aggregateversion` | the version of the aggregate after the change, a whole number as text |
| `position` | the place in the log, a whole number as text: an event that is read later never has a lower one |
| `traceparent` | the W3C trace context of the request; absent if it had none |
| `requestid` | the id of the request |
| `actorid` | the account that caused the event; absent if none did |
| `impersonatorid` | the account that acted as `actorid`; absent if none did |

Integers of CloudEvents have 32 bits, so the two numbers are text.

## Names in guides

| name in guides | in Skep |
| --- | --- |
";

/// The names of events in the guides, the event that each one means, if there is one, and what else there is to say.
const IN_GUIDES: &[(&str, Option<&str>, &str)] = &[
    ("user:registered", Some("identity.user_registered.v1"), ""),
    ("data:created", None, "not built yet: it comes with collections. Products have `catalog.product_created.v1`."),
    ("file:uploaded", Some("files.file_uploaded.v1"), ""),
    (
        "notification:send",
        None,
        "not an event but a job of the kind `notifications.order_mail`. The subscriber `notifications.order_mails` stores \
         one for each order that is placed, cancelled or expires.",
    ),
];

/// The kind of a field in words.
fn words(kind: Kind) -> String {
    match kind {
        Kind::Id => "UUID".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::OneOf(names) => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        Kind::Integer => "whole number".to_owned(),
        Kind::Boolean => "`true` or `false`".to_owned(),
        Kind::Currency => "ISO 4217 code".to_owned(),
        Kind::Money => "money: `amount` in minor units, and `currency`".to_owned(),
        Kind::Time => "time (RFC 3339, UTC, milliseconds)".to_owned(),
        Kind::List(of) => format!("list of: {}", words(*of)),
        Kind::Object(_) => "object".to_owned(),
        Kind::Optional(of) => format!("{}, or `null`", words(*of)),
    }
}

fn schema(kind: Kind) -> Value {
    match kind {
        // Its own pattern, because not every validator checks a format.
        Kind::Id => json!({
            "type": "string",
            "format": "uuid",
            "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        }),
        Kind::Text => json!({ "type": "string" }),
        Kind::OneOf(names) => json!({ "type": "string", "enum": names }),
        Kind::Integer => json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Currency => json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
        Kind::Money => object(&[("amount", schema(Kind::Integer)), ("currency", schema(Kind::Currency))]),
        Kind::Time => json!({
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$",
        }),
        Kind::List(of) => json!({ "type": "array", "items": schema(*of) }),
        Kind::Object(fields) => object(&fields.iter().map(property).collect::<Vec<_>>()),
        Kind::Optional(of) => json!({ "anyOf": [schema(*of), { "type": "null" }] }),
    }
}

fn property(field: &Field) -> (&'static str, Value) {
    let mut schema = schema(field.kind);
    schema["description"] = json!(field.doc);
    (field.name, schema)
}

/// A closed object whose members are all required.
fn object(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
}

fn schema_of(event: &EventDescription) -> Value {
    let mut schema = schema(Kind::Object(event.fields));
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(event.name);
    schema["description"] = json!(event.doc);
    schema
}

fn path_of(event: &EventDescription) -> String {
    format!("docs/events/{}.schema.json", event.name)
}

/// The rows of these fields, those of objects within them behind their own.
fn rows(text: &mut String, fields: &[Field], within: &str) {
    for field in fields {
        let name = format!("{within}{}", field.name);
        let _ = writeln!(text, "| `{name}` | {} | {} |", words(field.kind), field.doc);
        match field.kind {
            Kind::Object(fields) => rows(text, fields, &format!("{name}.")),
            Kind::List(Kind::Object(fields)) => rows(text, fields, &format!("{name}[].")),
            _ => {}
        }
    }
}

#[test]
fn the_events() {
    let mut text = INTRODUCTION.to_owned();
    for (name, event, meaning) in IN_GUIDES {
        let event = event.map_or_else(String::new, |event| {
            assert!(skep_domain::events().any(|known| known.name == event), "{event} does not exist");
            format!("the event `{event}`")
        });
        let _ = writeln!(text, "| `{name}` | {event}{meaning} |");
    }
    for event in skep_domain::events() {
        let EventDescription { name, doc, aggregate, fields } = event;
        let _ = write!(text, "\n## {name}\n\n{doc}\n\n");
        let _ = write!(text, "The aggregate is `{aggregate}`. Schema: [{name}](events/{name}.schema.json).\n\n");
        text.push_str("| field | value | meaning |\n| --- | --- | --- |\n");
        rows(&mut text, fields, "");
    }
    assert_document("docs/events.md", &text);
    for event in skep_domain::events() {
        let schema = serde_json::to_string_pretty(&schema_of(event)).unwrap();
        assert_document(&path_of(event), &(schema + "\n"));
    }
}

#[test]
fn no_schema_is_left_over() {
    if std::env::var_os("SKEP_BLESS").is_some() {
        return; // The other test writes them meanwhile.
    }
    let known: BTreeSet<String> = skep_domain::events().map(path_of).collect();
    let files = fs::read_dir(root().join("docs/events")).unwrap().map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<String> = files.map(|name| format!("docs/events/{}", name.to_string_lossy())).collect();
    assert_eq!(files, known);
}

/// The faults of a value, by the keywords of our schemas. An unknown keyword is a fault.
fn faults(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = vec![];
    for (keyword, rule) in schema.as_object().unwrap() {
        let is_good = match keyword.as_str() {
            "$schema" | "title" | "description" | "format" => true,
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_i64(),
                "boolean" => value.is_boolean(),
                "null" => value.is_null(),
                _ => false,
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "maximum" => value.as_i64() <= rule.as_i64(),
            "pattern" => value.as_str().is_some_and(|text| {
                let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                pattern.is_match(text)
            }),
            "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
            "additionalProperties" => {
                let members = value.as_object().into_iter().flatten();
                *rule == false && members.into_iter().all(|(name, _)| schema["properties"].get(name).is_some())
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    found.extend(value.get(name).into_iter().flat_map(|value| faults(schema, value, name)));
                }
                true
            }
            "items" => {
                let items = value.as_array().into_iter().flatten();
                found.extend(items.flat_map(|item| faults(rule, item, at)));
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|schema| faults(schema, value, at).is_empty()),
            _ => false,
        };
        if !is_good {
            found.push(format!("{at}: {value} against {keyword} {rule}"));
        }
    }
    found
}

/// The committed schema of an event.
fn committed(name: &str) -> Value {
    let event = skep_domain::events().find(|event| event.name == name).unwrap_or_else(|| panic!("{name} is unknown"));
    serde_json::from_str(&fs::read_to_string(root().join(path_of(event))).unwrap()).unwrap()
}

async fn call(kit: &TestKit, method: &str, path: &str, token: &str, body: &Value) -> Value {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/json");
    // A replay and a password have no version.
    let has_version = !["/replay", "/password"].iter().any(|end| path.ends_with(end));
    let request = if has_version { request.header("if-match", "*") } else { request };
    let answer = kit.call(request.body(body.to_string()).unwrap()).await;
    assert!(answer.status().is_success(), "{method} {path}: {answer:?}");
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

/// Cancels a job, runs it again, and pauses, resumes and limits its queue.
async fn change_jobs(kit: &TestKit, admin: &str) {
    let (jobs, new) = (&kit.app().jobs, NewJob::of(JobKind::parse("shop.greet").unwrap(), JobArgs::default()));
    jobs.open_queues.execute(&[QueueName::default()]).await.unwrap();
    let job = jobs.enqueue_job.execute(&Actor::system("test"), new).await.unwrap().id;
    for change in ["cancel", "retry"] {
        post(kit, &format!("/api/v1/jobs/{job}/{change}"), admin).await;
    }
    for change in ["pause", "resume"] {
        post(kit, &format!("/api/v1/queues/default/{change}"), admin).await;
    }
    call(kit, "PATCH", "/api/v1/queues/default", admin, &json!({ "concurrency": 4 })).await;
}

/// Handles nothing.
struct Failing;

impl EventHandler for Failing {
    const NAME: &'static str = "test.failing";
    const EVENTS: &'static [&'static str] = &[];
    type Unit = dyn EventsTx;

    async fn handle(&self, _: &mut Self::Unit, _: &PlacedEvent, _: &Handling<'_>) -> Result<(), HandlerError> {
        Err(HandlerError::failed("unlucky"))
    }
}

/// Retries and skips an event that is held back, starts and deletes a replay, and resumes a subscriber that was broken off.
async fn change_subscribers(kit: &TestKit, admin: &str) {
    let (app, store) = (kit.app(), kit.app().ports.store.clone());
    let subscribers =
        Subscribers::default().with(Failing, store.clone(), app.ports.runtime.clone(), |unit| unit.deliveries());
    let (subscriber, name) = (subscribers.all()[0].clone(), SubscriberName::parse(Failing::NAME).unwrap());
    app.events.subscriptions.open(&name).await.unwrap();
    while app.events.place_events.execute().await.unwrap() > 0 {}
    let (claimed, subscription) = app.events.subscriptions.claim(&[name]).await.unwrap().remove(0);
    let events = store.list_placed(subscription.position, 1).await.unwrap();
    subscriber.hold(claimed, &events[0], "unlucky").await.unwrap();
    let due = store.list_held_events(HeldState::Retryable, OLDEST, &PageRequest::default()).await.unwrap();
    for change in ["retry", "skip"] {
        post(kit, &format!("/api/v1/events/parked/{}/{change}", due.items[0].id), admin).await;
    }
    let replay = call(kit, "POST", "/api/v1/events/replay", admin, &json!({ "subscriber": Failing::NAME })).await;
    let replay = format!("/api/v1/events/subscribers/{}", replay["subscription_id"].as_str().unwrap());
    call(kit, "DELETE", &replay, admin, &Value::Null).await;
    let mut unit = Begin::<dyn EventsTx>::begin(&*store, TxMode::Write, &[]).await.unwrap();
    let mut broken = unit.deliveries().find(claimed.id).await.unwrap().unwrap();
    broken.break_off(kit.clock().now());
    unit.deliveries().save(&broken).await.unwrap();
    unit.commit().await.unwrap();
    post(kit, &format!("/api/v1/events/subscribers/{}/resume", claimed.id), admin).await;
}

const OLDEST: HeldSort = HeldSort { key: HeldSortKey::HeldAt, direction: Direction::Ascending };

/// Ends the other sessions, changes the password, and logs out.
async fn change_sessions(kit: &TestKit, admin: &str) {
    call(kit, "DELETE", "/api/v1/users/me/sessions", admin, &Value::Null).await;
    let change = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    let answer = call(kit, "POST", "/api/v1/users/me/password", admin, &change).await;
    post(kit, "/api/v1/auth/logout", answer["access_token"].as_str().unwrap()).await;
}

/// Makes an account, and does with it what an admin can do.
async fn change_users(kit: &TestKit, admin: &str) {
    let bea = json!({ "email": "bea@example.com", "password": PASSWORD, "display_name": "Bea" });
    let request = Request::post("/api/v1/auth/register").header("content-type", "application/json");
    let answer = kit.call(request.body(bea.to_string()).unwrap()).await;
    assert!(answer.status().is_success());
    let users = call(kit, "GET", "/api/v1/users?email=bea", admin, &Value::Null).await;
    let path = format!("/api/v1/users/{}", users["data"][0]["id"].as_str().unwrap());
    call(kit, "PATCH", &path, admin, &json!({ "display_name": "Beatrice" })).await;
    let role = json!({ "name": "baker", "description": "Bakes", "permissions": ["catalog.stock.manage"] });
    call(kit, "POST", "/api/v1/roles", admin, &role).await;
    call(kit, "PATCH", "/api/v1/roles/baker", admin, &json!({ "permissions": [] })).await;
    call(kit, "DELETE", "/api/v1/roles/baker", admin, &Value::Null).await;
    call(kit, "PUT", &format!("{path}/roles"), admin, &json!({ "roles": ["admin"] })).await;
    let crew = json!({ "name": "Crew", "description": "Bakes", "roles": ["editor"] });
    let crew = call(kit, "POST", "/api/v1/groups", admin, &crew).await;
    let group = format!("/api/v1/groups/{}", crew["id"].as_str().unwrap());
    call(kit, "PATCH", &group, admin, &json!({ "roles": [] })).await;
    let member = format!("{group}/members/{}", users["data"][0]["id"].as_str().unwrap());
    for method in ["PUT", "DELETE"] {
        call(kit, method, &member, admin, &Value::Null).await;
    }
    call(kit, "DELETE", &group, admin, &Value::Null).await;
    for change in ["disable", "enable"] {
        post(kit, &format!("{path}/{change}"), admin).await;
    }
    call(kit, "DELETE", &path, admin, &Value::Null).await;
    erase(kit, users["data"][0]["id"].as_str().unwrap().parse().unwrap()).await;
    let carl = json!({ "email": "carl@example.com", "display_name": "Carl", "roles": [] });
    let invited = call(kit, "POST", "/api/v1/users", admin, &carl).await;
    post(kit, &format!("/api/v1/users/{}/invitation", invited["id"].as_str().unwrap()), admin).await;
    links::accept_invitation(kit, "carl@example.com").await;
}

/// Ends the grace of a deleted account a minute ago, and erases it.
async fn erase(kit: &TestKit, id: UserId) {
    let mut unit = Begin::<dyn IdentityTx>::begin(&*kit.app().ports.store, TxMode::Write, &[]).await.unwrap();
    let mut user = unit.users().find(id).await.unwrap().unwrap();
    user.erase_at = Some(kit.clock().now().plus_millis(-60_000));
    unit.users().save(&user).await.unwrap();
    unit.commit().await.unwrap();
    kit.app().sweep_expired.execute().await.unwrap();
}

async fn change_schedules(kit: &TestKit, admin: &str) {
    let list = "/api/v1/schedules";
    let yearly = json!({ "name": "yearly", "timing": { "cron": "@yearly" }, "kind": "operations.sweep" });
    let schedule = call(kit, "POST", list, admin, &yearly).await;
    let path = format!("{list}/{}", schedule["id"].as_str().unwrap());
    call(kit, "PATCH", &path, admin, &json!({ "timing": { "every_seconds": 86_400 } })).await;
    for change in ["pause", "resume", "run"] {
        post(kit, &format!("{path}/{change}"), admin).await;
    }
    call(kit, "DELETE", &path, admin, &Value::Null).await;
}

async fn post(kit: &TestKit, path: &str, token: &str) {
    let request = Request::post(path).header("authorization", format!("Bearer {token}")).body(String::new());
    assert!(kit.call(request.unwrap()).await.status().is_success(), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_records_is_as_the_schemas_say() {
    // The sweep of this run must not delete the events before it.
    let kit = TestKit::configured(|config| config.policies.events.lifetime = None).await;
    let admin = kit.admin().await;
    let honey = json!({ "sku": "HONEY", "name": "Honey", "price": { "amount": 1999, "currency": "EUR" }, "stock": 9 });
    let product = call(&kit, "POST", "/api/v1/products", &admin, &honey).await;
    let product = product["id"].as_str().unwrap();
    let path = format!("/api/v1/products/{product}");
    call(&kit, "PATCH", &path, &admin, &json!({ "name": "Dark honey" })).await;
    call(&kit, "PUT", &format!("{path}/stock"), &admin, &json!({ "on_hand": 7 })).await;
    let lines = json!({ "lines": [{ "product_id": product, "quantity": 2 }] });
    let order = call(&kit, "POST", "/api/v1/orders", &admin, &lines).await;
    for step in ["confirm-payment", "cancel"] {
        post(&kit, &format!("/api/v1/orders/{}/{step}", order["id"].as_str().unwrap()), &admin).await;
    }
    call(&kit, "POST", "/api/v1/orders", &admin, &lines).await;
    kit.clock().advance(Duration::from_secs(8 * 24 * 60 * 60));
    kit.app().sweep_expired.execute().await.unwrap();
    let admin = kit.log_in("admin").await;
    let request = Request::delete(&path).header("authorization", format!("Bearer {admin}")).header("if-match", "*");
    assert!(kit.call(request.body(String::new()).unwrap()).await.status().is_success());
    let parent = json!({ "name": "Sweets", "slug": "sweets" });
    let parent = call(&kit, "POST", "/api/v1/categories", &admin, &parent).await;
    let honey = json!({ "name": "Honey", "slug": "honey" });
    let category = call(&kit, "POST", "/api/v1/categories", &admin, &honey).await;
    let path = format!("/api/v1/categories/{}", category["id"].as_str().unwrap());
    call(&kit, "PATCH", &path, &admin, &json!({ "slug": "dark-honey" })).await;
    call(&kit, "POST", &format!("{path}/move"), &admin, &json!({ "parent_id": parent["id"] })).await;
    call(&kit, "DELETE", &path, &admin, &Value::Null).await;
    change_jobs(&kit, &admin).await;
    change_subscribers(&kit, &admin).await;
    change_schedules(&kit, &admin).await;
    let template = json!({ "kind": "order_placed", "locale": "de", "subject": "Bestellung", "text": "Danke" });
    let template = call(&kit, "POST", "/api/v1/mail-templates", &admin, &template).await;
    let path = format!("/api/v1/mail-templates/{}", template["id"].as_str().unwrap());
    call(&kit, "PATCH", &path, &admin, &json!({ "text": "Vielen Dank" })).await;
    call(&kit, "DELETE", &path, &admin, &Value::Null).await;

    let file = call(&kit, "POST", "/api/v1/files", &admin, &json!("honey")).await;
    call(&kit, "DELETE", &format!("/api/v1/files/{}", file["id"].as_str().unwrap()), &admin, &Value::Null).await;
    scanned::store_an_infected_file(&kit).await;
    scanned::release_a_file(&kit).await;
    change_users(&kit, &admin).await;
    change_sessions(&kit, &admin).await;
    links::use_both_links(&kit).await;
    refresh::reuse_a_refresh_token(&kit).await;

    let mut recorded = BTreeSet::new();
    for event in kit.events().await {
        let payload: Value = serde_json::from_str(&event.payload).unwrap();
        let schema = committed(&event.name);
        assert_eq!(faults(&schema, &payload, &event.name), Vec::<String>::new());
        recorded.insert(event.name);

        // The check itself must find faults.
        let mut more = payload.clone();
        more["email"] = json!("ada@example.com");
        assert!(!faults(&schema, &more, "").is_empty());
        for name in payload.as_object().unwrap().keys() {
            let mut less = payload.clone();
            less.as_object_mut().unwrap().remove(name);
            assert!(!faults(&schema, &less, "").is_empty(), "{name} is missing");
            less[name] = json!({ "another": "type" });
            assert!(!faults(&schema, &less, "").is_empty(), "{name} has another type");
        }
    }
    let all: BTreeSet<String> = skep_domain::events().map(|event| event.name.to_owned()).collect();
    assert_eq!(recorded, all, "every event happens in this run");
    kit.stop().await;
}
