//! Many connections at once.

use crate::shop::{ORDERS, PRODUCTS, Shop, basket};
use skep_journeys::{Connection, Deployment, Store, wait_for};

const IDLE: usize = 500;
/// More than the idle ones, so that there is room for those that work.
const CAP: usize = 520;

pub(crate) fn requests_go_on_beside_idle_connections(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_MAX_CONNECTIONS", CAP.to_string());
    // Until this journey is over.
    deployment.set("SKEP_IDLE_TIMEOUT", "3600");
    let shop = Shop::open_on(deployment);
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 100);
    let get = ada.get(PRODUCTS);
    let open = || -> Connection {
        let mut connection = shop.server.connect();
        get.check(connection.exchange(&get.bytes()).expect("an answer")).expect(200);
        connection
    };
    let mut held: Vec<Connection> = (0..IDLE).map(|_| open()).collect();
    for _ in 0..50 {
        ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201);
    }
    assert_eq!(shop.stock(&honey), (100, 50));

    // Over the cap, a newcomer is told so and not left waiting.
    let full = wait_for("the cap to be reached", || {
        let mut connection = shop.server.connect();
        let answer = connection.exchange(&get.bytes()).expect("an answer");
        if answer.status == 200 {
            held.push(connection);
            return None;
        }
        assert!(connection.rest().is_ok(), "and then hung up on");
        Some(answer)
    });
    assert!((CAP - 5..=CAP).contains(&held.len()), "{} were open", held.len());
    let full = full.refused(503, "unavailable");
    assert!(full.header("retry-after").is_some() && full.header("connection") == Some("close"), "{full:?}");
    // Those who are in are served as before.
    for connection in &mut held {
        get.check(connection.exchange(&get.bytes()).expect("an answer")).expect(200);
    }
    // A place that comes free is taken again.
    held.truncate(IDLE);
    wait_for("a place", || ada.connect().ok()?.exchange(&get.bytes()).ok().filter(|answer| answer.status == 200));
    drop(held);
    shop.server.stop();
}
