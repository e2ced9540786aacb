//! Several instances on one store.

use crate::{
    Journey, Needs,
    shop::{ORDERS, PRODUCTS, PROFILE, Shop, all, basket, id_of, log_in, path, stock_path, stock_seen_by},
};
use serde_json::{Value, json};
use skep_journeys::{Call, Client, Store, wait_for};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("instances::agree", what_one_writes_the_other_reads).needing(Needs::Server),
    Journey::new("instances::share_buyers", buyers_of_both_get_exactly_what_is_there).needing(Needs::Server),
    Journey::new("instances::one_is_killed", the_other_goes_on).needing(Needs::Server),
];

fn what_one_writes_the_other_reads(store: &Store) {
    let shop = Shop::open(store);
    let second = shop.deployment.start_second();
    let (ada, there) = (shop.user("ada"), second.visitor());
    let ada_there = second.known(&ada);
    assert_eq!(ada_there.get(PROFILE).send().ok().body, ada.get(PROFILE).send().ok().body, "a token is good on both");
    assert_eq!(log_in(&second, "ada").get(PROFILE).send().ok().status, 200);
    let honey = shop.product("HONEY", 100, 1_000);
    for n in 0..20 {
        // To and fro: each write shows on the other instance in the very next request.
        let (writer, reader) = if n % 2 == 0 { (&shop.server, &second) } else { (&second, &shop.server) };
        let admin = writer.known(&shop.admin);
        let changed = admin.patch(path(&honey)).if_match("*").json(json!({ "name": format!("Honey {n}") })).send().ok();
        let read = reader.visitor().get(path(&honey)).send().ok();
        assert_eq!((&read.body, read.etag()), (&changed.body, changed.etag()));
        let order =
            writer.known(&ada).post(ORDERS).key(&format!("k{n}")).json(basket(&[(&honey, 1)])).send().expect(201);
        let target = format!("{ORDERS}/{}", order.text("/id"));
        assert_eq!(reader.known(&ada).get(target).send().ok().body, order.body);
        let again =
            reader.known(&ada).post(ORDERS).key(&format!("k{n}")).json(basket(&[(&honey, 1)])).send().expect(201);
        assert_eq!(again.body, order.body, "a key that one knows the other knows");
        assert_eq!(stock_seen_by(&reader.known(&shop.admin), &honey), (1_000, n + 1));
    }
    let page = ada.get(format!("{ORDERS}?limit=7")).send().ok();
    let next = page.text("/links/next");
    assert_eq!(ada_there.get(&next).send().ok().body, ada.get(&next).send().ok().body, "a cursor is good on both");
    assert_eq!(all(&there, PRODUCTS).len(), 1);
    second.stop();
    shop.server.stop();
}

fn buyers_of_both_get_exactly_what_is_there(store: &Store) {
    let shop = Shop::open(store);
    let second = shop.deployment.start_second();
    let buyers = shop.users(16);
    let honey = shop.product("HONEY", 1999, 32);
    let answers = crate::slice::at_once(64, |n| {
        let server = if n % 2 == 0 { &shop.server } else { &second };
        server.known(&buyers[n % 16]).post(ORDERS).json(basket(&[(&honey, 1)])).send()
    });
    let placed = answers.iter().filter(|answer| answer.status == 201).count();
    let short = answers.into_iter().filter(|answer| answer.status != 201).collect::<Vec<_>>();
    short.iter().for_each(|answer| drop(answer.clone().refused(409, "insufficient_stock")));
    assert_eq!((placed, short.len(), shop.stock(&honey)), (32, 32, (32, 32)));
    second.stop();
    shop.server.stop();
}

/// The orders of buyers by their keys; none where no answer came.
#[derive(Default)]
struct Ledger {
    orders: Mutex<BTreeMap<String, Option<Value>>>,
    answers: AtomicUsize,
    enough: AtomicBool,
}

fn the_other_goes_on(store: &Store) {
    store.end_abandoned_soon();
    let shop = Shop::open(store);
    let second = shop.deployment.start_second();
    let buyers = shop.users(8);
    let (honey, wax) = (shop.product("HONEY", 1999, 100_000), shop.product("WAX", 450, 100_000));
    let cart = basket(&[(&honey, 2), (&wax, 1)]);
    let (dying, living) = (Ledger::default(), Ledger::default());
    thread::scope(|scope| {
        for (n, buyer) in buyers.iter().enumerate() {
            let (server, ledger) = if n % 2 == 0 { (&second, &dying) } else { (&shop.server, &living) };
            let (client, cart) = (server.known(buyer), &cart);
            scope.spawn(move || buy(&client, n, cart, ledger));
        }
        wait_for("orders", || (dying.answers.load(Ordering::SeqCst) >= 40).then_some(()));
        let before = living.answers.load(Ordering::SeqCst);
        second.kill();
        wait_for("the other to go on", || (living.answers.load(Ordering::SeqCst) >= before + 100).then_some(()));
        living.enough.store(true, Ordering::SeqCst);
    });
    let mut orders = dying.orders.into_inner().expect("not poisoned");
    let unanswered = orders.values().filter(|order| order.is_none()).count();
    assert!(unanswered > 0, "buyers of the one that was killed were waiting");
    orders.extend(living.orders.into_inner().expect("not poisoned"));
    // Whoever got no answer asks again, elsewhere, with the same key.
    for (key, order) in &mut orders {
        let n: usize = key.split('-').next().and_then(|n| n.parse().ok()).expect("a number");
        let again = insist(&shop.server.known(&buyers[n]).post(ORDERS).key(key).json(cart.clone()));
        assert_eq!(*order.get_or_insert_with(|| again.clone()), again, "{key}");
    }
    let listed = all(&shop.admin, &format!("{ORDERS}?limit=100"));
    let by_id = |order: &Value| (id_of(order).to_owned(), order.clone());
    let listed: BTreeMap<String, Value> = listed.iter().map(by_id).collect();
    let told: BTreeMap<String, Value> = orders.values().flatten().map(by_id).collect();
    assert_eq!(listed, told, "every order once, as it was told, and whole");
    let count = i64::try_from(listed.len()).expect("a number");
    assert_eq!((shop.stock(&honey), shop.stock(&wax)), ((100_000, 2 * count), (100_000, count)));
    shop.admin.put(stock_path(&honey)).if_match("*").json(json!({ "on_hand": 100_001 })).send().expect(200);
    shop.server.stop();
}

/// Asks until the order is placed. What the one that was killed has left open holds its rows until the server ends it,
/// which MongoDB does when a transaction is as old as it may get.
#[track_caller]
fn insist(order: &Call<'_>) -> Value {
    let placed = wait_for("the store to end what was left open", || {
        let answer = order.clone().send();
        let is_told_to_wait = answer.status == 503 && answer.header("retry-after").is_some();
        (!is_told_to_wait).then_some(answer)
    });
    placed.expect(201).json()
}

/// Places orders until there are enough, or the server is gone.
fn buy(client: &Client, n: usize, cart: &Value, ledger: &Ledger) {
    for round in 0.. {
        if ledger.enough.load(Ordering::SeqCst) {
            return;
        }
        let key = format!("{n}-{round}");
        let answer = client.post(ORDERS).key(&key).json(cart.clone()).try_send();
        // Whoever meets what the one that was killed has left open is told to come back.
        let order = answer.ok().map(|answer| match answer.status {
            503 => insist(&client.post(ORDERS).key(&key).json(cart.clone())),
            _ => answer.expect(201).json(),
        });
        let is_gone = order.is_none();
        ledger.orders.lock().expect("not poisoned").insert(key, order);
        if is_gone {
            return;
        }
        ledger.answers.fetch_add(1, Ordering::SeqCst);
    }
}
