//! Templates of mails.

use super::{Context, Thing};
use crate::{
    Journey,
    scene::unique,
    shop::{Shop, all, count, pages},
};
use serde_json::{Value, json};
use skep_journeys::Store;

const MAIL_TEMPLATES: &str = "/api/v1/mail-templates";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::mail_templates", templates_are_created_changed_tried_and_deleted),
        Journey::new("slice::mail_templates_by_strangers", invalid_and_forbidden_calls_are_refused),
        Journey::new("slice::mail_templates_are_listed", every_template_once_in_every_order),
    ],
    things: &[Thing {
        collection: MAIL_TEMPLATES,
        parts: &[],
        is_busy: false,
        make: |shop, _, _| make(shop, &locale(&unique("scene"))),
    }],
    unique: &[("locale", |name| json!(locale(&name)))],
    bodies: &[],
};

/// A locale that follows from the number at the end of a unique name. Each number has its own letters.
fn locale(name: &str) -> String {
    let mut number: usize = name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let mut letter = || {
        let letter = ('a'..='z').nth(number % 26).unwrap_or('a');
        number /= 26;
        letter
    };
    format!("{}{}q-Latn-{}{}", letter(), letter(), letter(), letter())
}

fn body(locale: &str) -> Value {
    json!({
        "kind": "order_placed", "locale": locale, "subject": "Order {{ order.number }}",
        "text": "Thank you, {{ customer.name }}!", "html": "<p>{{ customer.name }}</p>",
    })
}

fn make(shop: &Shop, locale: &str) -> String {
    shop.admin.post(MAIL_TEMPLATES).json(body(locale)).send().expect(201).text("/id")
}

fn at(id: &str) -> String {
    format!("{MAIL_TEMPLATES}/{id}")
}

fn templates_are_created_changed_tried_and_deleted(store: &Store) {
    let shop = Shop::open(store);
    let admin = &shop.admin;
    let created = admin.post(MAIL_TEMPLATES).key("one").json(body("de-at")).send().expect(201);
    let id = created.text("/id");
    assert_eq!((created.header("location"), created.etag().as_str()), (Some(at(&id).as_str()), "\"1\""));
    assert_eq!(created.text("/locale"), "de-AT");
    assert_eq!(admin.get(at(&id)).send().expect(200).body, created.body);
    let again = admin.post(MAIL_TEMPLATES).key("one").json(body("de-at")).send().expect(201);
    assert_eq!(again.body, created.body, "once");
    admin.post(MAIL_TEMPLATES).json(body("de-AT")).send().refused(409, "mail_template_exists");

    let preview = |data: Value| admin.post(format!("{}/preview", at(&id))).json(data).send();
    let sample = preview(json!({})).expect(200);
    assert_eq!(sample.text("/html"), "<p>Ada Lovelace</p>");
    let data = json!({ "data": { "order": { "number": "7" }, "customer": { "name": "<b>" } } });
    let given = preview(data).expect(200);
    assert_eq!((given.text("/subject"), given.text("/text")), ("Order 7".to_owned(), "Thank you, <b>!".to_owned()));
    assert_eq!(given.text("/html"), "<p>&lt;b&gt;</p>");
    preview(json!({ "data": {} })).refused(422, "validation_failed").at("/data", "unknown_variable");

    let change = |etag: &str, body: Value| admin.patch(at(&id)).if_match(etag).json(body).send();
    let changed = change("\"1\"", json!({ "subject": "Bestellung", "html": null })).expect(200);
    assert_eq!((changed.etag().as_str(), changed.text("/subject").as_str()), ("\"2\"", "Bestellung"));
    assert_eq!(changed.json()["html"], Value::Null);
    assert_eq!(change("*", json!({ "subject": "Bestellung" })).expect(200).etag(), "\"2\"", "the same changes nothing");

    admin.delete(at(&id)).if_match("\"1\"").send().refused(412, "precondition_failed");
    admin.delete(at(&id)).key("gone").send().expect(204);
    admin.delete(at(&id)).key("gone").send().expect(204);
    admin.get(at(&id)).send().refused(404, "not_found");
    change("*", json!({})).refused(404, "not_found");
    make(&shop, "de-AT");
    assert_eq!(count(admin, MAIL_TEMPLATES), 1);
    shop.server.stop();
}

fn invalid_and_forbidden_calls_are_refused(store: &Store) {
    let shop = Shop::open(store);
    let (admin, visitor, ada) = (&shop.admin, shop.server.visitor(), shop.user("ada"));
    let id = make(&shop, "de");
    for path in [MAIL_TEMPLATES.to_owned(), at(&id)] {
        visitor.get(&path).send().refused(401, "unauthenticated");
        ada.get(&path).send().refused(403, "forbidden");
    }
    ada.post(MAIL_TEMPLATES).json(body("fr")).send().refused(403, "forbidden");
    ada.post(format!("{}/preview", at(&id))).json(json!({})).send().refused(403, "forbidden");
    ada.delete(at(&id)).send().refused(403, "forbidden");
    for (field, value, code) in [
        ("kind", "spam", "unknown_mail_kind"),
        ("locale", "german", "invalid_locale"),
        ("subject", " ", "invalid_text"),
        ("subject", "a\r\nBcc: eve@example.com", "invalid_text"),
        ("subject", "{{ order.number", "invalid_template"),
        ("text", "{% include 'x' %}", "invalid_template"),
        ("text", "{{ customer.email }}", "unknown_variable"),
        ("html", "{{ customer.name | safe }}", "unknown_filter"),
    ] {
        let mut body = body("fr");
        body[field] = json!(value);
        let refused = admin.post(MAIL_TEMPLATES).json(body).send();
        refused.refused(422, "validation_failed").at(&format!("/{field}"), code);
    }
    admin.patch(at(&id)).json(json!({ "text": "a" })).send().refused(428, "precondition_required");
    let empty = admin.patch(at(&id)).if_match("*").json(json!({ "text": null })).send();
    empty.refused(422, "validation_failed").at("/text", "required");
    admin.patch(at("nope")).if_match("*").json(json!({ "text": "a" })).send().refused(404, "not_found");
    admin.get(format!("{MAIL_TEMPLATES}?sort=locale")).send().refused(400, "invalid_parameter");
    assert_eq!(count(admin, MAIL_TEMPLATES), 1);
    shop.server.stop();
}

fn every_template_once_in_every_order(store: &Store) {
    let shop = Shop::open(store);
    for (number, kind) in ["order_placed", "order_expired", "order_cancelled"].into_iter().cycle().take(7).enumerate() {
        let mut body = body(&locale(&format!("list-{number}")));
        // The variables of every kind.
        (body["kind"], body["text"]) = (json!(kind), json!("{{ order.total }}"));
        shop.admin.post(MAIL_TEMPLATES).json(body).send().expect(201);
    }
    for sort in ["created_at", "kind"] {
        let up = pages(&shop.admin, &format!("{MAIL_TEMPLATES}?limit=3&sort={sort}"));
        assert_eq!(up.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1], "{sort}");
        let keys: Vec<_> = up.concat().iter().map(|template| template[sort].to_string()).collect();
        assert!(keys.is_sorted(), "{sort}: {keys:?}");
        let mut down = all(&shop.admin, &format!("{MAIL_TEMPLATES}?limit=2&sort=-{sort}"));
        down.reverse();
        assert_eq!(up.concat(), down, "{sort}");
    }
    shop.server.stop();
}
