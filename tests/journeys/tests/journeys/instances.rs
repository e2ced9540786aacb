//! Several instances on one store.

use crate::{
    Journey, Needs,
    shop::{ORDERS, PRODUCTS, PROFILE, Shop, all, basket, id_of, log_in, path, stock_path, stock_seen_by},
    slice::{at_once, insist},
};
use serde_json::{Value, json};
use skep_journeys::{Client, Store, wait_for};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("instances::agree", a_write_at_one_is_read_at_the_other).needing(Needs::Server),
    Journey::new("instances::share_buyers", buyers_at_both_get_each_piece_once).needing(Needs::Server),
    Journey::new("instances::one_is_killed", the_other_goes_on).needing(Needs::Server),
];

fn a_write_at_one_is_read_at_the_other(store: &Store) {
    let shop = Shop::open(store);
    let second = shop.deployment.start_second();
    let (ada, there) = (shop.user("ada"), second.visitor());
    let ada_there = second.known(&ada);
    assert_eq!(
        ada_there.get(PROFILE).send().ok().body,
        ada.get(PROFILE).send().ok().body,
        "a token is accepted by both"
    );
    assert_eq!(log_in(&second, "ada").get(PROFILE).send().ok().status, 200);
    let honey = shop.product("HONEY", 100, 1_000);
    for n in 0..20 {
        // The instances take turns. The next request to the other instance must show the write.
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
        assert_eq!(again.body, order.body, "both know the key");
        assert_eq!(stock_seen_by(&reader.known(&shop.admin), &honey), (1_000, n + 1));
    }
    let page = ada.get(format!("{ORDERS}?limit=7")).send().ok();
    let next = page.text("/links/next");
    assert_eq!(ada_there.get(&next).send().ok().body, ada.get(&next).send().ok().body, "a cursor works on both");
    assert_eq!(all(&there, PRODUCTS).len(), 1);
    second.stop();
    shop.server.stop();
}

fn buyers_at_both_get_each_piece_once(store: &Store) {
    let shop = Shop::open(store);
    let second = shop.deployment.start_second();
    let buyers = shop.users(16);
    let honey = shop.product("HONEY", 1999, 32);
    let answers = at_once(64, |n| {
        let buyer = if n % 2 == 0 { &shop.server } else { &second }.known(&buyers[n % 16]);
        let call = buyer.post(ORDERS).key(&format!("rush-{n}")).json(basket(&[(&honey, 1)]));
        // Two instances queue for the same row only in the store.
        insist(|| call.clone().send())
    });
    let placed = answers.iter().filter(|answer| answer.status == 201).count();
    let short = answers.into_iter().filter(|answer| answer.status != 201).collect::<Vec<_>>();
    short.iter().for_each(|answer| drop(answer.clone().refused(409, "insufficient_stock")));
    assert_eq!((placed, short.len(), shop.stock(&honey)), (32, 32, (32, 32)));
    second.stop();
    shop.server.stop();
}

/// The orders of buyers by their keys; `None` if the buyer got no answer.
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
    assert!(unanswered > 0, "no buyer was waiting for the killed instance");
    orders.extend(living.orders.into_inner().expect("not poisoned"));
    // Buyers without an answer repeat the call at the other instance, with the same key.
    for (key, order) in &mut orders {
        let n: usize = key.split('-').next().and_then(|n| n.parse().ok()).expect("a number");
        let buyer = shop.server.known(&buyers[n]);
        let again = insist(|| buyer.post(ORDERS).key(key).json(cart.clone()).send()).expect(201).json();
        assert_eq!(*order.get_or_insert_with(|| again.clone()), again, "{key}");
    }
    let listed = all(&shop.admin, &format!("{ORDERS}?limit=100"));
    let by_id = |order: &Value| (id_of(order).to_owned(), order.clone());
    let listed: BTreeMap<String, Value> = listed.iter().map(by_id).collect();
    let answered: BTreeMap<String, Value> = orders.values().flatten().map(by_id).collect();
    assert_eq!(listed, answered, "every order once, and as it was answered");
    let count = i64::try_from(listed.len()).expect("a number");
    assert_eq!((shop.stock(&honey), shop.stock(&wax)), ((100_000, 2 * count), (100_000, count)));
    shop.admin.put(stock_path(&honey)).if_match("*").json(json!({ "on_hand": 100_001 })).send().expect(200);
    shop.server.stop();
}

/// Places orders until there are enough or the server is gone.
fn buy(client: &Client, n: usize, cart: &Value, ledger: &Ledger) {
    for round in 0.. {
        if ledger.enough.load(Ordering::SeqCst) {
            return;
        }
        let key = format!("{n}-{round}");
        let call = client.post(ORDERS).key(&key).json(cart.clone());
        // A call that meets an open transaction of the killed instance gets a 503.
        let order = call.clone().try_send().ok().map(|answer| match answer.status {
            503 => insist(|| call.clone().send()).expect(201).json(),
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
