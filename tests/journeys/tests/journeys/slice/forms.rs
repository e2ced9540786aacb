//! Files that are sent in forms.

use super::{
    Context,
    files::{FILES, at, content_of, kept, shop_with},
};
use crate::{Journey, shop::count};
use skep_journeys::{Answer, Client, Store};

const FORM: &str = "multipart/form-data; boundary=b";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::forms", a_form_stores_its_file),
        Journey::new("slice::forms_that_are_refused", a_wrong_form_leaves_nothing),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

fn form_of(parts: &[String]) -> String {
    let parts: String = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
    format!("{parts}--b--\r\n")
}

fn field(name: &str, value: &str) -> String {
    format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}")
}

fn file(name: &str, content: &str) -> String {
    let disposition = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
    format!("{disposition}\r\nContent-Type: image/png\r\n\r\n{content}")
}

fn send(client: &Client, key: &str, parts: &[String]) -> Answer {
    client.post(FILES).key(key).text(FORM, form_of(parts)).send()
}

fn a_form_stores_its_file(store: &Store) {
    let (shop, folder) = shop_with(store, &[]);
    let (ada, visitor) = (shop.user("ada"), shop.server.visitor());
    let stored = send(&ada, "1", &[field("visibility", "public"), file("naïve.txt", "honey\r\n--a")]).expect(201);
    let id = stored.text("/id");
    assert_eq!((stored.text("/name"), stored.text("/media_type")), ("naïve.txt".to_owned(), "text/plain".to_owned()));
    assert_eq!((stored.number("/size"), stored.header("location")), (10, Some(at(&id).as_str())));
    assert_eq!(visitor.get(content_of(&id)).send().expect(200).body, b"honey\r\n--a");

    // The same content under the same key is the same file, and another one is not.
    let again = send(&ada, "1", &[field("visibility", "public"), file("naïve.txt", "honey\r\n--a")]).expect(201);
    assert_eq!(again.text("/id"), id);
    send(&ada, "1", &[field("visibility", "public"), file("naïve.txt", "wax")]).refused(422, "idempotency_key_reused");

    let named = send(&ada, "2", &[field("name", "b.txt"), field("purpose", "attachment"), file("a.txt", "")]);
    let named = named.expect(201);
    assert_eq!((named.text("/name"), named.text("/visibility")), ("b.txt".to_owned(), "private".to_owned()));
    let large = "0123456789abcdef".repeat(300_000);
    let id = send(&ada, "3", &[file("large.txt", &large)]).expect(201).text("/id");
    assert!(ada.get(content_of(&id)).send().expect(200).body == large.as_bytes());
    assert_eq!((count(&ada, FILES), kept(folder.path())), (3, 3));
    shop.server.stop();
}

fn a_wrong_form_leaves_nothing(store: &Store) {
    let (shop, folder) = shop_with(store, &[("SKEP_FILES_PER_USER", "1")]);
    let (ada, visitor) = (shop.user("ada"), shop.server.visitor());
    let large = "0123456789abcdef".repeat(20_000);
    let whole = || file("a.txt", &large);
    send(&visitor, "0", &[whole()]).refused(401, "unauthenticated");
    for (parts, status, code) in [
        (vec![], 400, "malformed_body"),
        (vec![field("name", "a.txt")], 400, "malformed_body"),
        (vec![whole(), whole()], 400, "malformed_body"),
        (vec![whole(), field("name", "a.txt")], 400, "malformed_body"),
        (vec![format!("X: {}\r\n{}", "x".repeat(20_000), whole())], 400, "malformed_body"),
        (vec![field("color", "red"), whole()], 400, "invalid_parameter"),
        (vec![field("name", "a.txt"), field("name", "a.txt"), whole()], 400, "invalid_parameter"),
        (vec![field("name", &"a".repeat(100_000)), whole()], 400, "invalid_parameter"),
        (vec![field("purpose", "image"), whole()], 422, "media_type_not_allowed"),
        (vec![format!("Repr-Digest: sha-256=:{}=:\r\n{}", "A".repeat(43), whole())], 422, "content_mismatch"),
    ] {
        send(&ada, "1", &parts).refused(status, code);
    }
    let cut = form_of(&[whole()]).replace("--b--", "");
    ada.post(FILES).text(FORM, cut).send().refused(400, "malformed_body");
    ada.post(FILES).text("multipart/form-data", form_of(&[whole()])).send().refused(400, "malformed_body");
    ada.post(format!("{FILES}?name=a.txt")).text(FORM, form_of(&[whole()])).send().refused(400, "invalid_parameter");
    assert_eq!((count(&ada, FILES), kept(folder.path())), (0, 0));
    // Nothing of them counts in the quota.
    send(&ada, "1", &[whole()]).expect(201);
    send(&ada, "2", &[whole()]).refused(409, "file_quota_exceeded");
    shop.server.stop();
}
