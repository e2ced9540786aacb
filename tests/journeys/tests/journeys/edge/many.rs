//! Many connections at once.

use crate::shop::{ORDERS, PRODUCTS, Shop, basket};
use skep_journeys::{Connection, Deployment, Store, wait_for};

const IDLE: usize = 500;
/// More than the idle connections, so that there is room for active ones.
const CAP: usize = 520;

pub(crate) fn requests_go_on_beside_idle_connections(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_MAX_CONNECTIONS", CAP.to_string());
    // Longer than this journey takes.
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

    // A connection over the cap gets an answer at once instead of waiting.
    let full = wait_for("the cap to be reached", || {
        let mut connection = shop.server.connect();
        let answer = connection.exchange(&get.bytes()).expect("an answer");
        if answer.status == 200 {
            held.push(connection);
            return None;
        }
        assert!(connection.rest().is_ok(), "the server hangs up after the answer");
        Some(answer)
    });
    assert!((CAP - 5..=CAP).contains(&held.len()), "{} were open", held.len());
    let full = full.refused(503, "unavailable");
    assert!(full.header("retry-after").is_some() && full.header("connection") == Some("close"), "{full:?}");
    // Connections under the cap are served as before.
    for connection in &mut held {
        get.check(connection.exchange(&get.bytes()).expect("an answer")).expect(200);
    }
    // A new connection gets a place that has become free.
    held.truncate(IDLE);
    wait_for("a place", || ada.connect().ok()?.exchange(&get.bytes()).ok().filter(|answer| answer.status == 200));
    drop(held);
    shop.server.stop();
}
