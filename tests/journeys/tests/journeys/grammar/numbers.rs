//! Numbers in bodies.

use crate::shop::{ORDERS, PRODUCTS, Shop, basket, path, stock_path};
use serde_json::json;
use skep_journeys::Store;

const JSON: &str = "application/json";
/// The greatest whole number that a 64-bit float keeps with all smaller ones.
const GREATEST: i64 = (1 << 53) - 1;

pub(crate) fn a_number_is_a_value_and_not_a_spelling(store: &Store) {
    let shop = Shop::open(store);
    let honey = shop.product("HONEY", 1999, 10);
    let count =
        |text: &str| shop.admin.put(stock_path(&honey)).if_match("*").text(JSON, format!("{{\"on_hand\":{text}}}"));
    let free = r#"{"sku":"A-0","name":"-0","price":{"amount":-0,"currency":"EUR"},"stock":-0}"#;
    let free = shop.admin.post(PRODUCTS).text(JSON, free).send().expect(201);
    assert_eq!((free.number("/price/amount"), free.text("/name").as_str()), (0, "-0"));
    assert_eq!(count("-0").send().expect(200).number("/on_hand"), 0);
    let nines = "9".repeat(26);
    for (text, code, detail) in [
        ("9223372036854775807", "out_of_range", ""),
        ("9223372036854775808", "out_of_range", "the number is out of range"),
        ("18446744073709551616", "out_of_range", "the number is out of range"),
        ("-9223372036854775809", "out_of_range", "the number is out of range"),
        (&nines, "out_of_range", "the number is out of range"),
        ("1e400", "out_of_range", "the number is out of range"),
        ("1.5", "invalid_type", "expected a whole number"),
        ("-0.0", "invalid_type", "expected a whole number"),
        ("\"1\"", "invalid_type", "expected a whole number"),
        ("[]", "invalid_type", "expected a whole number"),
    ] {
        let refused = count(text).send().refused(422, "validation_failed").at("/on_hand", code);
        let found = refused.text("/errors/0/detail");
        assert!(detail.is_empty() || found == detail, "{text}: {found}");
    }
    // No detail has a word of Rust or of a library.
    let patch = |text: &str| shop.admin.patch(path(&honey)).if_match("*").text(JSON, text).send();
    for text in [
        r#"{"price":{"amount":"1"}}"#,
        r#"{"price":{"amount":1e30}}"#,
        r#"{"price":[]}"#,
        r#"{"price":7}"#,
        r#"{"name":7}"#,
        r#"{"name":[]}"#,
        "[]",
        "true",
    ] {
        let detail = patch(text).expect(422).text("/errors/0/detail");
        for word in ["i64", "u64", "integer_", "struct", "sequence", "map", "Option", "string_", "parse"] {
            assert!(!detail.contains(word), "{text}: {detail}");
        }
    }
    let lines = shop.admin.post(ORDERS).json(json!({ "lines": 7 })).send().at("/lines", "invalid_type");
    assert_eq!(lines.text("/errors/0/detail"), "expected a list");
    shop.server.stop();
}

pub(crate) fn no_number_is_too_great_for_a_json_reader(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let (gold, wax) = (shop.product("GOLD", GREATEST, 10), shop.product("WAX", 1, 10));
    let price = |answer: skep_journeys::Answer| answer.expect(200).number("/price/amount");
    assert_eq!(price(ada.get(path(&gold)).send()), GREATEST);
    for amount in [GREATEST + 1, i64::MAX] {
        let new = json!({ "sku": "NEW", "name": "New", "price": { "amount": amount, "currency": "EUR" } });
        shop.admin.post(PRODUCTS).json(new).send().at("/price/amount", "out_of_range");
        let change = json!({ "price": { "amount": amount } });
        shop.admin.patch(path(&wax)).if_match("*").json(change).send().at("/price/amount", "out_of_range");
    }
    let order = ada.post(ORDERS).json(basket(&[(&gold, 1)])).send().expect(201);
    assert_eq!(order.number("/total/amount"), GREATEST);
    ada.post(ORDERS).json(basket(&[(&gold, 2)])).send().at("/lines/0", "out_of_range");
    ada.post(ORDERS).json(basket(&[(&gold, 1), (&wax, 1)])).send().at("/lines/1", "out_of_range");
    shop.server.stop();
}
