//! Links to the contents of files.

use super::{
    Context,
    files::{FILES, at, content_of, put},
};
use crate::{
    Journey, Needs,
    clocks::start_at,
    shop::{PROFILE, Shop, log_in},
};
use serde_json::json;
use skep_journeys::{Answer, Client, Deployment, Store};
use std::{fs, os::unix::fs::PermissionsExt as _};

const USERS: &str = "/api/v1/users";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::file_links", a_link_gives_a_content_without_a_token),
        Journey::new("slice::file_links_that_are_wrong", a_wrong_link_says_nothing_about_the_file),
        Journey::new("slice::file_links_and_their_makers", a_link_ends_with_the_right_of_its_maker),
        Journey::new("slice::file_links_and_secrets", another_secret_ends_links),
        Journey::new("slice::file_links_that_expire", an_old_link_is_refused).needing(Needs::FakeTime),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

fn sign(client: &Client, id: &str, body: serde_json::Value) -> Answer {
    client.post(format!("{}/links", at(id))).json(body).send()
}

fn url(client: &Client, id: &str) -> String {
    sign(client, id, json!({})).expect(200).text("/url")
}

fn a_link_gives_a_content_without_a_token(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("PUBLIC_URL", "https://shop.example");
    let shop = Shop::open_on(deployment);
    let (ada, bob, visitor) = (shop.user("ada"), shop.user("bob"), shop.server.visitor());
    let id = put(&ada, "name=a.txt", "honeycomb!").expect(201).text("/id");
    let signed = sign(&ada, &id, json!({ "expires_in": 600 })).expect(200);
    assert_eq!(signed.header("cache-control"), Some("no-store"));
    let url = signed.text("/url");
    let path = url.strip_prefix("https://shop.example").expect("the public address");
    assert!(path.starts_with(&content_of(&id)), "{path}");
    for client in [&visitor, &bob, &ada] {
        let content = client.get(path).send().expect(200);
        assert_eq!(content.body, b"honeycomb!");
        for (name, value) in [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-disposition", "inline; filename=\"a.txt\""),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
            ("accept-ranges", "bytes"),
        ] {
            assert_eq!(content.header(name), Some(value), "{name}");
        }
        let cached = content.header("cache-control").and_then(|value| value.strip_prefix("private, max-age="));
        assert!(cached.and_then(|left| left.parse::<u64>().ok()).is_some_and(|left| left <= 600), "{cached:?}");
        assert_eq!(client.call("HEAD", path).send().expect(200).header("content-length"), Some("10"));
        let part = client.get(path).header("Range", "bytes=5-8").send().expect(206);
        assert_eq!((part.body.as_slice(), part.etag()), (b"comb".as_slice(), content.etag()));
        client.get(path).header("If-None-Match", content.etag()).send().expect(304);
    }
    // A page would run in the origin of the API.
    let html = put(&ada, "name=page.html", "<!DOCTYPE html><script>alert(1)</script>").expect(201).text("/id");
    let page = sign(&ada, &html, json!({ "disposition": "inline" })).expect(200).text("/url");
    let page = visitor.get(page.strip_prefix("https://shop.example").expect("the public address")).send().expect(200);
    assert_eq!(page.header("content-disposition"), Some("attachment; filename=\"page.html\""));

    let saved = sign(&shop.admin, &id, json!({ "disposition": "attachment" })).expect(200).text("/url");
    let saved = visitor.get(saved.strip_prefix("https://shop.example").expect("the public address")).send().expect(200);
    assert_eq!(saved.header("content-disposition"), Some("attachment; filename=\"a.txt\""));
    let log = shop.server.log();
    assert!(!log.contains("signature") && log.contains(&format!("{FILES}/{{id}}/content")), "{log}");

    // A deleted file is gone at once, whatever its links say.
    ada.delete(at(&id)).send().expect(204);
    visitor.get(path).send().refused(404, "not_found");
    shop.server.stop();
}

fn a_wrong_link_says_nothing_about_the_file(store: &Store) {
    let shop = Shop::open(store);
    let (ada, bob, visitor) = (shop.user("ada"), shop.user("bob"), shop.server.visitor());
    let id = put(&ada, "name=a.txt", "honey").expect(201).text("/id");
    let other = put(&ada, "name=b.txt", "wax").expect(201).text("/id");
    sign(&bob, &id, json!({})).refused(404, "not_found");
    sign(&visitor, &id, json!({})).refused(401, "unauthenticated");
    for wrong in [json!({ "expires_in": 0 }), json!({ "expires_in": 604_801 }), json!({ "disposition": "x" })] {
        sign(&ada, &id, wrong).refused(422, "validation_failed");
    }
    let path = url(&ada, &id);
    assert!(path.starts_with(&content_of(&id)), "a path without a public address: {path}");
    visitor.get(&path).send().expect(200);
    let missing = "019a9d3c-5a00-7000-8000-000000000001";
    let (plain, query) = path.split_once('?').expect("a query");
    let (head, signature) = path.rsplit_once('=').expect("a signature");
    let wrong = [
        path.replace(&id, &other),
        path.replace(&id, missing),
        path.replace("disposition=inline", "disposition=attachment"),
        path.replace("expires=", "expires=9"),
        path.replace("expires=", "expires=0"),
        path.replace("signer=", "signer=1"),
        path.replace("signature=", "signature=0"),
        format!("{head}={}", signature.to_ascii_uppercase()),
        format!("{plain}?expires={}", "9".repeat(4_000)),
        format!("{plain}?signature="),
    ];
    let parts: Vec<&str> = query.split('&').collect();
    let without =
        |left_out: &str| parts.iter().filter(|part| **part != left_out).copied().collect::<Vec<_>>().join("&");
    let incomplete = parts.iter().map(|part| format!("{plain}?{}", without(part)));
    let wrong: Vec<String> = wrong.into_iter().chain(incomplete).collect();
    for wrong in &wrong {
        for client in [&visitor, &bob] {
            client.get(wrong).send().refused(403, "file_link_invalid");
        }
    }
    for part in &parts {
        visitor.get(format!("{path}&{part}")).send().refused(400, "invalid_parameter");
    }
    visitor.get(format!("{path}&name=a.txt")).send().refused(400, "invalid_parameter");
    visitor.get(format!("{path}{}", "0".repeat(20_000))).send().refused(414, "target_too_long");
    // Other requests do not take it.
    visitor.delete(format!("{}?{query}", at(&id))).send().refused(401, "unauthenticated");
    visitor.get(format!("{}?{query}", at(&id))).send().refused(400, "invalid_parameter");
    visitor.post(format!("{plain}?{query}")).send().refused(405, "method_not_allowed");
    visitor.get(&path).send().expect(200);
    shop.server.stop();
}

fn a_link_ends_with_the_right_of_its_maker(store: &Store) {
    let shop = Shop::open(store);
    let (ada, bob, visitor) = (shop.user("ada"), shop.user("bob"), shop.server.visitor());
    let user = |client: &Client| format!("{USERS}/{}", client.get(PROFILE).send().ok().text("/id"));
    let (of_ada, of_bob) = (user(&ada), user(&bob));
    let change = |path: String, body: serde_json::Value| shop.admin.put(path).if_match("*").json(body).send().ok();
    change(format!("{of_bob}/roles"), json!({ "roles": ["moderator"] }));
    let private = put(&ada, "name=a.txt", "honey").expect(201).text("/id");
    let public = put(&ada, "name=b.txt&visibility=public", "wax").expect(201).text("/id");
    let [by_ada, by_bob, to_all] = [(&ada, &private), (&bob, &private), (&ada, &public)].map(|(by, id)| url(by, id));
    for link in [&by_ada, &by_bob, &to_all] {
        visitor.get(link).send().expect(200);
    }
    // Staff may still read the file of a disabled account, and so may the links of staff.
    shop.admin.post(format!("{of_ada}/disable")).if_match("*").send().ok();
    for (link, status) in [(&by_ada, 404), (&by_bob, 200), (&to_all, 200)] {
        visitor.get(link).send().expect(status);
    }
    change(format!("{of_bob}/roles"), json!({ "roles": ["user"] }));
    visitor.get(&by_bob).send().refused(404, "not_found");
    shop.admin.post(format!("{of_ada}/enable")).if_match("*").send().ok();
    visitor.get(&by_ada).send().expect(200);
    shop.admin.delete(&of_ada).if_match("*").send().ok();
    visitor.get(&by_ada).send().refused(404, "not_found");
    shop.server.stop();
}

fn another_secret_ends_links(store: &Store) {
    let Shop { server, deployment, admin } = Shop::open(store);
    let id = put(&admin, "name=a.txt", "honey").expect(201).text("/id");
    let path = url(&admin, &id);
    server.stop();
    let server = deployment.start();
    server.visitor().get(&path).send().expect(200);
    server.stop();

    let new = deployment.path("new.secret");
    fs::write(&new, "0123456789abcdeffedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f0").expect("a file");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("a file of its own");
    let (new, old) = (new.display().to_string(), deployment.secret_file().display().to_string());
    let both = [("SKEP_SECRET_FILE", new.as_str()), ("SKEP_PREVIOUS_SECRET_FILE", old.as_str())];
    let server = deployment.start_with(&both);
    server.visitor().get(&path).send().refused(403, "file_link_invalid");
    let path = url(&server.known(&admin), &id);
    server.visitor().get(&path).send().expect(200);
    server.stop();
}

fn an_old_link_is_refused(store: &Store) {
    let Shop { server, deployment, admin } = Shop::open(store);
    let id = put(&admin, "name=a.txt", "honey").expect(201).text("/id");
    let path = url(&admin, &id);
    server.stop();
    let server = start_at(&deployment, "+2h");
    server.visitor().get(&path).send().refused(410, "file_link_expired");
    // Also after the file was deleted.
    log_in(&server, "grace").delete(at(&id)).send().expect(204);
    server.visitor().get(&path).send().refused(410, "file_link_expired");
    server.stop();
}
