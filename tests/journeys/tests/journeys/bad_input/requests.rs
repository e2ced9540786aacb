//! Every part of a request except its body.

use super::{Cases, JSON, are_refused};
use crate::shop::{LOGIN, ORDERS, PRODUCTS, PROFILE, REGISTER, Shop, account, basket, path, product, stock_path};
use serde_json::json;
use skep_journeys::{Client, Store};

const UNKNOWN: &str = "019a9d3c-5a00-7000-8000-000000000001";

pub(crate) fn parameters_and_headers(store: &Store) {
    let shop = Shop::open(store);
    let (admin, ada, bob, visitor) = (&shop.admin, shop.user("ada"), shop.user("bob"), shop.server.visitor());
    let honey = shop.product("HONEY", 1999, 10);
    shop.product("WAX", 450, 10);
    for user in [&ada, &ada, &bob, &bob] {
        user.post(ORDERS).json(basket(&[(&honey, 1)])).send().expect(201);
    }
    let cursor =
        |client: &Client, list: &str| client.get(format!("{list}limit=1")).send().ok().text("/page/next_cursor");
    let of_ada = cursor(&ada, &format!("{ORDERS}?"));
    let of_sku = cursor(&ada, &format!("{PRODUCTS}?sort=sku&"));
    let good = format!("{ORDERS}?cursor={of_ada}");
    ada.get(&good).send().expect(200);
    let list = |query: &str| ada.get(format!("{PRODUCTS}?{query}"));
    let mut cases: Cases<'_> = vec![
        (bob.get(&good), "400 invalid_parameter ?cursor"),
        (admin.get(&good), "400 invalid_parameter ?cursor"),
        (ada.get(format!("{good}&sort=created_at")), "400 invalid_parameter ?cursor"),
        (list(&format!("cursor={of_ada}")), "400 invalid_parameter ?cursor"),
        (list(&format!("cursor={of_sku}")), "400 invalid_parameter ?cursor"),
        (visitor.get(format!("{PRODUCTS}?sort=sku&cursor={of_sku}")), "400 invalid_parameter ?cursor"),
        (list(&format!("sort=sku&cursor={of_sku}A")), "400 invalid_parameter ?cursor"),
        (list(&format!("sort=sku&cursor=A{of_sku}")), "400 invalid_parameter ?cursor"),
        (ada.get(format!("{}?limit=1", path(&honey))), "400 invalid_parameter ?limit"),
        (ada.post(format!("{ORDERS}?dry_run=1")).json(basket(&[(&honey, 1)])), "400 invalid_parameter ?dry_run"),
        (ada.get(format!("{PRODUCTS}/%00")), "400 bad_request"),
        (ada.get(format!("{PRODUCTS}/a%00b/stock")), "400 bad_request"),
        (ada.get(format!("{PRODUCTS}/%ff")), "400 bad_request"),
        (ada.get(format!("{PRODUCTS}/%zz")), "400 bad_request"),
        (ada.get(format!("{PRODUCTS}/nope")), "404 not_found"),
        (ada.get(format!("{PRODUCTS}/{UNKNOWN}")), "404 not_found"),
        (ada.get(format!("{PRODUCTS}/..%2f..%2fhealth")), "404 not_found"),
        (ada.get(stock_path("nope")), "404 not_found"),
        (ada.get(format!("{ORDERS}/nope")), "404 not_found"),
        (ada.post(format!("{ORDERS}/{UNKNOWN}/cancel")), "404 not_found"),
        (admin.delete(path("nope")), "404 not_found"),
        (admin.put(stock_path(UNKNOWN)).if_match("*").json(json!({ "on_hand": 1 })), "404 not_found"),
        (ada.get("/api/v1/nothing"), "404 not_found"),
        (ada.get("/api/v1/products/"), "404 not_found"),
        (ada.get("/api/v2/products"), "404 not_found"),
    ];
    let of_list = [
        ("limit=0", "400 invalid_parameter ?limit"),
        ("limit=101", "400 invalid_parameter ?limit"),
        ("limit=-1", "400 invalid_parameter ?limit"),
        ("limit=", "400 invalid_parameter ?limit"),
        ("limit=ten", "400 invalid_parameter ?limit"),
        ("limit=1.5", "400 invalid_parameter ?limit"),
        ("limit=99999999999999999999", "400 invalid_parameter ?limit"),
        ("limit=1&limit=1", "400 invalid_parameter ?limit"),
        ("sort=color", "400 invalid_parameter ?sort"),
        ("sort=", "400 invalid_parameter ?sort"),
        ("sort=--sku", "400 invalid_parameter ?sort"),
        ("sort=sku,name", "400 invalid_parameter ?sort"),
        ("sort=id;drop", "400 invalid_parameter ?sort"),
        ("count=yes", "400 invalid_parameter ?count"),
        ("count=", "400 invalid_parameter ?count"),
        ("cursor=", "400 invalid_parameter ?cursor"),
        ("cursor=x", "400 invalid_parameter ?cursor"),
        ("cursor=%00", "400 invalid_parameter ?cursor"),
        ("page=2", "400 invalid_parameter ?page"),
        ("Limit=1", "400 invalid_parameter ?Limit"),
        ("limit=1&lim%69t=2", "400 invalid_parameter ?limit"),
    ];
    cases.extend(of_list.map(|(query, expected)| (list(query), expected)));
    let change = |etag: &str| admin.patch(path(&honey)).if_match(etag).json(json!({ "name": "x" }));
    for etag in
        ["", "1", "\u{e9}", "\"\u{e9}\"", "W/\"1\"", "\"0\"", "\"01\"", "\"2\"", "\"x\"", "\"99999999999999999999\""]
    {
        cases.push((change(etag), "412 precondition_failed"));
    }
    let place = |key: &str| ada.post(ORDERS).key(key).json(basket(&[(&honey, 1)]));
    for key in ["", &"k".repeat(256), "\u{e9}", "a\tb"] {
        cases.push((place(key), "400 invalid_parameter ?Idempotency-Key"));
    }
    cases.push((place("a").key("b"), "400 bad_request"));
    are_refused(&shop, cases);
    shop.server.stop();
}

pub(crate) fn methods_and_media_types(store: &Store) {
    let shop = Shop::open(store);
    let (admin, ada) = (&shop.admin, shop.user("ada"));
    let honey = shop.product("HONEY", 1999, 10);
    let not_served = [
        ("DELETE", ORDERS.to_owned(), "GET, HEAD, OPTIONS, POST"),
        ("PUT", PRODUCTS.to_owned(), "GET, HEAD, OPTIONS, POST"),
        ("POST", path(&honey), "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("PATCH", stock_path(&honey), "GET, HEAD, OPTIONS, PUT"),
        ("GET", LOGIN.to_owned(), "OPTIONS, POST"),
        ("POST", "/health".to_owned(), "GET, HEAD, OPTIONS"),
    ];
    for (method, target, allow) in &not_served {
        let answer = admin.call(method, target).send().refused(405, "method_not_allowed");
        let mut allowed: Vec<&str> = answer.header("allow").expect("an Allow header").split(", ").collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(", "), *allow, "{method} {target}");
    }
    let order = basket(&[(&honey, 1)]).to_string();
    let typed = |media_type: &str| ada.post(ORDERS).text(media_type, order.clone());
    let mut cases: Cases<'_> = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/merge-patch+json",
        "application/json; charset=utf-16",
        "",
    ]
    .into_iter()
    .map(|media_type| (typed(media_type), "415 unsupported_media_type"))
    .collect();
    cases.push((typed(JSON).header("Content-Encoding", "gzip"), "415 unsupported_media_type"));
    cases.push((ada.post(ORDERS), "415 unsupported_media_type"));
    let patch = admin.patch(path(&honey)).if_match("*").text("application/json-patch+json", "[]");
    cases.push((patch, "415 unsupported_media_type"));
    are_refused(&shop, cases);
    let head = ada.call("HEAD", path(&honey)).send().expect(200);
    assert_eq!(head.etag(), ada.get(path(&honey)).send().ok().etag());
    shop.server.stop();
}

pub(crate) fn requests_that_break_http(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 10);
    let before = shop.state();
    let body = basket(&[(&honey, 1)]).to_string();
    let authorization = format!("Authorization: Bearer {}\r\nContent-Type: {JSON}\r\n", ada.token());
    let post = |headers: &str, body: &str| format!("POST {ORDERS} HTTP/1.1\r\n{authorization}{headers}\r\n{body}");
    let length = format!("Content-Length: {}\r\n", body.len());
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let megabyte = format!("{:x}\r\n{}\r\n", 1 << 20, " ".repeat(1 << 20));
    let long = "x".repeat(9_000);
    let raw = [
        (post(&length, &body), "400 bad_request"),
        (post(&format!("Host: a\r\nHost: b\r\n{length}"), &body), "400 bad_request"),
        (post(&format!("Host: a b\r\n{length}"), &body), "400 bad_request"),
        (post(&format!("Host: a\r\n{length}Transfer-Encoding: chunked\r\n"), &chunk), "400 bad_request"),
        (post("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", &chunk), "400 bad_request"),
        (
            post("Host: a\r\nTransfer-Encoding: chunked\r\n", &format!("{megabyte}1\r\n \r\n0\r\n\r\n")),
            "413 body_too_large",
        ),
        (post("Host: a\r\nContent-Length: 1048577\r\n", ""), "413 body_too_large"),
        (format!("GET {PRODUCTS}?cursor={long} HTTP/1.1\r\nHost: a\r\n\r\n"), "414 target_too_long"),
        (format!("GET {PRODUCTS} HTTP/1.1\r\nHost: a\r\nX-A: {long}\r\nX-B: {long}\r\n\r\n"), "431 headers_too_large"),
    ];
    for (request, expected) in &raw {
        let answer = shop.server.connect().exchange(request.as_bytes());
        let answer = answer.unwrap_or_else(|error| panic!("no answer, expected {expected}: {error}"));
        // The call is not the one that was sent. It only checks that the answer is a problem document.
        let answer = ada.post(ORDERS).check(answer);
        assert_eq!(answer.problem(), *expected, "{answer:?}");
    }
    let mut cut = shop.server.connect();
    cut.send(post(&format!("Host: a\r\n{length}"), &body[..body.len() - 1]).as_bytes()).expect("sent");
    cut.finish().expect("finished");
    if let Ok(answer) = cut.receive(false) {
        assert_eq!(answer.problem(), "400 body_incomplete");
    }
    assert_eq!(shop.state(), before, "nothing is changed");
    shop.server.stop();
}

pub(crate) fn the_first_of_several_faults_is_reported(store: &Store) {
    let shop = Shop::open(store);
    let (admin, ada, visitor) = (&shop.admin, shop.user("ada"), shop.server.visitor());
    let honey = shop.product("HONEY", 1999, 10);
    let huge = " ".repeat((1 << 20) + 1);
    let bad_rule = json!({ "sku": "bad sku", "name": "x", "price": { "amount": 1, "currency": "EUR" } });
    let mut taken = product("HONEY", 1, 1);
    taken["price"]["currency"] = json!("XXXX");
    let mut free = product("NEW", 1, 1);
    free["nope"] = json!(1);
    let cancel = format!("{ORDERS}/{UNKNOWN}/cancel");
    are_refused(
        &shop,
        vec![
            (visitor.post(ORDERS).text("text/plain", huge.clone()), "401 unauthenticated"),
            (visitor.post(PRODUCTS).text(JSON, "{"), "401 unauthenticated"),
            (visitor.with_token("x").get(format!("{PRODUCTS}?limit=0")), "401 invalid_token"),
            (ada.post(PRODUCTS).text("text/plain", "{"), "415 unsupported_media_type"),
            (ada.post(PRODUCTS).text(JSON, huge.clone()), "413 body_too_large"),
            (ada.post(PRODUCTS).text("text/plain", huge.clone()), "413 body_too_large"),
            (ada.post(PRODUCTS).key("").text(JSON, huge.clone()), "413 body_too_large"),
            (ada.post(format!("{PRODUCTS}?x=1")).text("text/plain", huge), "413 body_too_large"),
            (ada.post(PRODUCTS).key("").text("text/plain", "{"), "415 unsupported_media_type"),
            (ada.post(format!("{ORDERS}?x=1")), "415 unsupported_media_type"),
            (visitor.post(ORDERS).key(""), "401 unauthenticated"),
            (ada.post(PRODUCTS).key("").text(JSON, "{"), "400 invalid_parameter ?Idempotency-Key"),
            (ada.post(PRODUCTS).text(JSON, "{"), "400 malformed_json"),
            (ada.post(PRODUCTS).json(free), r#"422 validation_failed "/nope" unknown_field"#),
            (ada.post(PRODUCTS).json(bad_rule), "403 forbidden"),
            (ada.patch(path(UNKNOWN)).json(json!({ "name": "" })), "403 forbidden"),
            (admin.patch(path(UNKNOWN)).json(json!({ "name": "" })), "404 not_found"),
            (admin.patch(path(&honey)).json(json!({ "name": "" })), "428 precondition_required"),
            (admin.patch(path(&honey)).if_match("\"9\"").json(json!({ "name": "" })), "412 precondition_failed"),
            (admin.put(stock_path(&honey)).if_match("\"9\"").json(json!({ "on_hand": -1 })), "412 precondition_failed"),
            (admin.post(PRODUCTS).json(taken), r#"422 validation_failed "/price/currency" unknown_currency"#),
            (ada.post(&cancel).key(""), "400 invalid_parameter ?Idempotency-Key"),
            (visitor.post(REGISTER).json(account("ada")), "409 email_taken"),
            (ada.get(format!("{PROFILE}?x=1")), "400 invalid_parameter ?x"),
        ],
    );
    shop.server.stop();
}
