//! Many connections at once.

use crate::shop::{ORDERS, PRODUCTS, Shop, basket};
use skep_journeys::{Connection, Deployment, Store, wait_for};

const IDLE: usize = 500;
/// More than the idle connections, so that there is room for active ones.
const CAP: usize = 520;
/// The new connections above the cap.
const REPLACED: u8 = 10;
/// The connections that are certainly not among the oldest.
const YOUNG: usize = 400;

pub(crate) fn requests_go_on_beside_idle_connections(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_MAX_CONNECTIONS", CAP.to_string());
    deployment.set("SKEP_MAX_CONNECTIONS_PER_NETWORK", "1000");
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

    // Above the cap, each new connection gets the place of the one that has been idle longest.
    let mut fresh: Vec<Connection> = (IDLE..CAP + usize::from(REPLACED)).map(|_| open()).collect();
    wait_for("idle connections to make room", || {
        (shop.server.metric("http_server_connections_closed_total") >= f64::from(REPLACED)).then_some(())
    });
    assert_eq!(shop.server.metric("http_server_connections_refused_total"), 0.0);
    // The others are served as before.
    for connection in held.iter_mut().skip(IDLE - YOUNG).chain(&mut fresh) {
        get.check(connection.exchange(&get.bytes()).expect("an answer")).expect(200);
    }
    drop(held);
    shop.server.stop();
}
