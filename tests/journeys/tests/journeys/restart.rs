//! A restart keeps everything.

use crate::{
    Journey,
    shop::{ORDERS, PRODUCTS, PROFILE, SETUP, Shop, all, basket, log_in, path, stock_path, with_token},
};
use skep_journeys::{Answer, Client, Deployment, Store};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("restart::keeps_everything", everything_is_as_it_was),
    Journey::new("restart::renews_the_set_up_token", every_start_without_an_admin_renews_the_token),
];

fn everything_is_as_it_was(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let products: Vec<String> = (0..5).map(|n| shop.product(&format!("SKU-{n}"), 100 * n, 10)).collect();
    let place = |client: &Client| client.post(ORDERS).key("k").json(basket(&[(&products[1], 2)])).send();
    let placed = place(&ada).expect(201);
    let order = format!("{ORDERS}/{}", placed.text("/id"));
    let next = ada.get(format!("{PRODUCTS}?sort=sku&limit=2")).send().ok().text("/links/next");
    let seen = |admin: &Client, ada: &Client| -> Vec<(u16, Vec<u8>, Option<String>)> {
        let targets = [PROFILE, PRODUCTS, ORDERS, &order, &path(&products[1]), &stock_path(&products[1]), &next];
        let admins = [PROFILE, ORDERS, &stock_path(&products[1])];
        let parts = |answer: Answer| (answer.status, answer.body.clone(), answer.header("etag").map(str::to_owned));
        let of = |client: &Client, targets: &[&str]| {
            targets.iter().map(|target| parts(client.get(*target).send().ok())).collect::<Vec<_>>()
        };
        [of(ada, &targets), of(admin, &admins)].concat()
    };
    let before = seen(&shop.admin, &ada);
    let Shop { server, admin, deployment } = shop;
    server.stop();

    let server = deployment.start();
    assert_eq!(server.setup_token(), None, "there is an admin");
    let (admin, ada) = (server.known(&admin), server.known(&ada));
    assert_eq!(seen(&admin, &ada), before, "tokens and cursors still work, and nothing is lost");
    let again = place(&ada).expect(201);
    assert_eq!((&again.body, all(&ada, ORDERS).len()), (&placed.body, 1), "the key is known");
    log_in(&server, "ada").post(format!("{order}/cancel")).send().expect(200);
    server.visitor().post(SETUP).json(with_token("any")).send().refused(409, "setup_closed");
    server.stop();
}

fn every_start_without_an_admin_renews_the_token(store: &Store) {
    let deployment = Deployment::new(store);
    let first = deployment.start();
    let old = first.setup_token().expect("a token");
    first.stop();
    let second = deployment.start();
    let new = second.setup_token().expect("a token");
    let set_up = |token: &str| second.visitor().post(SETUP).json(with_token(token)).send();
    set_up(&old).refused(403, "setup_token_invalid");
    set_up(&new).expect(201);
    second.stop();
    let third = deployment.start();
    assert_eq!(third.setup_token(), None);
    third.stop();
}
