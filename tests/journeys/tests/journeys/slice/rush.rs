//! Many orders at once.

use crate::shop::{ORDERS, Shop, all, basket, id_of};
use skep_journeys::{Answer, Store, wait_for};
use std::{collections::BTreeSet, sync::Barrier, thread, time::Instant};

pub(crate) fn sixty_four_buyers_of_thirty_two_pieces(store: &Store) {
    let shop = Shop::open(store);
    let buyers = shop.users(64);
    let honey = shop.product("HONEY", 1999, 32);
    let start = Instant::now();
    let answers = at_once(64, |n| buyers[n].post(ORDERS).json(basket(&[(&honey, 1)])).send());
    print(&format!("{}: 64 buyers at once for 32 pieces: {} ms", store.name(), start.elapsed().as_millis()));
    let (placed, short): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|answer| answer.status == 201);
    for answer in &short {
        answer.clone().refused(409, "insufficient_stock").at("/lines/0/quantity", "insufficient_stock");
    }
    assert_eq!((placed.len(), short.len()), (32, 32));
    assert_eq!((shop.stock(&honey), shop.order_count()), ((32, 32), 32));
    let listed: BTreeSet<String> =
        all(&shop.admin, &format!("{ORDERS}?limit=10")).iter().map(|order| id_of(order).to_owned()).collect();
    assert_eq!(listed, placed.iter().map(|answer| answer.text("/id")).collect());
    shop.server.stop();
}

pub(crate) fn fifty_repeats_at_once_are_one_order(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 100);
    let answers = at_once(50, |_| ada.post(ORDERS).key("once").json(basket(&[(&honey, 2)])).send().expect(201));
    for answer in &answers {
        assert_eq!((&answer.body, answer.header("location")), (&answers[0].body, answers[0].header("location")));
    }
    assert_eq!((shop.order_count(), shop.stock(&honey)), (1, (100, 2)));
    shop.server.stop();
}

pub(crate) fn carts_in_opposite_order(store: &Store) {
    let shop = Shop::open(store);
    let buyers = shop.users(16);
    let (honey, wax) = (shop.product("HONEY", 1999, 100), shop.product("WAX", 450, 100));
    at_once(16, |n| {
        let (first, second) = if n % 2 == 0 { (&honey, &wax) } else { (&wax, &honey) };
        buyers[n].post(ORDERS).json(basket(&[(first, 2), (second, 1)])).send().expect(201)
    });
    assert_eq!((shop.stock(&honey), shop.stock(&wax)), ((100, 24), (100, 24)));
    shop.server.stop();
}

/// Asks until the store lets a call through. It is answered 503 with `Retry-After` while a row that it needs is in use for
/// too long: by a transaction of a killed server, which MongoDB ends only at its maximum age, or by many others on a busy
/// machine.
#[track_caller]
pub(crate) fn insist(ask: impl Fn() -> Answer) -> Answer {
    wait_for("the store to let a call through", || {
        let answer = ask();
        let must_wait = answer.status == 503 && answer.header("retry-after").is_some();
        (!must_wait).then_some(answer)
    })
}

/// Calls `ask` from `count` threads, which start together.
#[track_caller]
pub(crate) fn at_once<T: Send>(count: usize, ask: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|n| {
                let (barrier, ask) = (&barrier, &ask);
                scope.spawn(move || {
                    barrier.wait();
                    ask(n)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    })
}

#[expect(clippy::print_stdout, reason = "the run shows how long the rush took")]
fn print(text: &str) {
    println!("{text}");
}
