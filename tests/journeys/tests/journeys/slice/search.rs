//! Searching products.

use super::Context;
use crate::{
    Journey,
    shop::{PRODUCTS, Shop, all, eur, id_of, pages, path},
};
use serde_json::{Value, json};
use skep_journeys::{Client, Store, wait_for};
use std::slice::from_ref;

const SEARCH: &str = "/api/v1/search";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::search", products_are_found_as_they_are),
        Journey::new("slice::search_pages", results_are_read_page_by_page),
        Journey::new("slice::search_facets", results_are_counted_and_narrowed_by_facets),
        Journey::new("slice::search_corrections", mistyped_words_are_taken_for_near_ones),
        Journey::new("slice::search_refusals", queries_without_meaning_are_refused),
        Journey::new("slice::search_of_existing", products_of_an_earlier_version_are_indexed_by_the_server),
        Journey::new("slice::search_rebuild", the_index_is_built_again_beside_a_running_server),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

fn create(shop: &Shop, sku: &str, name: &str, description: &str) -> String {
    let body = json!({ "sku": sku, "name": name, "description": description, "price": eur(100), "stock": 1 });
    shop.admin.post(PRODUCTS).json(body).send().expect(201).text("/id")
}

/// A list with this query.
fn asked(collection: &str, query: &str) -> String {
    let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("{collection}?q={escaped}")
}

/// The ids that both searches find, in their order.
fn found(client: &Client, query: &str) -> Vec<String> {
    let ids = |collection: &str| -> Vec<String> {
        all(client, &asked(collection, query)).iter().map(|item| id_of(item).to_owned()).collect()
    };
    let (products, results) = (ids(PRODUCTS), ids(SEARCH));
    assert_eq!(products, results, "{query}");
    products
}

fn products_are_found_as_they_are(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let linden = create(&shop, "HONEY-500", "Linden honey", "Sweet, from the forest. 500 g");
    let creme = create(&shop, "CREME-1", "Crème of honey", "With wild pollen");
    let mead = create(&shop, "MED-1", "Мёд липовый", "A wild drink, made from honey");
    let bee = create(&shop, "BEE-1", "蜂蜜", "bees");
    for (query, expected) in [
        // A word of the name counts more than one of the description. The SKU counts like the name.
        ("HONEY", vec![&linden, &creme, &mead]),
        ("wild", vec![&mead, &creme]),
        ("honey wild", vec![&creme, &mead]),
        ("\"wild drink\"", vec![&mead]),
        ("\"drink wild\"", vec![]),
        ("honey -wild", vec![&linden]),
        ("creme", vec![&creme]),
        ("мед", vec![&mead]),
        ("蜂", vec![&bee]),
        ("lin*", vec![&linden]),
        ("honey-500", vec![&linden]),
        ("nothing", vec![]),
    ] {
        assert_eq!(found(&visitor, query).iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let result = visitor.get(asked(SEARCH, "linden")).send().ok().json()["data"][0].clone();
    let expected =
        json!({ "type": "product", "id": linden, "title": "Linden honey", "links": { "self": path(&linden) } });
    assert_eq!(result, expected);
    let highlighted = format!("{}&highlight=true", asked(SEARCH, "forest linden"));
    let parts = visitor.get(&highlighted).send().ok().json()["data"][0]["highlights"].clone();
    let part = |text: &str, is_match: bool| json!({ "text": text, "is_match": is_match });
    let expected = json!([
        { "field": "name", "parts": [part("Linden", true), part(" honey", false)] },
        { "field": "description",
          "parts": [part("Sweet, from the ", false), part("forest", true), part(". 500 g", false)] },
    ]);
    assert_eq!(parts, expected);
    visitor.get(format!("{}&highlight=1", asked(SEARCH, "linden"))).send().refused(400, "invalid_parameter");
    assert_eq!(all(&visitor, &format!("{}&type=product", asked(SEARCH, "honey"))).len(), 3);

    // The index changes with the product.
    let renamed = json!({ "name": "Acacia syrup", "sku": "SYRUP" });
    shop.admin.patch(path(&linden)).if_match("*").json(renamed).send().expect(200);
    assert_eq!(found(&visitor, "honey"), [creme.clone(), mead.clone()]);
    assert_eq!(found(&visitor, "acacia"), *from_ref(&linden));
    shop.admin.delete(path(&creme)).send().expect(204);
    assert_eq!(found(&visitor, "honey"), *from_ref(&mead));
    assert_eq!(found(&shop.admin, "honey"), [mead], "an admin finds no archived product, as in the list");
    shop.server.stop();
}

fn results_are_read_page_by_page(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let mut expected: Vec<String> = (0..12).map(|n| create(&shop, &format!("H-{n}"), "Honey", "")).collect();
    expected.reverse();
    for collection in [PRODUCTS, SEARCH] {
        let target = format!("{}&limit=5&count=exact", asked(collection, "honey"));
        let pages = pages(&visitor, &target);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 2]);
        assert_eq!(pages.concat().iter().map(id_of).collect::<Vec<_>>(), expected, "the newest first");
        let page = visitor.get(&target).send().ok().json();
        assert_eq!(page["page"]["search"], json!({ "is_complete": true, "corrections": [], "facets": [] }));
        assert_eq!((&page["page"]["total"], &page["page"]["total_is_exact"]), (&json!(12), &json!(true)));
        let cursor = page["page"]["next_cursor"].as_str().expect("a cursor").to_owned();
        let other = format!("{}&cursor={cursor}", asked(collection, "hone*"));
        visitor.get(other).send().refused(400, "invalid_parameter");
    }
    shop.server.stop();
}

/// What the list says of all results.
fn facts(client: &Client, target: &str) -> Value {
    client.get(target).send().ok().json()["page"]["search"].clone()
}

fn results_are_counted_and_narrowed_by_facets(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let priced = |sku: &str, amount: i64, currency: &str| -> String {
        let price = json!({ "amount": amount, "currency": currency });
        let body = json!({ "sku": sku, "name": "Honey", "price": price });
        shop.admin.post(PRODUCTS).json(body).send().expect(201).text("/id")
    };
    let (cheap, middle, dear) = (priced("A", 999, "EUR"), priced("B", 1_500, "EUR"), priced("C", 1_500, "USD"));
    create(&shop, "D", "Wax", "");
    let target = format!("{}&facets=currency,price_band,has_pictures&limit=1", asked(PRODUCTS, "honey"));
    let value = |value: &str, count: i64| json!({ "value": value, "count": count });
    let facet =
        |name: &str, values: Value| json!({ "name": name, "values": values, "is_exact": true, "has_more": false });
    let expected = json!({
        "is_complete": true,
        "corrections": [],
        "facets": [
            facet("currency", json!([value("EUR", 2), value("USD", 1)])),
            facet("price_band", json!([value("EUR:1000-1999", 1), value("EUR:500-999", 1), value("USD:1000-1999", 1)])),
            facet("has_pictures", json!([value("false", 3)])),
        ],
    });
    assert_eq!(facts(&visitor, &target), expected);
    let found = |more: &str| -> Vec<String> {
        let found = all(&visitor, &format!("{}{more}", asked(PRODUCTS, "honey")));
        found.iter().map(|item| id_of(item).to_owned()).collect()
    };
    assert_eq!(found("&currency=EUR"), [middle.clone(), cheap.clone()]);
    assert_eq!(found("&price_band=USD:1000-1999"), *from_ref(&dear));
    assert_eq!(found("&currency=EUR&price_band=USD:1000-1999"), [""; 0]);
    assert_eq!(found("&has_pictures=false&limit=1"), [dear.clone(), middle.clone(), cheap.clone()]);
    let narrowed = facts(&visitor, &format!("{}&facets=currency&currency=EUR", asked(PRODUCTS, "honey")));
    assert_eq!(narrowed["facets"], json!([facet("currency", json!([value("EUR", 2)]))]));

    // The values change with the product.
    let price = json!({ "price": { "amount": 5, "currency": "USD" } });
    shop.admin.patch(path(&cheap)).if_match("*").json(price).send().expect(200);
    assert_eq!(found("&currency=USD"), [dear, cheap]);

    let by_type = facts(&visitor, &format!("{}&facets=type", asked(SEARCH, "honey")));
    assert_eq!(by_type["facets"], json!([facet("type", json!([value("product", 3)]))]));
    for wrong in
        ["facets=", "facets=sku", "facets=currency,currency", "currency=EU", "price_band=EUR:1-5", "has_pictures=1"]
    {
        visitor.get(format!("{}&{wrong}", asked(PRODUCTS, "honey"))).send().refused(400, "invalid_parameter");
    }
    for useless in ["facets=currency", "currency=EUR", "price_band=EUR:1-1", "has_pictures=true"] {
        visitor.get(format!("{PRODUCTS}?{useless}")).send().refused(400, "invalid_parameter");
    }
    assert_eq!(visitor.get(PRODUCTS).send().ok().json()["page"].get("search"), None, "a list is no search");
    shop.server.stop();
}

fn mistyped_words_are_taken_for_near_ones(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let honey = create(&shop, "A", "Linden honey", "");
    let money = create(&shop, "B", "Play money", "for pollination games");
    for (query, corrections, expected) in [
        ("honey", json!([]), vec![&honey]),
        ("hoeny", json!([{ "word": "hoeny", "taken_for": ["honey"] }]), vec![&honey]),
        ("poney", json!([{ "word": "poney", "taken_for": ["honey", "money"] }]), vec![&money, &honey]),
        ("polinatoin", json!([{ "word": "polinatoin", "taken_for": ["pollination"] }]), vec![&money]),
        (
            "lindne hoeny",
            json!([
                { "word": "lindne", "taken_for": ["linden"] },
                { "word": "hoeny", "taken_for": ["honey"] },
            ]),
            vec![&honey],
        ),
        ("\"hoeny\"", json!([]), vec![]),
        ("honey -lindne", json!([]), vec![&honey]),
        ("plai", json!([]), vec![]),
        ("nothing", json!([]), vec![]),
    ] {
        assert_eq!(found(&visitor, query).iter().collect::<Vec<_>>(), expected, "{query}");
        for collection in [PRODUCTS, SEARCH] {
            assert_eq!(facts(&visitor, &asked(collection, query))["corrections"], corrections, "{query}");
        }
    }
    let highlighted = visitor.get(format!("{}&highlight=true", asked(SEARCH, "hoeny"))).send().ok().json();
    let parts = json!([{ "text": "Linden ", "is_match": false }, { "text": "honey", "is_match": true }]);
    assert_eq!(highlighted["data"][0]["highlights"], json!([{ "field": "name", "parts": parts }]));

    // A word of an archived product is no longer a correction.
    shop.admin.delete(path(&honey)).send().expect(204);
    assert_eq!(facts(&visitor, &asked(PRODUCTS, "hoeny"))["corrections"], json!([]));
    shop.server.stop();
}

fn queries_without_meaning_are_refused(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let long = "x".repeat(201);
    let words = "a b c d e f g h i";
    for collection in [PRODUCTS, SEARCH] {
        for query in ["", "-honey", "\"\"", "* * *", "((((&&||", "🐝", "h*", &long, words, &"- \"".repeat(60)] {
            let refused = visitor.get(asked(collection, query)).send();
            let problem: Value = refused.refused(400, "invalid_parameter").json();
            assert_eq!(problem["errors"][0]["parameter"], "q", "{query}: {problem}");
        }
        visitor.get(asked(collection, "мёд蜂蜜שלום honey")).send().expect(200);
    }
    visitor.get(SEARCH).send().refused(400, "invalid_parameter");
    visitor.get(format!("{}&type=order", asked(SEARCH, "honey"))).send().refused(400, "invalid_parameter");
    visitor.get(format!("{}&sort=name", asked(PRODUCTS, "honey"))).send().refused(400, "invalid_parameter");
    shop.server.stop();
}

/// The migrations make an empty index, and an index an empty dictionary, as they do in stores of earlier versions.
fn products_of_an_earlier_version_are_indexed_by_the_server(store: &Store) {
    for steps in [1, 2] {
        indexed_after(store, steps);
    }
}

/// Takes back so many steps of the migrations of search.
fn indexed_after(store: &Store, steps: usize) {
    let shop = Shop::open(store);
    for n in 0..25 {
        create(&shop, &format!("H-{n}"), "Honey", "");
    }
    let Shop { server, deployment, .. } = shop;
    server.stop();
    for _ in 0..steps {
        deployment.run(&["migrate", "down", "--set", "search", "--yes"], "", &[]).ok();
    }
    let server = deployment.start();
    let visitor = server.visitor();
    let target = format!("{}&limit=100", asked(PRODUCTS, "honey"));
    wait_for("the index", || (all(&visitor, &target).len() == 25).then_some(()));
    // Also its dictionary and the values of facets.
    let mistyped = format!("{}&limit=100&currency=EUR", asked(PRODUCTS, "hoeny"));
    wait_for("the dictionary", || (all(&visitor, &mistyped).len() == 25).then_some(()));
    server.stop();
}

fn the_index_is_built_again_beside_a_running_server(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let ids: Vec<String> = (0..45).map(|n| create(&shop, &format!("H-{n}"), "Honey", "")).collect();
    shop.admin.delete(path(&ids[3])).send().expect(204);
    let rebuilt = shop.deployment.run(&["search", "rebuild"], "", &[]).ok();
    assert!(rebuilt.contains("product  45 items  done"), "{rebuilt}");
    assert!(rebuilt.contains("45 items were read"), "{rebuilt}");
    let again = shop.deployment.run(&["search", "rebuild", "--continue"], "", &[]).ok();
    assert!(again.contains("0 items were read"), "{again}");
    assert_eq!(all(&visitor, &format!("{}&limit=100", asked(PRODUCTS, "honey"))).len(), 44);
    shop.server.stop();
}
