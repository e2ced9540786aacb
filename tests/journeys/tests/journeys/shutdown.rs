//! A signal under load: no request in flight is lost.

use crate::{
    Journey,
    shop::{ORDERS, Shop, all, basket, id_of, stock_seen_by},
};
use skep_journeys::{Client, Connection, Store, wait_for};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("shutdown::under_load", |store| no_request_in_flight_is_lost(store, "TERM")),
    // The signal that Ctrl-C sends.
    Journey::new("shutdown::interrupted", |store| no_request_in_flight_is_lost(store, "INT")),
];

/// The answers and failures that buyers have seen.
#[derive(Default)]
struct Seen {
    placed: Mutex<BTreeSet<String>>,
    lost: Mutex<Vec<String>>,
    answers: AtomicUsize,
    signalled: AtomicBool,
}

fn no_request_in_flight_is_lost(store: &Store, signal: &str) {
    let shop = Shop::open(store);
    let buyers = shop.users(8);
    let honey = shop.product("HONEY", 1999, 1_000_000);
    let seen = Seen::default();
    let Shop { server, admin, deployment } = shop;
    thread::scope(|scope| {
        for (n, buyer) in buyers.iter().enumerate() {
            let (seen, honey) = (&seen, &honey);
            // Half of the buyers keep their connection; the others open a new one for each order.
            scope.spawn(move || buy(buyer, honey, n % 2 == 0, seen));
        }
        wait_for("orders", || (seen.answers.load(Ordering::SeqCst) >= 100).then_some(()));
        seen.signalled.store(true, Ordering::SeqCst);
        server.signal(signal);
    });
    let exit = server.wait();
    assert_eq!(exit.code, Some(0), "{}", exit.log);
    let lost = seen.lost.into_inner().expect("not poisoned");
    assert!(lost.is_empty(), "sent before the signal but never answered: {lost:?}");

    let server = deployment.start();
    let admin = server.known(&admin);
    let listed: BTreeSet<String> =
        all(&admin, &format!("{ORDERS}?limit=100")).iter().map(|order| id_of(order).to_owned()).collect();
    let placed = seen.placed.into_inner().expect("not poisoned");
    assert!(placed.is_subset(&listed), "acknowledged but not stored: {:?}", placed.difference(&listed));
    let count = i64::try_from(listed.len()).expect("a number");
    assert_eq!(stock_seen_by(&admin, &honey), (1_000_000, count));
    server.stop();
}

/// Places orders until the server is gone.
fn buy(buyer: &Client, product: &str, keeps: bool, seen: &Seen) {
    let call = buyer.post(ORDERS).json(basket(&[(product, 1)]));
    let bytes = call.bytes();
    let mut kept: Option<Connection> = None;
    loop {
        let connection = kept.take().map_or_else(|| buyer.connect(), Ok);
        let Ok(mut connection) = connection else {
            assert!(seen.signalled.load(Ordering::SeqCst), "the server refuses connections before the signal");
            return;
        };
        let sent = connection.send(&bytes);
        // The flag is read after sending. If it is not set, the whole request was sent before the signal.
        let is_in_flight = sent.is_ok() && !seen.signalled.load(Ordering::SeqCst);
        match connection.receive(false) {
            Ok(answer) => {
                let answer = call.check(answer).expect(201);
                seen.placed.lock().expect("not poisoned").insert(answer.text("/id"));
                seen.answers.fetch_add(1, Ordering::SeqCst);
                if keeps && answer.header("connection") != Some("close") {
                    kept = Some(connection);
                }
            }
            Err(error) if is_in_flight => {
                seen.lost.lock().expect("not poisoned").push(format!("{error} (kept: {keeps})"))
            }
            Err(_) => {}
        }
    }
}
