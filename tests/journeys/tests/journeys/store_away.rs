//! The store goes away and comes back.

use crate::{
    Journey, Needs,
    shop::{ORDERS, PRODUCTS, PROFILE, Shop, basket},
};
use skep_journeys::{Deployment, Store, Wire, wait_for};

pub(crate) const JOURNEYS: &[Journey] =
    &[Journey::new("store_away::and_back", requests_are_refused_until_it_is_back).needing(Needs::Server)];

fn requests_are_refused_until_it_is_back(store: &Store) {
    let mut deployment = Deployment::new(store);
    let wire = Wire::to_the_store_of(&mut deployment);
    let shop = Shop::open_on(deployment);
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 10);
    let place = |key: &str| ada.post(ORDERS).key(key).json(basket(&[(&honey, 1)])).send();
    let first = place("first").expect(201);
    let visitor = shop.server.visitor();

    wire.cut();
    for _ in 0..3 {
        for call in [visitor.get("/ready"), visitor.get(PRODUCTS), ada.get(PROFILE)] {
            let answer = call.send().expect(503);
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
        visitor.get("/health").send().expect(200);
    }
    place("second").expect(503);

    wire.mend();
    wait_for("the server to be ready", || (visitor.get("/ready").send().status == 200).then_some(()));
    assert_eq!(place("first").expect(201).body, first.body, "the acknowledged order is stored");
    place("second").expect(201);
    assert_eq!((shop.order_count(), shop.stock(&honey)), (2, (10, 2)));
    shop.server.stop();
}
