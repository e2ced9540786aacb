//! Products and their stock.

use super::{Context, Thing};
use crate::{
    Journey,
    scene::unique,
    shop::{PRODUCTS, Shop, all, count, eur, id_of, pages, path, product, stock_of, stock_path},
};
use serde_json::{Value, json};
use skep_journeys::{Client, Store};
use std::cmp::Ordering;

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::a_catalog_is_kept", products_are_created_changed_and_archived),
        Journey::new("slice::a_catalog_is_listed", every_product_once_in_every_order),
        Journey::new("slice::stock", stock_is_counted_and_shown),
    ],
    things: &[Thing {
        collection: PRODUCTS,
        parts: &["/stock"],
        is_busy: false,
        make: |shop, _, _| shop.product(&unique("SCENE"), 1999, 10),
    }],
    unique: &[("sku", |name| json!(name))],
    bodies: &[],
};

pub(crate) fn products_are_created_changed_and_archived(store: &Store) {
    let shop = Shop::open(store);
    let (admin, visitor, ada) = (&shop.admin, shop.server.visitor(), shop.user("ada"));
    let created = admin.post(PRODUCTS).json(product("HONEY", 1999, 100)).send().expect(201);
    let id = created.text("/id");
    let at = path(&id);
    assert_eq!((created.header("location"), created.etag().as_str()), (Some(at.as_str()), "\"1\""));
    assert_eq!(visitor.get(&at).send().expect(200).body, created.body);
    admin.post(PRODUCTS).json(product("HONEY", 1, 1)).send().refused(409, "sku_taken");
    ada.post(PRODUCTS).json(product("OWN", 1, 1)).send().refused(403, "forbidden");
    visitor.post(PRODUCTS).json(product("OWN", 1, 1)).send().refused(401, "unauthenticated");

    let whole = json!({ "sku": "HONEY", "name": "Linden honey", "description": "500 g", "price": eur(2199) });
    admin.put(&at).json(whole.clone()).send().refused(428, "precondition_required");
    admin.put(&at).if_match("\"7\"").json(whole.clone()).send().refused(412, "precondition_failed");
    let replaced = admin.put(&at).if_match("\"1\"").json(whole.clone()).send().expect(200);
    assert_eq!((replaced.etag().as_str(), replaced.text("/name").as_str()), ("\"2\"", "Linden honey"));
    admin.put(&at).if_match("\"1\"").json(whole).send().refused(412, "precondition_failed");

    admin.patch(&at).json(json!({ "name": "x" })).send().refused(428, "precondition_required");
    let merge = |body: Value| admin.patch(&at).if_match("*").text("application/merge-patch+json", body.to_string());
    let renamed = merge(json!({ "name": "Acacia honey" })).send().expect(200);
    assert_eq!((renamed.etag().as_str(), renamed.text("/description").as_str()), ("\"3\"", "500 g"));
    let emptied = merge(json!({ "description": null })).send().expect(200);
    assert_eq!((emptied.etag().as_str(), emptied.text("/description").as_str()), ("\"4\"", ""));
    // RFC 7396 merges objects in objects too: the part of the price that is absent stays.
    let cheaper = merge(json!({ "price": { "amount": 1500 } })).send().expect(200);
    assert_eq!(cheaper.json()["price"], json!({ "amount": 1500, "currency": "EUR" }));
    let in_yen = merge(json!({ "price": { "currency": "JPY" } })).send().expect(200);
    assert_eq!(
        (&in_yen.json()["price"], in_yen.etag().as_str()),
        (&json!({ "amount": 1500, "currency": "JPY" }), "\"6\"")
    );
    merge(json!({ "name": null })).send().refused(422, "validation_failed").at("/name", "required");
    let same = merge(json!({})).send().expect(200);
    assert_eq!((same.etag(), same.body), (in_yen.etag(), in_yen.body), "without a change, the version stays");
    ada.patch(&at).if_match("*").json(json!({ "name": "x" })).send().refused(403, "forbidden");

    ada.delete(&at).send().refused(403, "forbidden");
    admin.delete(&at).if_match("\"1\"").send().refused(412, "precondition_failed");
    let gone = admin.delete(&at).send().expect(204);
    assert!(gone.body.is_empty());
    visitor.get(&at).send().refused(404, "not_found");
    ada.get(stock_path(&id)).send().refused(404, "not_found");
    assert!(admin.get(&at).send().expect(200).json()["archived_at"].is_string(), "an admin still sees it");
    merge(json!({ "name": "x" })).send().refused(404, "not_found");
    assert_eq!(count(&visitor, PRODUCTS), 0);
    admin.post(PRODUCTS).json(product("HONEY", 1, 1)).send().refused(409, "sku_taken");
    shop.server.stop();
}

pub(crate) fn every_product_once_in_every_order(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    for n in 0..23 {
        // Neither names nor prices follow the order of creation, and many prices are equal.
        shop.product(&format!("SKU-{:02}", n * 7 % 23), 100 + n % 4, 1);
    }
    let total = 23;
    for key in ["created_at", "name", "sku", "price"] {
        for (sort, direction) in [(key.to_owned(), Ordering::Less), (format!("-{key}"), Ordering::Greater)] {
            let target = format!("{PRODUCTS}?limit=5&sort={sort}&count=exact");
            let pages = pages(&visitor, &target);
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5, 5, 3], "{sort}");
            let items = pages.concat();
            for pair in items.windows(2) {
                let (a, b) = (place(&pair[0], key), place(&pair[1], key));
                assert_eq!(a.partial_cmp(&b), Some(direction), "{sort}: {} then {}", pair[0], pair[1]);
            }
            let page = visitor.get(target).send().ok();
            assert_eq!((page.number("/page/total"), &page.json()["page"]["total_is_exact"]), (total, &json!(true)));
        }
    }
    assert_eq!(all(&visitor, &format!("{PRODUCTS}?sort=-created_at")), all(&visitor, PRODUCTS), "newest first");
    list_moves_under_a_reader(&shop, &visitor);
    shop.server.stop();
}

/// The sort key of a product in a list by `key`. Products with equal keys are sorted by their ids.
fn place(product: &Value, key: &str) -> (i64, String, String) {
    let (number, text) = match key {
        "price" => (product["price"]["amount"].as_i64().expect("an amount"), ""),
        key => (0, product[key].as_str().expect("a text")),
    };
    (number, text.to_owned(), id_of(product).to_owned())
}

/// A product that exists before the first page is read, and is not archived, appears exactly once.
fn list_moves_under_a_reader(shop: &Shop, visitor: &Client) {
    let before = all(visitor, &format!("{PRODUCTS}?sort=sku&limit=100"));
    let first = visitor.get(format!("{PRODUCTS}?sort=sku&limit=10")).send().ok().json();
    shop.product("A-NEW", 1, 1);
    shop.product("Z-NEW", 1, 1);
    shop.admin.delete(path(id_of(&before[3]))).send().expect(204);
    shop.admin.delete(path(id_of(&before[15]))).send().expect(204);
    let mut read = first["data"].as_array().expect("a list").clone();
    read.extend(all(visitor, first["links"]["next"].as_str().expect("a next page")));
    let mut skus: Vec<&str> = read.iter().map(|product| product["sku"].as_str().expect("a sku")).collect();
    assert_eq!(skus.pop(), Some("Z-NEW"));
    let mut expected: Vec<&str> = before.iter().map(|product| product["sku"].as_str().expect("a sku")).collect();
    expected.remove(15);
    assert_eq!(skus, expected);
}

pub(crate) fn stock_is_counted_and_shown(store: &Store) {
    let shop = Shop::open(store);
    let (admin, visitor, ada) = (&shop.admin, shop.server.visitor(), shop.user("ada"));
    let id = shop.product("HONEY", 1999, 10);
    let seen = stock_of(admin, &id);
    assert_eq!((shop.stock(&id), seen.etag().as_str()), ((10, 0), "\"1-10\""));
    let body = stock_of(&visitor, &id).json();
    assert_eq!((&body["available"], &body["on_hand"], &body["reserved"]), (&json!(10), &Value::Null, &Value::Null));

    let at = stock_path(&id);
    let set = |client: &Client, count: i64, etag: &str| {
        client.put(&at).if_match(etag).json(json!({ "on_hand": count })).send()
    };
    admin.put(&at).json(json!({ "on_hand": 5 })).send().refused(428, "precondition_required");
    set(admin, 5, "\"9\"").refused(412, "precondition_failed");
    set(&ada, 5, "*").refused(403, "forbidden");
    assert_eq!(set(admin, 25, "\"1-10\"").expect(200).etag(), "\"2-25\"");
    assert_eq!(set(admin, 25, "\"2-25\"").expect(200).etag(), "\"2-25\"", "the same count changes nothing");
    assert_eq!(visitor.get(path(&id)).send().ok().etag(), "\"1\"", "the product is as it was");

    ada.post(crate::shop::ORDERS).json(crate::shop::basket(&[(&id, 20)])).send().expect(201);
    assert_eq!((shop.stock(&id), visitor.get(path(&id)).send().ok().etag().as_str()), ((25, 20), "\"1\""));
    set(admin, 19, "*").refused(409, "stock_below_reserved");
    set(admin, 20, "*").expect(200);
    assert_eq!(shop.stock(&id), (20, 20));
    shop.server.stop();
}
