//! Databases of released programs under this one, and steps that are code, on every store:
//! `cargo test -p skep-upgrades`.
//!
//! If the address of a store's server is not set, the store is ignored, with the reason. If `SKEP_REQUIRE_STORES` has
//! its name, it fails.

mod beside;
mod refresh;

use bson::{Document, doc};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use skep_application::{
    Store,
    identity::IdentityTx,
    kernel::{
        Begin, Claimed, Clock, IdempotencyClaim, IdempotencyKey, KeptAnswer, OutboxEvent, PageRequest, Scope, Total,
        TxMode,
    },
    operations::{Down, KeyState, MigrationError, MigrationStatus},
    ordering::OrderingTx,
    testing::FixedClock,
};
use skep_contract::Failure;
use skep_domain::{
    catalog::ReservationState,
    events::EventPosition,
    identity::{PasswordForm, User},
    shared::{Direction, Email, EmailLookup, Text, Timestamp, UserId},
};
use skep_upgrades::{Database, FILLED_ROWS, Fixture, Host, Kind, Manifest, Service};
use std::{
    collections::BTreeSet,
    env,
    future::Future,
    pin::Pin,
    process::ExitCode,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use uuid::Uuid;

type Done<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;
type OnDatabase = for<'a> fn(&'a Database) -> Done<'a>;
type OnFixture = for<'a> fn(&'a Database, &'a Fixture) -> Done<'a>;

const ON_DATABASES: &[(&str, OnDatabase)] = &[
    ("code_fills_more_than_a_batch", |database| Box::pin(code_fills_more_than_a_batch(database))),
    ("code_that_fails_can_be_repeated", |database| Box::pin(code_that_fails_can_be_repeated(database))),
    ("all_steps_reverted_leave_nothing", |database| Box::pin(all_steps_reverted_leave_nothing(database))),
    ("old_addresses_get_their_keys", |database| Box::pin(old_addresses_get_their_keys(database))),
    ("an_older_instance_shadows_no_owner", |database| Box::pin(beside::an_older_instance_shadows_no_owner(database))),
    ("an_unreadable_account_keeps_no_other_from_its_key", |database| {
        Box::pin(beside::an_unreadable_account_keeps_no_other_from_its_key(database))
    }),
    ("compressed_answers_become_text_again", |database| Box::pin(compressed_answers_become_text_again(database))),
];
const ON_FIXTURES: &[(&str, OnFixture)] = &[
    ("is_read_as_it_was_written", |database, fixture| Box::pin(is_read_as_it_was_written(database, fixture))),
    ("gives_waiting_orders_time_to_pay", |database, fixture| {
        Box::pin(gives_waiting_orders_time_to_pay(database, fixture))
    }),
    ("is_upgraded_by_one_of_eight", |database, fixture| Box::pin(is_upgraded_by_one_of_eight(database, fixture))),
    ("keeps_its_key_of_access_tokens_when_it_is_replaced", |database, fixture| {
        Box::pin(keeps_its_key_of_access_tokens_when_it_is_replaced(database, fixture))
    }),
    ("earlier_sessions_live_on", |database, fixture| Box::pin(refresh::earlier_sessions_live_on(database, fixture))),
    ("takes_later_steps_and_reverts_them", |database, fixture| {
        Box::pin(takes_later_steps_and_reverts_them(database, fixture))
    }),
];

/// Steps that are one transaction on SQL, but can be interrupted on MongoDB.
const ON_MONGODB: &[(&str, OnFixture)] =
    &[("goes_on_with_waiting_orders_after_an_interruption", |database, fixture| {
        Box::pin(goes_on_with_waiting_orders_after_an_interruption(database, fixture))
    })];

const TABLES: &[&str] = &[
    "users",
    "sessions",
    "products",
    "stock_levels",
    "stock_movements",
    "reservations",
    "orders",
    "outbox",
    "idempotency_keys",
    "instance_keys",
];

fn check(holds: bool, what: impl Into<String>) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(what)) }
}

fn same<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T, what: &str) -> Result<(), Failure> {
    check(found == expected, format!("{what}: expected {expected:?}, found {found:?}"))
}

async fn counts(database: &Database) -> Result<Vec<i64>, Failure> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(database.count(table).await?);
    }
    Ok(counts)
}

/// The first place where the answer differs from the expected one. New fields are allowed.
fn difference(expected: &Value, found: &Value, place: &str) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().find_map(|(name, value)| {
            let place = format!("{place}/{name}");
            found.get(name).map_or(Some(format!("{place} is missing")), |found| difference(value, found, &place))
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs.into_iter().find_map(|(at, (expected, found))| difference(expected, found, &format!("{place}/{at}")))
        }
        (expected, found) => (expected != found).then(|| format!("{place}: expected {expected}, found {found}")),
    }
}

/// Checks that this program gives the same answers, accepts the login, and knows the idempotency key.
async fn check_answers(fixture: &Fixture, manifest: &Manifest, store: Arc<dyn Store>) -> Result<(), Failure> {
    let service = Service::start(fixture, Service::clock(manifest.made_at)?, store).await?;
    let mut tokens = Vec::new();
    for email in &manifest.emails {
        tokens.push((email.clone(), service.log_in(email, &manifest.password).await?));
    }
    let token = |email: &str| tokens.iter().find(|(owner, _)| owner == email).map(|(_, token)| token.as_str());
    let command = &manifest.command;
    let own = Some(manifest.session.token.as_str());
    let again = service.send(&command.path, own, Some(&command.key), Some(&command.body)).await?;
    same(&again.status.as_u16(), &command.status, "the repeated command")?;
    check(difference(&command.answer, &again.body, "").is_none(), format!("another answer: {}", again.body))?;
    let mut other = command.body.clone();
    other["lines"][0]["quantity"] = 3.into();
    let other = service.send(&command.path, own, Some(&command.key), Some(&other)).await?;
    same(&other.status.as_u16(), &422, "another command with the key")?;
    for answer in &manifest.answers {
        let found = service.send(&answer.path, answer.email.as_deref().and_then(token), None, None).await?;
        check(found.status.is_success(), format!("{}: {} {}", answer.path, found.status, found.body))?;
        if let Some(difference) = difference(&answer.answer, &found.body, "") {
            return Err(Failure::new(format!("{}: {difference}", answer.path)));
        }
    }
    let mine = service.send("/api/v1/users/me", own, None, None).await?;
    same(&mine.body["email"], &manifest.session.email.as_str().into(), "the user of the stored login")?;
    service.stop().await;
    Ok(())
}

/// Checks that the events have their positions, so that no subscriber takes them for new ones.
async fn check_positions(store: &dyn Store, events: &[OutboxEvent]) -> Result<(), Failure> {
    let placed = store.list_placed(EventPosition::START, 10_000).await?;
    let expected: Vec<_> = (1..).zip(events.iter().map(|event| event.id)).collect();
    let found: Vec<_> = placed.iter().map(|placed| (placed.position.get(), placed.event.id)).collect();
    same(&found, &expected, "positions")?;
    let last = store.log_ends().await?.last.get();
    same(&(last, store.count_unplaced(9).await?), &(i64::try_from(events.len())?, 0), "the end of the log")
}

/// Reads the data that no answer shows.
async fn check_ports(database: &Database, store: &dyn Store) -> Result<(), Failure> {
    let events = store.list_events(None, 10_000).await?;
    same(&i64::try_from(events.len())?, &database.count("outbox").await?, "events")?;
    check_positions(store, &events).await?;
    let keys = store.list_keys().await?;
    same(&i64::try_from(keys.len())?, &database.count("instance_keys").await?, "keys")?;
    let page = PageRequest { count_up_to: Some(Total::BOUND), ..PageRequest::default() };
    let orders = store.list_orders(Scope::All, Direction::Ascending, &page).await?;
    same(
        &orders.total.map(|total| i64::try_from(total.count)).transpose()?,
        &Some(database.count("orders").await?),
        "orders",
    )
}

async fn is_read_as_it_was_written(database: &Database, fixture: &Fixture) -> Result<(), Failure> {
    let manifest = fixture.manifest()?;
    database.load(fixture).await?;
    let before = counts(database).await?;
    check(before.iter().all(|count| *count > 0), format!("the fixture has rows of every kind: {before:?}"))?;
    let store = database.store(Service::clock(manifest.made_at)?, None).await?;
    let known = store.status().await?;
    check(known[0].applied_at.is_some(), "the foundation is recognized")?;
    let missing = known.iter().filter(|step| step.applied_at.is_none()).count();
    same(&store.up().await?.len(), &missing, "only missing steps are applied")?;
    same(&counts(database).await?, &before, "rows")?;
    check_ports(database, &*store).await?;
    check_answers(fixture, &manifest, store).await
}

const DAY: i64 = 86_400_000;

/// Orders of a program in which orders did not expire. Those that wait for their payment end 30 to 37 days after the
/// upgrade, with their reservations.
async fn gives_waiting_orders_time_to_pay(database: &Database, fixture: &Fixture) -> Result<(), Failure> {
    let manifest = fixture.manifest()?;
    database.load(fixture).await?;
    let now = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis()).map_err(Failure::from);
    let first = now()? / 1_000 * 1_000 + 30 * DAY;
    let store = database.migrated(Service::clock(manifest.made_at)?, None).await?;
    let last = now()? + 37 * DAY;
    let (mut page, mut orders) = (PageRequest::default(), vec![]);
    loop {
        let found = store.list_orders(Scope::All, Direction::Ascending, &page).await?;
        orders.extend(found.items);
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    let waiting = orders.iter().filter(|order| order.status == "pending").count();
    check(waiting > 0 && waiting < orders.len(), format!("{waiting} of {} orders wait", orders.len()))?;
    let mut ends = BTreeSet::new();
    let mut unit = Begin::<dyn OrderingTx>::begin(&*store, TxMode::Read, &[]).await?;
    for order in &orders {
        let end = order.expires_at.map(Timestamp::as_millis);
        let is_right = if order.status == "pending" {
            end.is_some_and(|end| (first..=last).contains(&end))
        } else {
            end.is_none()
        };
        check(is_right, format!("the order {} is {} and ends at {end:?}", order.number, order.status))?;
        ends.extend(end);
        for held in unit.stock().list_reservations(order.id).await? {
            let expected = order.expires_at.filter(|_| held.state == ReservationState::Active);
            same(&held.expires_at, &expected, "the end of a reservation")?;
        }
    }
    unit.rollback().await?;
    check(ends.len() > waiting / 2, "they do not all end at once")?;
    let overdue =
        async |millis| Ok::<_, Failure>(store.list_overdue(Timestamp::from_millis(millis)?, None, 10_000).await?.len());
    same(&(overdue(first - 1).await?, overdue(last).await?), &(0, waiting), "overdue orders")?;

    let ended = Service::start(fixture, Service::clock(last)?, store.clone()).await?;
    same(&ended.sweep().await?, &waiting, "orders that the sweep ends")?;
    ended.stop().await;
    same(&overdue(last).await?, &0, "overdue orders")?;
    // The released program does not know the status, which the first step has brought.
    store.down(&Down::of("ordering", 2)).await?;
    same(
        &database
            .number(
                "SELECT count(*) FROM orders WHERE order_state = 'expired'",
                "orders",
                doc! { "order_state": "expired" },
            )
            .await?,
        &0,
        "expired orders",
    )
}

/// More waiting orders than one command of the step has, each with two reservations. An interrupted step has given the
/// first order its time, but only one of its reservations.
async fn goes_on_with_waiting_orders_after_an_interruption(
    database: &Database,
    fixture: &Fixture,
) -> Result<(), Failure> {
    database.load(fixture).await?;
    let Database::Mongodb(client, _, name) = database else { return Err(Failure::new("not a MongoDB")) };
    let [orders, reservations] = ["orders", "reservations"].map(|of| client.database(name).collection::<Document>(of));
    let found = |kind: &str| Failure::new(format!("the fixture has no {kind}"));
    let waiting = doc! { "order_state": "open", "payment_state": "none" };
    let order = orders.find_one(waiting).await?.ok_or_else(|| found("waiting order"))?;
    let active = doc! { "order_id": order.get("_id"), "state": "active" };
    let reservation = reservations.find_one(active).await?.ok_or_else(|| found("active reservation"))?;
    let id = |number: u32| bson::Uuid::from_bytes(u128::from(number).to_be_bytes());
    let (mut copies, mut held) = (vec![], vec![]);
    for number in 0..1_100 {
        let mut copy = order.clone();
        copy.extend(doc! { "_id": id(number), "number": format!("copy {number}") });
        copies.push(copy);
        for place in [2 * number, 2 * number + 1] {
            let mut copy = reservation.clone();
            copy.extend(doc! { "_id": id(place), "order_id": id(number) });
            held.push(copy);
        }
    }
    let [of_order, of_reservation] = [1_000, 2_000].map(bson::DateTime::from_millis);
    copies[0].insert("expires_at", of_order);
    // Another time than that of the order shows that the step leaves it as it is.
    held[0].insert("expires_at", of_reservation);
    orders.insert_many(copies).await?;
    reservations.insert_many(held).await?;

    database.migrated(Service::clock(fixture.manifest()?.made_at)?, None).await?;
    let ids: Vec<_> = (0..2_200).map(id).collect();
    let number = async |filter| database.number("", "reservations", filter).await;
    same(&number(doc! { "_id": { "$in": ids }, "expires_at": { "$type": "date" } }).await?, &2_200, "with a time")?;
    same(&number(doc! { "_id": id(0), "expires_at": of_reservation }).await?, &1, "the first reservation as it was")?;
    same(&number(doc! { "_id": id(1), "expires_at": of_order }).await?, &1, "the second one with the time")
}

/// The number of the step of identity that adds the keys of addresses. The next one fills them in.
const KEYS: i64 = 2;

/// Reverts the step of this set with this number and all later ones.
async fn all_from(store: &dyn Store, set: &str, first: i64) -> Result<Down, Failure> {
    let steps = store.status().await?.iter().filter(|step| step.set == set && step.number >= first).count();
    Ok(Down::of(set, steps.try_into()?))
}

/// Accounts as an earlier version has stored them, more than the step fills at once. Of two with one key the older gets
/// it. Everyone is found by the address that was registered, and by the key.
async fn old_addresses_get_their_keys(database: &Database) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::default());
    let store = database.migrated(clock.clone(), None).await?;
    let mut addresses: Vec<_> = (0..1_200).map(|number| format!("user-{number}@b\u{fc}cher.example")).collect();
    let special = [
        ("one@b\u{fc}cher.example", Some("one@xn--bcher-kva.example")),
        ("two@xn--bcher-kva.example", Some("two@xn--bcher-kva.example")),
        ("two@b\u{fc}cher.example", None),
        ("x@strasse.example", Some("x@strasse.example")),
        ("x@127.0.0.1", None),
        ("plain@example.com", Some("plain@example.com")),
        ("one@xn--bcher-kva.example", None),
    ];
    addresses.extend(special.map(|(address, _)| address.to_owned()));
    let id = |number: usize| UserId::new(Uuid::from_u128(u128::try_from(number + 1).unwrap_or(u128::MAX)));
    let mut unit = Begin::<dyn IdentityTx>::begin(&*store, TxMode::Write, &[]).await?;
    for (number, address) in addresses.iter().enumerate() {
        let email = Email::stored(address.clone(), None, None);
        let name = Text::stored("\u{3164}".to_owned());
        unit.users()
            .insert(&User::register(id(number), email, name, &[], format!("hash {number}"), clock.now()))
            .await?;
    }
    unit.commit().await?;

    // Everything but the addresses is as an earlier version leaves it. The step that adds the keys may have been interrupted.
    for first in [KEYS, KEYS + 1] {
        store.down(&all_from(&*store, "identity", first).await?).await?;
        store.up().await?;
        let without = store.list_without_key(None, 10).await?.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        same(&without, &[1_202, 1_204, 1_206].map(id).to_vec(), "accounts without a key")?;
        for (number, address) in addresses.iter().enumerate().skip(1_150) {
            let found = store.find_credentials(&EmailLookup::parse(address)?).await?;
            let found = found.ok_or_else(|| Failure::new(format!("{address} is not found")))?;
            same(&found.user_id, &id(number), "the account of the address")?;
            same(&found.password_form, &PasswordForm::AsTyped, "the form of the password")?;
        }
        for (number, (_, key)) in (1_200..).zip(special) {
            if let Some(key) = key {
                let found = store.find_credentials(&EmailLookup::of_key(key)).await?;
                same(&found.map(|found| found.user_id), &Some(id(number)), "the account with the key")?;
            }
        }
        let street = store.find_credentials(&EmailLookup::parse("x@stra\u{df}e.example")?).await?;
        same(&street.map(|found| found.user_id), &Some(id(1_203)), "the account of a folded address")?;
    }
    Ok(())
}

async fn is_upgraded_by_one_of_eight(database: &Database, fixture: &Fixture) -> Result<(), Failure> {
    database.load(fixture).await?;
    let clock = Service::clock(fixture.manifest()?.made_at)?;
    let mut missing = database.store(clock.clone(), Some(Host::Right)).await?.status().await?;
    missing.retain(|step| step.applied_at.is_none());
    let mut starters = Vec::new();
    for _ in 0..8 {
        let store = database.store(clock.clone(), Some(Host::Right)).await?;
        starters.push(tokio::spawn(async move { store.up().await }));
    }
    let mut moved = Vec::new();
    for starter in starters {
        moved.extend(starter.await?.map_err(Failure::from)?);
    }
    let known = database.store(clock, Some(Host::Right)).await?.status().await?;
    check(known.iter().all(|step| step.applied_at.is_some()), "everything is applied")?;
    let names = |steps: &[MigrationStatus]| steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>();
    same(&names(&moved), &names(&missing), "each step is applied once")
}

/// The keys of the released program become the active ones. Its tokens are valid before and after the key is replaced.
/// When the steps are reverted, one key of each purpose is left, and the program of this version starts with them again.
async fn keeps_its_key_of_access_tokens_when_it_is_replaced(
    database: &Database,
    fixture: &Fixture,
) -> Result<(), Failure> {
    let manifest = fixture.manifest()?;
    database.load(fixture).await?;
    let clock = Service::clock(manifest.made_at)?;
    let store = database.migrated(clock.clone(), None).await?;
    let released = store.list_keys().await?;
    check(released.iter().all(|key| key.state == KeyState::Active), format!("all keys are active: {released:?}"))?;

    let service = Service::start(fixture, clock.clone(), store.clone()).await?;
    check(service.rotate_keys().await?, "a next key is stored")?;
    let next = store.list_keys().await?.into_iter().find(|key| key.state == KeyState::Next);
    let next = next.ok_or_else(|| Failure::new("the next key is not listed"))?;
    check(store.activate_key(&next.id, Timestamp::MAX).await?, "the next key is activated")?;
    service.stop().await;

    let service = Service::start(fixture, clock.clone(), store.clone()).await?;
    let own = manifest.session.token.as_str();
    let new = service.log_in(&manifest.session.email, &manifest.password).await?;
    for token in [own, new.as_str()] {
        let mine = service.send("/api/v1/users/me", Some(token), None, None).await?;
        same(&mine.body["email"], &manifest.session.email.as_str().into(), "the user of the token")?;
    }
    let header = |token: &str| token.split('.').next().map(str::to_owned);
    check(header(&new) != header(own), "another key has signed the new token")?;
    service.stop().await;

    let steps = store.status().await?.len();
    let keys = i64::try_from(released.len())?;
    same(&database.count("instance_keys").await?, &(keys + 1), "keys")?;
    store.down(&Down::newest(u32::try_from(steps - 1)?)).await?;
    same(&database.count("instance_keys").await?, &keys, "keys that are left")?;
    store.up().await?;
    let service = Service::start(fixture, clock, store).await?;
    let mine = service.send("/api/v1/users/me", Some(&new), None, None).await?;
    same(&mine.status.as_u16(), &200, "the active key stays")?;
    service.stop().await;
    Ok(())
}

/// The first later step changes the record of migrations. From then on, the released program refuses the database
/// because of its greatest number. When all later steps are reverted, it accepts the database again.
async fn takes_later_steps_and_reverts_them(database: &Database, fixture: &Fixture) -> Result<(), Failure> {
    let manifest = fixture.manifest()?;
    database.load(fixture).await?;
    let clock = Service::clock(manifest.made_at)?;
    let released = database.greatest_number().await?;
    let before = counts(database).await?;
    let host = database.migrated(clock.clone(), Some(Host::Right)).await?;
    check(database.greatest_number().await? > released, "the released program knows a newer schema")?;
    let plain = database.store(clock.clone(), None).await?;
    check(plain.up().await.is_err_and(|error| error.is_newer()), "so does this one without the set of the host")?;
    same(&counts(database).await?, &before, "rows")?;
    check_answers(fixture, &manifest, host.clone()).await?;
    let later = host.status().await?.len() - usize::try_from(released)?;
    let host = database.store(clock.clone(), Some(Host::Right)).await?;
    let needed = host.down(&Down::of("foundation", 1)).await;
    check(matches!(needed, Err(MigrationError::Needed { .. })), format!("the foundation stays: {needed:?}"))?;
    host.down(&Down::newest(u32::try_from(later)?)).await?;
    same(&database.greatest_number().await?, &released, "the greatest number")?;
    same(&database.count("orders").await?, &before[6], "orders")
}

/// The number of rows with a size, and the number of rows with a wrong size.
async fn filled(database: &Database) -> Result<(i64, i64), Failure> {
    let filled = "SELECT count(*) FROM host_notes WHERE size IS NOT NULL";
    let wrong = "SELECT count(*) FROM host_notes WHERE size <> length(text)";
    let differs = doc! { "size": { "$exists": true }, "$expr": { "$ne": ["$size", { "$strLenBytes": "$text" }] } };
    Ok((
        database.number(filled, "host_notes", doc! { "size": { "$exists": true } }).await?,
        database.number(wrong, "host_notes", differs).await?,
    ))
}

async fn code_fills_more_than_a_batch(database: &Database) -> Result<(), Failure> {
    let store = database.migrated(Service::clock(0)?, Some(Host::Right)).await?;
    same(&filled(database).await?, &(FILLED_ROWS, 0), "filled and wrong")?;
    same(&store.down(&Down::of(Host::SET, 2)).await?.len(), &2, "steps reverted")?;
    same(&store.up().await?.len(), &2, "steps applied again")?;
    same(&filled(database).await?, &(FILLED_ROWS, 0), "filled and wrong")
}

async fn code_that_fails_can_be_repeated(database: &Database) -> Result<(), Failure> {
    let failing = database.store(Service::clock(0)?, Some(Host::Failing)).await?;
    for _ in 0..2 {
        let failed = failing.up().await;
        check(matches!(failed, Err(MigrationError::Failed { number: 3, .. })), format!("it fails: {failed:?}"))?;
        check(failing.status().await?.last().is_some_and(|step| step.applied_at.is_none()), "it is not recorded")?;
        if !matches!(database, Database::Mongodb(..)) {
            same(&filled(database).await?, &(0, 0), "filled and wrong")?;
        }
    }
    let right = database.store(Service::clock(0)?, Some(Host::Right)).await?;
    same(&right.up().await?.len(), &1, "steps applied")?;
    same(&filled(database).await?, &(FILLED_ROWS, 0), "filled and wrong")
}

async fn all_steps_reverted_leave_nothing(database: &Database) -> Result<(), Failure> {
    let store = database.migrated(Service::clock(0)?, Some(Host::Right)).await?;
    let all = store.status().await?.len();
    for _ in 0..2 {
        check(database.names().await?.len() > 10, "there are tables")?;
        same(&store.down(&Down::newest(u32::MAX)).await?.len(), &all, "steps reverted")?;
        let mut left = database.names().await?;
        left.retain(|name| !name.starts_with("schema_"));
        same(&left, &vec![], "tables left")?;
        same(&store.up().await?.len(), &all, "steps applied again")?;
    }
    Ok(())
}

/// A program before the compression knows only text. The answers are more than two batches.
async fn compressed_answers_become_text_again(database: &Database) -> Result<(), Failure> {
    let store = database.migrated(Service::clock(0)?, None).await?;
    let claim = |number: u32| -> Result<IdempotencyClaim, Failure> {
        Ok(IdempotencyClaim {
            principal: UserId::NIL.uuid(),
            use_case: if number.is_multiple_of(3) { "test.keep" } else { "test.store" },
            key: IdempotencyKey::parse(&format!("key {number}"))?,
            fingerprint: [7; 32],
            now: Timestamp::from_millis(1_000)?,
        })
    };
    let text = |number: u32| format!("\"{}\"", format!("honey {number} 🐝 ").repeat(600));
    let mut unit = Begin::<dyn OrderingTx>::begin(&*store, TxMode::Write, &[]).await?;
    for number in 0..250 {
        unit.idempotency().claim(&claim(number)?).await?;
        unit.idempotency().fill(&claim(number)?, &KeptAnswer::of(text(number))?).await?;
    }
    unit.commit().await?;
    let compressed = "SELECT count(*) FROM idempotency_keys WHERE answer IS NULL AND compressed IS NOT NULL";
    let in_bytes = doc! { "answer": { "$type": "binData" } };
    same(&database.number(compressed, "idempotency_keys", in_bytes).await?, &250, "compressed answers")?;

    store.down(&Down::of("kernel", 1)).await?;
    let plain = "SELECT count(*) FROM idempotency_keys WHERE answer LIKE '\"honey % 🐝 \"'";
    let in_text = doc! { "answer": { "$regex": "^\"honey [0-9]+ 🐝 " } };
    same(&database.number(plain, "idempotency_keys", in_text).await?, &250, "answers in text")?;

    store.up().await?;
    for number in 0..250 {
        let mut unit = Begin::<dyn OrderingTx>::begin(&*store, TxMode::Write, &[]).await?;
        let found = unit.idempotency().claim(&claim(number)?).await?;
        check(found == Claimed::Replay(KeptAnswer::Plain(text(number))), format!("answer {number} is replayed"))?;
        unit.rollback().await?;
    }
    Ok(())
}

/// A trial on a new database, which is removed even if the trial fails.
fn trial(
    name: String,
    kind: Kind,
    server: String,
    body: impl for<'a> FnOnce(&'a Database) -> Done<'a> + Send + 'static,
) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async {
            let database = Database::empty(kind, &server).await.map_err(|failure| failure.to_string())?;
            let done = body(&database).await;
            let removed = database.remove().await;
            done.and(removed).map_err(|failure| Failed::from(failure.to_string()))
        })
    })
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments = Arguments::from_args();
    let required = env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    let mut trials = Vec::new();
    for (kind, variable) in Kind::ALL {
        let store = kind.name();
        let server = match variable.map(|variable| env::var(variable).map_err(|_| variable)) {
            None => String::new(),
            Some(Ok(server)) => server,
            Some(Err(variable)) => {
                let reason = format!("{variable} is not set");
                let is_required = required.split(',').any(|name| name.trim() == store);
                let text = reason.clone();
                let absent = Trial::test(format!("{store}::is_there"), move || Err(Failed::from(text)));
                trials.push(if is_required { absent } else { absent.with_kind(reason).with_ignored_flag(true) });
                continue;
            }
        };
        for (name, body) in ON_DATABASES {
            trials.push(trial(format!("{store}::{name}"), kind, server.clone(), *body));
        }
        for (release, fixture) in Fixture::all(kind).map_err(|failure| failure.to_string())? {
            let of_kind = if kind == Kind::Mongodb { ON_MONGODB } else { &[] };
            for (name, body) in ON_FIXTURES.iter().chain(of_kind) {
                let fixture = fixture.clone();
                let name = format!("{store}::{release}::{name}");
                trials.push(trial(name, kind, server.clone(), move |database| {
                    Box::pin(async move { body(database, &fixture).await })
                }));
            }
        }
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}
