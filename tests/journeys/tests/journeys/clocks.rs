//! Clocks that step back and forth by an hour: nothing is lost.

use crate::{
    Journey, Needs,
    shop::{ORDERS, PROFILE, Shop, all, basket, log_in},
    start::libfaketime,
};
use skep_journeys::{Client, Deployment, Server, Store};

pub(crate) const JOURNEYS: &[Journey] =
    &[Journey::new("clocks::step", a_clock_that_steps_by_an_hour_loses_nothing).needing(Needs::FakeTime)];

/// Starts the server with a clock that is so far from ours, as `+50m`.
fn start_at(deployment: &Deployment, offset: &str) -> Server {
    let library = libfaketime().expect("a library").display().to_string();
    deployment.start_with(&[
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", offset),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ])
}

fn a_clock_that_steps_by_an_hour_loses_nothing(store: &Store) {
    let shop = Shop::open(store);
    let honey = shop.product("HONEY", 100, 100);
    shop.user("ada");
    let Shop { server, deployment, .. } = shop;
    server.stop();

    let place = |client: &Client, key: &str| client.post(ORDERS).key(key).json(basket(&[(&honey, 2)])).send();
    let (mut users, mut orders) = (Vec::<(Client, i64)>::new(), Vec::<(String, Vec<u8>)>::new());
    // Each start is an hour before or after the one before it.
    for (round, (offset, hours)) in
        [("+1h", 1), ("+0h", 0), ("+1h", 1), ("+0h", 0), ("-1h", -1)].into_iter().enumerate()
    {
        let server = start_at(&deployment, offset);
        // A token of a later hour is valid now. Those of an earlier hour have expired.
        for (user, issued) in &users {
            let user = server.known(user);
            match user.get(PROFILE).send() {
                answer if hours <= *issued => drop(answer.expect(200)),
                answer => drop(answer.refused(401, "invalid_token")),
            }
        }
        let ada = log_in(&server, "ada");
        for (key, order) in &orders {
            assert_eq!(&place(&ada, key).expect(201).body, order, "the key {key} is known");
        }
        let key = format!("round {round}");
        orders.push((key.clone(), place(&ada, &key).expect(201).body));
        assert_eq!(all(&ada, ORDERS).len(), round + 1, "each order is there once");
        users.push((ada, hours));
        server.stop();
    }
}
