//! Bodies that are not JSON, do not fit their schema or break a rule.

use super::{Cases, JSON, are_refused};
use crate::shop::{ORDERS, PASSWORD, PRODUCTS, REGISTER, Shop, basket, path, stock_path};
use serde_json::{Value, json};
use skep_journeys::{Client, Store};

const UNKNOWN: &str = "019a9d3c-5a00-7000-8000-000000000001";

/// Makes requests for orders. The body is a text in which `ID` stands for the id of a product.
fn ordering<'c>(client: &'c Client, product: &str) -> impl Fn(&str) -> skep_journeys::Call<'c> {
    let product = product.to_owned();
    move |text| client.post(ORDERS).text(JSON, text.replace("ID", &product))
}

pub(crate) fn texts_that_are_not_json(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 10);
    let order = ordering(&ada, &honey);
    let nested = |depth: usize| format!(r#"{{"lines":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let huge = format!(r#"{{"lines":[{}]}}"#, " ".repeat(1 << 20));
    let mut cases: Cases<'_> = vec![
        (order(r#"{"lines":[],"lines":[]}"#), r#"400 duplicate_key "/lines" duplicate_key"#),
        (
            order(r#"{"lines":[{"product_id":"ID","quantity":1,"quantit\u0079":2}]}"#),
            r#"400 duplicate_key "/lines/0/quantity" duplicate_key"#,
        ),
        (order(r#"{"x":{"y":{"z":1,"z":1}}}"#), r#"400 duplicate_key "/x/y/z" duplicate_key"#),
        (order(&nested(32)), "400 json_too_deep"),
        (order(&nested(100_000)), "400 json_too_deep"),
        (order(&huge), "413 body_too_large"),
        (ada.post(ORDERS).text(JSON, b"{\"lines\":\"\xff\"}".to_vec()), "400 malformed_json"),
        (ada.post(ORDERS).text(JSON, b"\xfe\xff\0{\0}".to_vec()), "400 malformed_json"),
    ];
    let texts = [
        "",
        " ",
        "{",
        "lines",
        "{} {}",
        r#"{"lines":[],}"#,
        "{'lines':[]}",
        r#"{"lines":NaN}"#,
        r#"{"lines":01}"#,
        r#"{"lines":"\ud800"}"#,
        r#"{"lines":"\udc00\ud800"}"#,
        "{\"lines\":\"a\u{0}b\"}",
        "\u{feff}{\"lines\":[]}",
        r#"{"lines":[{"product_id":"ID","quantity":1}]"#,
    ];
    cases.extend(texts.map(|text| (order(text), "400 malformed_json")));
    are_refused(&shop, cases);
    shop.server.stop();
}

pub(crate) fn values_that_do_not_fit(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 10);
    let order = ordering(&ada, &honey);
    let quantity = |text: &str| order(&format!(r#"{{"lines":[{{"product_id":"ID","quantity":{text}}}]}}"#));
    let create = |text: &str| shop.admin.post(PRODUCTS).text(JSON, text);
    let priced = |price: &str| create(&format!(r#"{{"sku":"NEW","name":"New","price":{price}}}"#));
    let (stock, product) = (stock_path(&honey), path(&honey));
    let count = |text: &str| shop.admin.put(&stock).if_match("*").text(JSON, text);
    let patch = |text: &str| shop.admin.patch(&product).if_match("*").text(JSON, text);
    are_refused(
        &shop,
        vec![
            (order("[]"), r#"422 validation_failed "" invalid_type"#),
            (order("null"), r#"422 validation_failed "" invalid_type"#),
            (order("7"), r#"422 validation_failed "" invalid_type"#),
            (order(r#"[[{"product_id":"ID","quantity":1}]]"#), r#"422 validation_failed "" invalid_type"#),
            (order("{}"), r#"422 validation_failed "/lines" missing_field"#),
            (order(r#"{"lines":null}"#), r#"422 validation_failed "/lines" invalid_type"#),
            (order(r#"{"lines":{}}"#), r#"422 validation_failed "/lines" invalid_type"#),
            (order(r#"{"lines":[["ID",1]]}"#), r#"422 validation_failed "/lines/0" invalid_type"#),
            (order(r#"{"lines":[],"note":"x"}"#), r#"422 validation_failed "/note" unknown_field"#),
            (order(r#"{"lines":[],"a/b~":1}"#), r#"422 validation_failed "/a~1b~0" unknown_field"#),
            (
                order(r#"{"lines":[{"product_id":"ID","quantity":1,"gift":true}]}"#),
                r#"422 validation_failed "/lines/0/gift" unknown_field"#,
            ),
            (order(r#"{"lines":[{"quantity":1}]}"#), r#"422 validation_failed "/lines/0/product_id" missing_field"#),
            (
                order(r#"{"lines":[{"product_id":7,"quantity":1}]}"#),
                r#"422 validation_failed "/lines/0/product_id" invalid_type"#,
            ),
            (
                order(r#"{"lines":[{"product_id":"a\u0000b","quantity":1}]}"#),
                r#"422 validation_failed "/lines/0/product_id" invalid_value"#,
            ),
            (quantity(r#""1""#), r#"422 validation_failed "/lines/0/quantity" invalid_type"#),
            (quantity("1.5"), r#"422 validation_failed "/lines/0/quantity" invalid_type"#),
            (quantity("1.0"), r#"422 validation_failed "/lines/0/quantity" invalid_type"#),
            (quantity("-0"), r#"422 validation_failed "/lines/0/quantity" out_of_range"#),
            (quantity("-0.0"), r#"422 validation_failed "/lines/0/quantity" invalid_type"#),
            (quantity("1e2"), r#"422 validation_failed "/lines/0/quantity" invalid_type"#),
            (quantity("1e400"), r#"422 validation_failed "/lines/0/quantity" out_of_range"#),
            (quantity("-1e400"), r#"422 validation_failed "/lines/0/quantity" out_of_range"#),
            (quantity("9223372036854775808"), r#"422 validation_failed "/lines/0/quantity" out_of_range"#),
            (priced(r#"[1999,"EUR"]"#), r#"422 validation_failed "/price" invalid_type"#),
            (priced(r#"{"amount":1999}"#), r#"422 validation_failed "/price/currency" missing_field"#),
            (priced(r#"{"amount":19.99,"currency":"EUR"}"#), r#"422 validation_failed "/price/amount" invalid_type"#),
            (
                priced(r#"{"amount":9223372036854775808,"currency":"EUR"}"#),
                r#"422 validation_failed "/price/amount" out_of_range"#,
            ),
            (priced(r#"{"amount":1,"currency":"EUR","tax":1}"#), r#"422 validation_failed "/price/tax" unknown_field"#),
            (priced(r#"{"amount":1,"currency":978}"#), r#"422 validation_failed "/price/currency" invalid_type"#),
            (count("{}"), r#"422 validation_failed "/on_hand" missing_field"#),
            (count(r#"{"on_hand":null}"#), r#"422 validation_failed "/on_hand" invalid_type"#),
            (count(r#"{"on_hand":5,"reserved":0}"#), r#"422 validation_failed "/reserved" unknown_field"#),
            (patch(r#"{"stock":5}"#), r#"422 validation_failed "/stock" unknown_field"#),
            (patch(r#"{"name":5}"#), r#"422 validation_failed "/name" invalid_type"#),
            (patch(r#"{"price":{"amount":"5"}}"#), r#"422 validation_failed "/price/amount" invalid_type"#),
            (patch(r#"{"price":{"tax":5}}"#), r#"422 validation_failed "/price/tax" unknown_field"#),
            (patch("[]"), r#"422 validation_failed "" invalid_type"#),
        ],
    );
    shop.server.stop();
}

pub(crate) fn values_that_are_refused(store: &Store) {
    let shop = Shop::open(store);
    let (ada, visitor) = (shop.user("ada"), shop.server.visitor());
    let (honey, gold) = (shop.product("HONEY", 1999, 10), shop.product("GOLD", (1 << 53) - 1, 10));
    let dollars = json!({ "sku": "USD", "name": "Dollars", "price": { "amount": 1, "currency": "USD" }, "stock": 10 });
    let dollars = shop.admin.post(PRODUCTS).json(dollars).send().expect(201).text("/id");
    let order = |lines: &[(&str, i64)]| ada.post(ORDERS).json(basket(lines));
    let create = |field: &str, value: Value| {
        let mut body = json!({ "sku": "NEW", "name": "New", "price": { "amount": 1, "currency": "EUR" }, "stock": 1 });
        *body.pointer_mut(field).expect("a field") = value;
        shop.admin.post(PRODUCTS).json(body)
    };
    let register = |email: &str, password: &str, name: &str| {
        visitor.post(REGISTER).json(json!({ "email": email, "password": password, "display_name": name }))
    };
    let (product, stock) = (path(&honey), stock_path(&honey));
    let patch = |body: Value| shop.admin.patch(&product).if_match("*").json(body);
    let count = |number: i64| shop.admin.put(&stock).if_match("*").json(json!({ "on_hand": number }));
    are_refused(
        &shop,
        vec![
            (order(&[]), r#"422 validation_failed "/lines" too_few"#),
            (order(&vec![(honey.as_str(), 1); 1_001]), r#"422 validation_failed "/lines" too_many"#),
            (order(&[(&honey, 0)]), r#"422 validation_failed "/lines/0/quantity" out_of_range"#),
            (order(&[(&honey, 1), (&gold, -1)]), r#"422 validation_failed "/lines/1/quantity" out_of_range"#),
            (order(&[(&honey, i64::MAX)]), r#"422 validation_failed "/lines/0/quantity" out_of_range"#),
            (order(&[(&honey, 1), (UNKNOWN, 1)]), r#"422 validation_failed "/lines/1/product_id" unknown_product"#),
            // An id that cannot be parsed gets the answer of an unknown id.
            (order(&[(&honey, 1), ("nope", 1)]), r#"422 validation_failed "/lines/1/product_id" unknown_product"#),
            (
                order(&[("nope", 1), (&honey, 1), ("", 1)]),
                r#"422 validation_failed "/lines/0/product_id" unknown_product"#,
            ),
            (order(&[("nope", 0)]), r#"422 validation_failed "/lines/0/quantity" out_of_range"#),
            (order(&[(&honey, 1), (&dollars, 1)]), r#"422 validation_failed "/lines/1/product_id" currency_mismatch"#),
            (order(&[(&gold, 2)]), r#"422 validation_failed "/lines/0" out_of_range"#),
            (order(&[(&honey, 1), (&gold, 1)]), r#"422 validation_failed "/lines/1" out_of_range"#),
            (create("/sku", json!("bad sku")), r#"422 validation_failed "/sku" invalid_sku"#),
            (create("/sku", json!("x".repeat(65))), r#"422 validation_failed "/sku" invalid_sku"#),
            (create("/name", json!("  ")), r#"422 validation_failed "/name" invalid_text"#),
            (create("/name", json!("a\u{7}b")), r#"422 validation_failed "/name" invalid_text"#),
            (create("/name", json!("x".repeat(201))), r#"422 validation_failed "/name" invalid_text"#),
            (create("/price/amount", json!(-1)), r#"422 validation_failed "/price/amount" out_of_range"#),
            (create("/price/currency", json!("EURO")), r#"422 validation_failed "/price/currency" unknown_currency"#),
            (create("/price/currency", json!("eur")), r#"422 validation_failed "/price/currency" unknown_currency"#),
            (create("/stock", json!(-1)), r#"422 validation_failed "/stock" out_of_range"#),
            (create("/stock", json!(i64::MAX)), r#"422 validation_failed "/stock" out_of_range"#),
            (patch(json!({ "sku": null })), r#"422 validation_failed "/sku" required"#),
            (patch(json!({ "price": null })), r#"422 validation_failed "/price" required"#),
            (patch(json!({ "price": { "amount": null } })), r#"422 validation_failed "/price/amount" required"#),
            (
                patch(json!({ "price": { "currency": "XXXX" } })),
                r#"422 validation_failed "/price/currency" unknown_currency"#,
            ),
            (
                patch(json!({ "sku": "", "name": "" })),
                r#"422 validation_failed "/sku" invalid_sku "/name" invalid_text"#,
            ),
            (count(-1), r#"422 validation_failed "/on_hand" out_of_range"#),
            (count(i64::MAX), r#"422 validation_failed "/on_hand" out_of_range"#),
            (
                register("x", "short", ""),
                r#"422 validation_failed "/email" invalid_email "/display_name" invalid_text "/password" too_short"#,
            ),
            (register("b@x.test", &"b".repeat(129), "B"), r#"422 validation_failed "/password" too_long"#),
            (register("b@x.test", "passwordpassword", "B"), r#"422 validation_failed "/password" too_common"#),
            (
                register("bob.the.builder@x.test", "bob.the.builder@x.test", "B"),
                r#"422 validation_failed "/password" contains_email"#,
            ),
            (register("b@x.test\u{200b}", PASSWORD, "B"), r#"422 validation_failed "/email" invalid_email"#),
        ],
    );
    shop.server.stop();
}
