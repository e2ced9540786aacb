//! Categories and their tree.

use super::{Context, Thing};
use crate::{
    Journey,
    scene::unique,
    shop::{Shop, all, count, pages},
};
use serde_json::{Value, json};
use skep_journeys::Store;

const CATEGORIES: &str = "/api/v1/categories";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::categories", categories_are_created_renamed_and_deleted),
        Journey::new("slice::categories_by_strangers", invalid_and_forbidden_calls_are_refused),
        Journey::new("slice::categories_are_moved", categories_are_moved_without_cycles),
        Journey::new("slice::the_category_tree_is_bounded", the_tree_has_at_most_sixteen_levels),
        Journey::new("slice::categories_are_listed", every_category_once_in_every_order),
    ],
    things: &[Thing {
        collection: CATEGORIES,
        parts: &[],
        is_busy: false,
        make: |shop, _, _| make(shop, &unique("scene"), None),
    }],
    unique: &[("slug", |name| json!(name.to_lowercase()))],
    bodies: &[],
};

fn make(shop: &Shop, slug: &str, parent: Option<&str>) -> String {
    let category = json!({ "name": format!("Of {slug}"), "slug": slug, "parent_id": parent });
    shop.admin.post(CATEGORIES).json(category).send().expect(201).text("/id")
}

fn at(id: &str) -> String {
    format!("{CATEGORIES}/{id}")
}

fn categories_are_created_renamed_and_deleted(store: &Store) {
    let shop = Shop::open(store);
    let (admin, visitor) = (&shop.admin, shop.server.visitor());
    let body = json!({ "name": " Honey ", "slug": "honey" });
    let created = admin.post(CATEGORIES).key("one").json(body.clone()).send().expect(201);
    let top = created.text("/id");
    assert_eq!((created.header("location"), created.etag().as_str()), (Some(at(&top).as_str()), "\"1\""));
    assert_eq!((created.text("/name").as_str(), &created.json()["parent_id"]), ("Honey", &Value::Null));
    assert_eq!(visitor.get(at(&top)).send().expect(200).body, created.body);
    assert_eq!(admin.post(CATEGORIES).key("one").json(body).send().expect(201).body, created.body, "once");
    let child = make(&shop, "linden", Some(&top));
    assert_eq!(visitor.get(at(&child)).send().ok().text("/parent_id"), top);

    let rename = |etag: &str, body: Value| admin.patch(at(&child)).if_match(etag).json(body).send();
    let renamed = rename("\"1\"", json!({ "slug": "lime" })).expect(200);
    assert_eq!((renamed.etag().as_str(), renamed.text("/name").as_str()), ("\"2\"", "Of linden"));
    assert_eq!(rename("*", json!({ "slug": "lime" })).expect(200).etag(), "\"2\"", "the same values change nothing");
    rename("*", json!({ "slug": "honey" })).refused(409, "slug_taken");

    admin.delete(at(&top)).send().refused(409, "category_has_children");
    admin.delete(at(&child)).if_match("\"1\"").send().refused(412, "precondition_failed");
    admin.delete(at(&child)).key("gone").send().expect(204);
    admin.delete(at(&child)).key("gone").send().expect(204);
    visitor.get(at(&child)).send().refused(404, "not_found");
    rename("*", json!({})).refused(404, "not_found");
    admin.delete(at(&top)).send().expect(204);
    make(&shop, "honey", None);
    assert_eq!(count(&visitor, CATEGORIES), 1);
    shop.server.stop();
}

fn invalid_and_forbidden_calls_are_refused(store: &Store) {
    let shop = Shop::open(store);
    let (admin, visitor, ada) = (&shop.admin, shop.server.visitor(), shop.user("ada"));
    let id = make(&shop, "honey", None);
    let body = |slug: &str, parent: Value| json!({ "name": "Wax", "slug": slug, "parent_id": parent });
    visitor.post(CATEGORIES).json(body("wax", Value::Null)).send().refused(401, "unauthenticated");
    ada.post(CATEGORIES).json(body("wax", json!("nope"))).send().refused(403, "forbidden");
    ada.delete(at(&id)).send().refused(403, "forbidden");
    admin.post(CATEGORIES).json(body("honey", Value::Null)).send().refused(409, "slug_taken");
    for slug in ["", "Wax", "wax-", "wax--2", "wäx", "a b", &"a".repeat(101)] {
        let refused = admin.post(CATEGORIES).json(body(slug, Value::Null)).send();
        refused.refused(422, "validation_failed").at("/slug", "invalid_slug");
    }
    for parent in ["nope", "", "019a9d3c-5a00-7000-8000-0000000000ff"] {
        let refused = admin.post(CATEGORIES).json(body("wax", json!(parent))).send();
        refused.refused(422, "validation_failed").at("/parent_id", "unknown_category");
    }
    admin.patch(at(&id)).json(json!({ "name": "Wax" })).send().refused(428, "precondition_required");
    let nameless = admin.patch(at(&id)).if_match("*").json(json!({ "name": null })).send();
    nameless.refused(422, "validation_failed").at("/name", "required");
    admin.patch(at("nope")).if_match("*").json(json!({ "name": "Wax" })).send().refused(404, "not_found");
    visitor.get(format!("{CATEGORIES}?sort=slug")).send().refused(400, "invalid_parameter");
    assert_eq!(count(&visitor, CATEGORIES), 1);
    shop.server.stop();
}

fn categories_are_moved_without_cycles(store: &Store) {
    let shop = Shop::open(store);
    let (admin, ada) = (&shop.admin, shop.user("ada"));
    let top = make(&shop, "top", None);
    let child = make(&shop, "child", Some(&top));
    let other = make(&shop, "other", None);
    let to = |id: &str, parent: Value| admin.post(format!("{}/move", at(id))).json(json!({ "parent_id": parent }));
    let moved = to(&child, json!(other)).if_match("\"1\"").send().expect(200);
    assert_eq!((moved.text("/parent_id"), moved.etag().as_str()), (other.clone(), "\"2\""));
    assert_eq!(to(&child, json!(other)).send().expect(200).etag(), "\"2\"", "the same place changes nothing");
    to(&child, Value::Null).if_match("\"1\"").send().refused(412, "precondition_failed");
    for under in [&other, &child] {
        to(&other, json!(under)).send().refused(409, "category_cycle");
    }
    to(&child, json!("nope")).send().refused(422, "validation_failed").at("/parent_id", "unknown_category");
    to("nope", Value::Null).send().refused(404, "not_found");
    admin.post(format!("{}/move", at(&child))).json(json!({})).send().expect(422);
    ada.post(format!("{}/move", at(&child))).json(json!({ "parent_id": null })).send().refused(403, "forbidden");
    assert_eq!(to(&child, Value::Null).send().expect(200).json()["parent_id"], Value::Null);
    to(&other, json!(child)).send().expect(200);
    shop.server.stop();
}

fn the_tree_has_at_most_sixteen_levels(store: &Store) {
    let shop = Shop::open(store);
    let mut line = vec![make(&shop, "level-1", None)];
    for level in 2..=16 {
        line.push(make(&shop, &format!("level-{level}"), line.last().map(String::as_str)));
    }
    let deeper = json!({ "name": "Level 17", "slug": "level-17", "parent_id": line[15] });
    shop.admin.post(CATEGORIES).json(deeper).send().refused(409, "category_too_deep");
    let top = make(&shop, "top", None);
    let to = |id: &str, parent: &str| shop.admin.post(format!("{}/move", at(id))).json(json!({ "parent_id": parent }));
    to(&line[0], &top).send().refused(409, "category_too_deep");
    to(&line[1], &top).send().expect(200);
    to(&top, &line[0]).send().refused(409, "category_too_deep");
    shop.server.stop();
}

fn every_category_once_in_every_order(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    for n in 0..7 {
        make(&shop, &format!("c-{}", n * 3 % 7), None);
    }
    for sort in ["created_at", "name"] {
        let up = pages(&visitor, &format!("{CATEGORIES}?limit=3&sort={sort}"));
        assert_eq!(up.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1], "{sort}");
        let keys: Vec<_> = up.concat().iter().map(|category| category[sort].to_string()).collect();
        assert!(keys.is_sorted(), "{sort}: {keys:?}");
        let mut down = all(&visitor, &format!("{CATEGORIES}?limit=2&sort=-{sort}"));
        down.reverse();
        assert_eq!(up.concat(), down, "{sort}");
    }
    shop.server.stop();
}
