//! Links that store files.

use super::{
    Context,
    files::{FILES, at, content_of, put},
};
use crate::{
    Journey, Needs,
    clocks::start_at,
    shop::{PROFILE, Shop},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Deployment, Store};

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::upload_links", a_link_stores_one_file_without_a_token),
        Journey::new("slice::upload_links_and_their_terms", a_link_stores_only_what_it_allows),
        Journey::new("slice::upload_links_that_are_wrong", a_wrong_link_stores_nothing),
        Journey::new("slice::upload_links_and_their_makers", a_link_ends_with_the_account_of_its_maker),
        Journey::new("slice::upload_links_that_expire", an_old_link_stores_nothing).needing(Needs::FakeTime),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

fn sign(client: &Client, body: Value) -> Answer {
    client.post(format!("{FILES}/upload-links")).json(body).send()
}

fn url(client: &Client, body: Value) -> String {
    sign(client, body).expect(200).text("/url")
}

fn send(client: &Client, url: &str, content: impl Into<Vec<u8>>) -> Answer {
    client.post(url).text("application/octet-stream", content).send()
}

fn a_link_stores_one_file_without_a_token(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("PUBLIC_URL", "https://shop.example");
    let shop = Shop::open_on(deployment);
    let (ada, bob, visitor) = (shop.user("ada"), shop.user("bob"), shop.server.visitor());
    let asked = json!({ "name": "a.txt", "visibility": "private", "max_bytes": 10, "expires_in": 600 });
    let signed = sign(&ada, asked).expect(200);
    assert_eq!(signed.header("cache-control"), Some("no-store"));
    let (link, url) = (signed.text("/id"), signed.text("/url"));
    let path = url.strip_prefix("https://shop.example").expect("the public address");
    assert!(path.starts_with(&format!("{FILES}/linked?link=")), "{path}");

    let stored = send(&visitor, path, "honey").expect(201);
    let id = stored.text("/id");
    assert_eq!(ada.get(at(&id)).send().ok().text("/upload_link_id"), link);
    assert_eq!(stored.header("location"), Some(at(&id).as_str()));
    assert_eq!((stored.text("/upload_link_id"), stored.text("/name")), (link, "a.txt".to_owned()));
    let owner = ada.get(PROFILE).send().ok().text("/id");
    assert_eq!((stored.text("/owner_id"), stored.text("/visibility")), (owner, "private".to_owned()));
    assert_eq!(ada.get(content_of(&id)).send().expect(200).body, b"honey");
    // The link gives nothing to read.
    visitor.get(at(&id)).send().refused(404, "not_found");
    visitor.get(path).send().refused(405, "method_not_allowed");
    bob.get(at(&id)).send().refused(404, "not_found");
    for client in [&visitor, &bob, &ada] {
        send(client, path, "wax").refused(409, "upload_link_used");
    }
    assert_eq!(ada.get(content_of(&id)).send().expect(200).body, b"honey");
    // When its file is deleted, the link can store another one, which has another id.
    ada.delete(at(&id)).if_match("*").send().expect(204);
    let next = send(&visitor, path, "wax").expect(201);
    assert_ne!(next.text("/id"), id);
    ada.get(content_of(&id)).send().refused(404, "not_found");
    assert!(!shop.server.log().contains("link="), "{}", shop.server.log());
    shop.server.stop();
}

fn a_link_stores_only_what_it_allows(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_FILES_PER_USER", "2");
    let shop = Shop::open_on(deployment);
    let (ada, visitor) = (shop.user("ada"), shop.server.visitor());
    for wrong in [
        json!({ "expires_in": 0 }),
        json!({ "expires_in": 604_801 }),
        json!({ "max_bytes": 0 }),
        json!({ "purpose": "image", "max_bytes": 100_000_000 }),
        json!({ "purpose": "export" }),
        json!({ "visibility": "everyone" }),
        json!({ "name": "../a" }),
        json!({ "name": "" }),
        json!({ "purpose": "image", "media_type": "text/html" }),
        json!({ "media_type": "text" }),
        json!({ "size": 1 }),
    ] {
        sign(&ada, wrong).refused(422, "validation_failed");
    }
    sign(&visitor, json!({})).refused(401, "unauthenticated");

    let text = url(&ada, json!({ "media_type": "text/plain", "max_bytes": 5 }));
    send(&visitor, &text, "nectar").refused(413, "file_too_large");
    send(&visitor, &text, b"\x89PNG\r\n\x1a\n".as_slice()).refused(413, "file_too_large");
    send(&visitor, &text, b"%PDF-".as_slice()).refused(422, "media_type_not_allowed");
    // That of `honey`.
    let digest = "sha-256=:pV4uOEalH2rQq/373qK6Dl4MdrXM+oqSCJX+3q6JqLY=:";
    let checked = visitor.post(&text).header("Repr-Digest", digest).text("application/octet-stream", "bees!");
    checked.send().refused(422, "content_mismatch");
    let image = url(&ada, json!({ "purpose": "image" }));
    send(&visitor, &image, "honey").refused(422, "media_type_not_allowed");
    // After a refusal, a link can be used again.
    send(&visitor, &text, "honey").expect(201);

    // The quota of the maker holds.
    put(&ada, "name=b.txt", "wax").expect(201);
    let more = url(&ada, json!({}));
    send(&visitor, &more, "comb").refused(409, "file_quota_exceeded");
    shop.server.stop();
}

fn a_wrong_link_stores_nothing(store: &Store) {
    let shop = Shop::open(store);
    let (ada, visitor) = (shop.user("ada"), shop.server.visitor());
    let path = url(&ada, json!({}));
    assert!(path.starts_with(FILES), "a path without a public address: {path}");
    let (plain, link) = path.split_once("?link=").expect("a link");
    let (terms, signature) = link.split_once('.').expect("a signature");
    let id = put(&ada, "name=a.txt", "honey").expect(201).text("/id");
    for wrong in [
        plain.to_owned(),
        format!("{plain}?link="),
        format!("{plain}?link={terms}"),
        format!("{plain}?link={terms}.{}", signature.to_ascii_uppercase()),
        format!("{plain}?link=7b7d.{signature}"),
    ] {
        for client in [&visitor, &ada] {
            send(client, &wrong, "wax").refused(403, "file_link_invalid");
        }
    }
    send(&visitor, &format!("{path}&link={link}"), "wax").refused(400, "invalid_parameter");
    visitor.call("PUT", &path).text("text/plain", "wax").send().refused(405, "method_not_allowed");
    // The link of a download stores nothing.
    let download = ada.post(format!("{}/links", at(&id))).json(json!({})).send().expect(200).text("/url");
    send(&visitor, &download, "wax").refused(405, "method_not_allowed");
    assert_eq!(ada.get(content_of(&id)).send().expect(200).body, b"honey");
    send(&visitor, &path, "wax").expect(201);
    shop.server.stop();
}

fn a_link_ends_with_the_account_of_its_maker(store: &Store) {
    let shop = Shop::open(store);
    let (ada, visitor) = (shop.user("ada"), shop.server.visitor());
    let user = format!("/api/v1/users/{}", ada.get(PROFILE).send().ok().text("/id"));
    let path = url(&ada, json!({}));
    shop.admin.post(format!("{user}/disable")).if_match("*").send().ok();
    send(&visitor, &path, "honey").refused(403, "upload_link_revoked");
    shop.admin.post(format!("{user}/enable")).if_match("*").send().ok();
    send(&visitor, &path, "honey").expect(201);
    shop.server.stop();
}

fn an_old_link_stores_nothing(store: &Store) {
    let Shop { server, deployment, admin } = Shop::open(store);
    let path = url(&admin, json!({}));
    server.stop();
    let server = start_at(&deployment, "+2h");
    send(&server.visitor(), &path, "honey").refused(410, "file_link_expired");
    server.stop();
}
