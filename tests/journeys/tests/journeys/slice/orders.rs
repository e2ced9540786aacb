//! Orders, placed one after the other.

use super::{Context, Thing, rush};
use crate::{
    Journey,
    shop::{ORDERS, PRODUCTS, Shop, all, basket, eur, id_of, path, product},
};
use serde_json::json;
use skep_journeys::{Answer, Store};

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::orders", prices_are_snapshotted_and_stock_is_reserved),
        Journey::new("slice::orders_are_private", no_user_sees_the_orders_of_others),
        Journey::new("slice::payments", a_confirmed_payment_is_kept),
        Journey::new("slice::repeats", a_repeat_with_a_key_gets_the_same_answer),
        Journey::new("slice::buyers", rush::sixty_four_buyers_of_thirty_two_pieces),
        Journey::new("slice::repeats_at_once", rush::fifty_repeats_at_once_are_one_order),
        Journey::new("slice::opposite_carts", rush::carts_in_opposite_order),
    ],
    things: &[Thing {
        collection: ORDERS,
        parts: &[],
        is_busy: false,
        make: |_, owner, scene| {
            owner.post(ORDERS).json(basket(&[(&scene.id(PRODUCTS), 1)])).send().expect(201).text("/id")
        },
    }],
    unique: &[],
    bodies: &[("place_order", |scene| basket(&[(&scene.id(PRODUCTS), 1)]))],
};

pub(crate) fn prices_are_snapshotted_and_stock_is_reserved(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let (honey, wax) = (shop.product("HONEY", 1999, 10), shop.product("WAX", 450, 10));
    let cart = json!({ "lines": [
        { "product_id": honey, "quantity": 2 },
        { "product_id": wax, "quantity": 3 },
        { "product_id": honey, "quantity": 1 },
    ] });
    let placed = ada.post(ORDERS).json(cart).send().expect(201);
    let order = placed.json();
    let at = format!("{ORDERS}/{}", id_of(&order));
    assert_eq!((placed.header("location"), placed.etag().as_str()), (Some(at.as_str()), "\"1\""));
    assert_eq!((&order["status"], &order["total"]), (&json!("pending"), &eur(3 * 1999 + 3 * 450)));
    assert_eq!(
        order["lines"],
        json!([
            { "product_id": honey, "sku": "HONEY", "name": "Honey HONEY", "quantity": 3, "unit_price": eur(1999), "total": eur(5997) },
            { "product_id": wax, "sku": "WAX", "name": "Honey WAX", "quantity": 3, "unit_price": eur(450), "total": eur(1350) },
        ]),
        "lines of one product are summed"
    );
    assert_eq!((shop.stock(&honey), shop.stock(&wax)), ((10, 3), (10, 3)));

    let dearer = json!({ "price": eur(9999), "name": "Gold", "sku": "GOLD" });
    shop.admin.patch(path(&honey)).if_match("\"1\"").json(dearer).send().expect(200);
    assert_eq!(ada.get(&at).send().expect(200).body, placed.body, "the order is as it was");
    let next = ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201);
    assert_eq!(next.json()["total"], eur(9999));

    let short = ada.post(ORDERS).json(basket(&[(&wax, 1), (&honey, 7)])).send();
    short.refused(409, "insufficient_stock").at("/lines/1/quantity", "insufficient_stock");
    assert_eq!((shop.stock(&honey), shop.stock(&wax)), ((10, 4), (10, 3)), "all or nothing");

    let cancel = || ada.post(format!("{at}/cancel")).send().expect(200);
    let cancel_if = |etag: &str| ada.post(format!("{at}/cancel")).if_match(etag).send();
    cancel_if("\"2\"").refused(412, "precondition_failed");
    assert_eq!(shop.stock(&wax), (10, 3), "a stale version cancels nothing");
    let cancelled = cancel_if("\"1\"").expect(200);
    assert_eq!((cancelled.text("/status").as_str(), cancelled.etag().as_str()), ("cancelled", "\"2\""));
    assert_eq!((shop.stock(&honey), shop.stock(&wax)), ((10, 1), (10, 0)), "the stock is given back");
    assert_eq!(cancel().body, cancelled.body, "once");
    assert_eq!(cancel_if("*").expect(200).body, cancelled.body, "any version");
    cancel_if("\"1\"").refused(412, "precondition_failed");
    assert_eq!((shop.stock(&honey), shop.stock(&wax)), ((10, 1), (10, 0)));

    shop.admin.delete(path(&honey)).send().expect(204);
    let gone = ada.post(ORDERS).json(basket(&[(&wax, 1), (&honey, 1)])).send();
    gone.refused(422, "validation_failed").at("/lines/1/product_id", "unknown_product");
    let mine = all(&ada, ORDERS);
    assert_eq!(mine, [next.json(), cancelled.json()], "newest first, with the archived product");
    shop.server.stop();
}

pub(crate) fn no_user_sees_the_orders_of_others(store: &Store) {
    let shop = Shop::open(store);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let honey = shop.product("HONEY", 1999, 10);
    let order = ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201);
    let at = format!("{ORDERS}/{}", order.text("/id"));
    let other = bob.get(&at).send().refused(404, "not_found");
    let missing = bob.get(format!("{ORDERS}/019a9d3c-5a00-7000-8000-000000000001")).send().refused(404, "not_found");
    assert_eq!(other.json()["detail"], missing.json()["detail"], "the answer does not show that the order exists");
    bob.post(format!("{at}/cancel")).send().refused(404, "not_found");
    assert!(all(&bob, ORDERS).is_empty());
    shop.server.visitor().get(ORDERS).send().refused(401, "unauthenticated");
    shop.server.visitor().get(&at).send().refused(401, "unauthenticated");
    assert_eq!(ada.get(&at).send().ok().body, order.body);
    assert_eq!(shop.admin.get(&at).send().ok().body, order.body, "an admin sees all");
    assert_eq!(all(&shop.admin, ORDERS), [order.json()]);
    assert_eq!(shop.stock(&honey), (10, 1));
    shop.server.stop();
}

pub(crate) fn a_confirmed_payment_is_kept(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 10);
    let place = || format!("{ORDERS}/{}", ada.post(ORDERS).json(basket(&[(&honey, 2)])).send().expect(201).text("/id"));
    let (at, other) = (place(), place());
    let confirm = |at: &str| format!("{at}/confirm-payment");
    ada.post(confirm(&at)).send().refused(403, "forbidden");
    shop.admin.post(confirm(&at)).if_match("\"2\"").send().refused(412, "precondition_failed");
    let missing = format!("{ORDERS}/019a9d3c-5a00-7000-8000-000000000001");
    shop.admin.post(confirm(&missing)).send().refused(404, "not_found");
    let paid = alike(2, || shop.admin.post(confirm(&at)).key("paid").if_match("\"1\"").send().expect(200));
    assert_eq!((paid.text("/status").as_str(), paid.etag().as_str()), ("paid", "\"2\""));
    assert_eq!(shop.admin.post(confirm(&at)).send().expect(200).body, paid.body, "once");
    assert_eq!(ada.get(&at).send().expect(200).body, paid.body);
    assert_eq!(shop.stock(&honey), (10, 4), "the pieces stay reserved");

    ada.post(format!("{other}/cancel")).send().expect(200);
    let late = shop.admin.post(confirm(&other)).send().expect(200);
    assert_eq!((late.text("/status").as_str(), late.etag().as_str()), ("cancelled", "\"3\""));
    assert_eq!(shop.stock(&honey), (10, 2));
    shop.server.stop();
}

pub(crate) fn a_repeat_with_a_key_gets_the_same_answer(store: &Store) {
    let shop = Shop::open(store);
    let (admin, ada, bob) = (&shop.admin, shop.user("ada"), shop.user("bob"));
    let create = |sku: &str| admin.post(PRODUCTS).key("create").json(product(sku, 1999, 10)).send();
    let honey = alike(2, || create("HONEY").expect(201)).text("/id");
    create("OTHER").refused(422, "idempotency_key_reused");
    let place = |quantity| ada.post(ORDERS).key("place").json(basket(&[(&honey, quantity)])).send();
    let order = alike(3, || place(2).expect(201));
    place(3).refused(422, "idempotency_key_reused");
    // A reused key is refused before an unknown or unparsable id.
    for id in ["019a9d3c-5a00-7000-8000-000000000001", "nope"] {
        let other = ada.post(ORDERS).key("place").json(basket(&[(id, 3)])).send();
        other.refused(422, "idempotency_key_reused");
    }
    bob.post(ORDERS).key("place").json(basket(&[(&honey, 3)])).send().expect(201);
    assert_eq!((shop.order_count(), shop.stock(&honey)), (2, (10, 5)), "the key of another user is another key");

    let at = path(&honey);
    alike(2, || admin.patch(&at).key("p").if_match("\"1\"").json(json!({ "name": "Honey" })).send().expect(200));
    alike(2, || {
        let whole = json!({ "sku": "HONEY", "name": "Linden", "price": eur(5) });
        admin.put(&at).key("q").if_match("\"2\"").json(whole).send().expect(200)
    });
    let stock = format!("{at}/stock");
    alike(2, || admin.put(&stock).key("s").if_match("\"3\"").json(json!({ "on_hand": 30 })).send().expect(200));
    let cancel = format!("{ORDERS}/{}/cancel", order.text("/id"));
    alike(2, || ada.post(&cancel).key("c").send().expect(200));
    alike(2, || admin.delete(&at).key("d").send().expect(204));
    assert_eq!(place(2).expect(201).body, order.body, "the first answer, whatever has happened since");

    // A refusal is not kept, so a repeat is decided again.
    let wax = shop.product("WAX", 450, 0);
    let try_wax = || ada.post(ORDERS).key("wax").json(basket(&[(&wax, 1)])).send();
    try_wax().refused(409, "insufficient_stock");
    admin.put(format!("{PRODUCTS}/{wax}/stock")).if_match("*").json(json!({ "on_hand": 1 })).send().expect(200);
    try_wax().expect(201);
    shop.server.stop();
}

/// Makes a call several times and expects the same answer, byte by byte.
#[track_caller]
fn alike(times: usize, ask: impl Fn() -> Answer) -> Answer {
    let first = ask();
    for _ in 1..times {
        let again = ask();
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!((again.header("etag"), again.header("location")), (first.header("etag"), first.header("location")));
    }
    first
}
