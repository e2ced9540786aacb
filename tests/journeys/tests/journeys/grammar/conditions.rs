//! Conditional requests (RFC 9110, 13), and `Location`.

use crate::shop::{
    ORDERS, PASSWORD, PRODUCTS, PROFILE, REGISTER, SETUP, Shop, account, basket, path, product, stock_path, with_token,
};
use serde_json::json;
use skep_journeys::{Answer, Call, Deployment, Store};

const CATEGORIES: &str = "/api/v1/categories";

pub(crate) fn a_read_is_answered_304_while_nothing_has_changed(store: &Store) {
    let shop = Shop::open(store);
    let (admin, ada, visitor) = (&shop.admin, shop.user("ada"), shop.server.visitor());
    let honey = shop.product("HONEY", 1999, 10);
    let order = ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201);
    let honey_comb = json!({ "name": "Honey", "slug": "honey" });
    let category = admin.post(CATEGORIES).json(honey_comb).send().expect(201);
    let at = |answer: &Answer| answer.header("location").expect("a location").to_owned();
    for (client, target) in [
        (&visitor, path(&honey)),
        (&visitor, stock_path(&honey)),
        (admin, stock_path(&honey)),
        (&ada, at(&order)),
        (&ada, PROFILE.to_owned()),
        (&visitor, at(&category)),
        (&visitor, "/openapi.json".to_owned()),
    ] {
        let whole = client.get(&target).send().expect(200);
        let etag = whole.etag();
        for condition in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            for method in ["GET", "HEAD"] {
                let same = client.call(method, &target).header("If-None-Match", &condition).send().expect(304);
                assert_eq!((same.etag(), same.body.len()), (etag.clone(), 0), "{method} {target} {condition}");
                // The headers that the answer 200 has, too (RFC 9110, 15.4.5).
                assert!(same.header("date").is_some(), "{same:?}");
                for name in ["cache-control", "vary"] {
                    assert_eq!(same.header(name), whole.header(name), "{name} of {target}");
                }
                assert_eq!((same.header("content-type"), same.header("content-length")), (None, None), "{same:?}");
            }
        }
        let ask = |lines: &[(&str, &str)]| {
            lines.iter().fold(client.get(&target), |call, (name, value)| call.header(name, *value)).send()
        };
        ask(&[("If-None-Match", "\"x\""), ("If-None-Match", &etag)]).expect(304);
        ask(&[("If-None-Match", "\"x\"")]).expect(200);
        ask(&[("If-None-Match", "no list")]).expect(200);
        ask(&[("If-None-Match", "\u{e9}")]).expect(200);
        ask(&[("If-None-Match", &format!("\"\u{e9}\", {etag}"))]).expect(304);
        ask(&[("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")]).expect(200);
        ask(&[("If-Match", &etag)]).expect(200);
        ask(&[("If-Match", &etag), ("If-None-Match", &etag)]).expect(304);
        ask(&[("If-Match", "\"x\""), ("If-None-Match", &etag)]).refused(412, "precondition_failed");
        ask(&[("If-Match", &format!("W/{etag}"))]).refused(412, "precondition_failed");
    }
    // A change ends it, and a caller that may not see a resource gets no 304.
    let before = visitor.get(path(&honey)).send().etag();
    admin.patch(path(&honey)).if_match(&before).json(json!({ "name": "Linden honey" })).send().expect(200);
    visitor.get(path(&honey)).header("If-None-Match", &before).send().expect(200);
    visitor.get(at(&order)).header("If-None-Match", "*").send().refused(401, "unauthenticated");
    shop.user("bob").get(at(&order)).header("If-None-Match", "*").send().refused(404, "not_found");
    // The tag of a compressed answer comes back with 304.
    let long = json!({ "description": "honey ".repeat(1_000) });
    admin.patch(path(&honey)).if_match("*").json(long).send().expect(200);
    let packed = visitor.get(path(&honey)).header("Accept-Encoding", "gzip");
    let packed = shop.server.connect().exchange(&packed.bytes()).expect("an answer").expect(200);
    assert!(packed.etag().ends_with("-gzip\""), "{}", packed.etag());
    let same = visitor.get(path(&honey)).header("Accept-Encoding", "gzip").header("If-None-Match", packed.etag());
    let same = same.send().expect(304);
    assert_eq!((same.etag(), same.header("vary")), (packed.etag(), packed.header("vary")));
    // It is only for a client that has this answer.
    let plain = visitor.get(path(&honey)).send().etag();
    let same = visitor.get(path(&honey)).header("If-None-Match", format!("\"x-gzip\", {plain}")).send().expect(304);
    assert_eq!(same.etag(), plain);
    shop.server.stop();
}

pub(crate) fn a_change_is_made_only_under_its_conditions(store: &Store) {
    let shop = Shop::open(store);
    let (admin, ada, visitor) = (&shop.admin, shop.user("ada"), shop.server.visitor());
    let honey = shop.product("HONEY", 1999, 10);
    let order = ada.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201);
    let order = order.header("location").expect("a location").to_owned();
    let category = admin.post(CATEGORIES).json(json!({ "name": "Honey", "slug": "honey" })).send().expect(201);
    let category = category.header("location").expect("a location").to_owned();
    let before = shop.state();
    let name = json!({ "name": "Linden honey" });
    let unless = |call: Call<'_>, condition: &str| call.header("If-None-Match", condition).send();
    let failed = |answer: Answer| drop(answer.refused(412, "precondition_failed"));
    for condition in ["*", "\"1\"", "W/\"1\"", "\"x\", \"1\""] {
        failed(unless(admin.patch(path(&honey)).json(name.clone()), condition));
        failed(unless(admin.patch(path(&honey)).if_match("\"1\"").json(name.clone()), condition));
        failed(unless(admin.delete(path(&honey)), condition));
        failed(unless(admin.patch(&category).json(name.clone()), condition));
        failed(unless(admin.delete(&category), condition));
        failed(unless(admin.post(format!("{category}/move")).json(json!({ "parent_id": null })), condition));
        failed(unless(ada.post(format!("{order}/cancel")), condition));
        failed(unless(admin.post(format!("{order}/confirm-payment")), condition));
    }
    failed(unless(admin.put(stock_path(&honey)).json(json!({ "on_hand": 5 })), "*"));
    // A list exists, so nothing is new there, and it has no tag.
    for (name, value) in [("If-None-Match", "*"), ("If-Match", "\"1\"")] {
        let new = product("NEW", 1, 1);
        failed(admin.post(PRODUCTS).header(name, value).json(new.clone()).send());
        ada.post(PRODUCTS).header(name, value).json(new.clone()).send().refused(403, "forbidden");
        visitor.post(PRODUCTS).header(name, value).json(new).send().refused(401, "unauthenticated");
        admin.post(PRODUCTS).header(name, value).text("text/plain", "").send().refused(415, "unsupported_media_type");
        failed(ada.post(ORDERS).header(name, value).json(basket(&[(&honey, 1)])).send());
        failed(admin.post(CATEGORIES).header(name, value).json(json!({ "name": "Wax", "slug": "wax" })).send());
    }
    for call in [
        admin.patch(path(&honey)).if_match("*").json(name.clone()),
        admin.post(PRODUCTS).json(product("NEW", 1, 1)),
        ada.post(ORDERS).json(basket(&[(&honey, 1)])),
        admin.post(CATEGORIES).json(json!({ "name": "Wax", "slug": "wax" })),
    ] {
        assert_eq!(unless(call, "1").problem(), "400 invalid_parameter ?If-None-Match");
    }
    assert_eq!(shop.state(), before, "nothing is changed");

    unless(admin.patch(path(&honey)).json(name.clone()), "\"7\"").refused(428, "precondition_required");
    // Two lines are one list.
    let two = |first: &str, second: &str| admin.patch(path(&honey)).if_match(first).if_match(second).json(name.clone());
    failed(two("\"8\"", "\"9\"").send());
    two("\"9\"", "\"1\"").send().expect(200);
    unless(admin.patch(path(&honey)).if_match("\"2\"").json(json!({ "name": "Honey" })), "\"1\"").expect(200);
    unless(ada.post(format!("{order}/cancel")), "\"7\"").expect(200);
    unless(admin.post(PRODUCTS).json(product("NEW", 1, 1)), "\"7\"").expect(201);
    admin.post(PRODUCTS).if_match("*").json(product("NEWER", 1, 1)).send().expect(201);
    shop.server.stop();
}

pub(crate) fn every_new_resource_has_a_location(store: &Store) {
    let deployment = Deployment::new(store);
    let server = deployment.start();
    let (visitor, token) = (server.visitor(), server.setup_token().expect("a token for the setup is printed"));
    let log_in = |name: &str| {
        let login = json!({ "email": account(name)["email"], "password": PASSWORD });
        visitor.with_token(visitor.post(crate::shop::LOGIN).json(login).send().expect(200).text("/access_token"))
    };
    let set_up = visitor.post(SETUP).json(with_token(&token)).send().expect(201);
    let admin = log_in("grace");
    let registered = visitor.post(REGISTER).json(account("ada")).send().expect(201);
    let ada = log_in("ada");
    let honey = admin.post(PRODUCTS).json(product("HONEY", 1, 10)).send().expect(201);
    let category = admin.post(CATEGORIES).json(json!({ "name": "Honey", "slug": "honey" })).send().expect(201);
    let order = ada.post(ORDERS).json(basket(&[(&honey.text("/id"), 1)])).send().expect(201);
    for (client, created) in [(&admin, set_up), (&ada, registered), (&admin, honey), (&admin, category), (&ada, order)]
    {
        let location = created.header("location").unwrap_or_else(|| panic!("no location: {created:?}"));
        assert_eq!(location, created.text("/links/self"));
        let found = client.get(location).send().expect(200);
        assert_eq!((found.json(), found.etag()), (created.json(), created.etag()));
    }
    server.stop();
}
