//! The exports of the data of accounts.

use super::{
    Context, Thing,
    files::{FILES, at, content_of, kept, shop_with},
    links::{deployment, mails},
    uploads::create,
    users::id,
};
use crate::{
    Journey, Needs,
    clocks::start_at,
    shop::{LOGIN, ORDERS, PASSWORD, PROFILE, Shop, all, basket, credentials, email, id_of, log_in},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Store, wait_for};

const EXPORT: &str = "/api/v1/users/me/export";
const JOBS: &str = "/api/v1/jobs?kind=identity.export_account";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::exports", an_export_has_what_the_user_has_and_nothing_else),
        Journey::new("slice::exports_of_others", an_archive_is_read_by_its_owner_only),
        Journey::new("slice::exports_one_at_a_time", an_account_has_one_export_at_a_time),
        Journey::new("slice::exports_erased", an_erasure_removes_the_archive),
        Journey::new("slice::exports_that_expire", an_archive_is_deleted_after_its_time).needing(Needs::FakeTime),
    ],
    things: &[Thing {
        collection: EXPORT,
        parts: &[],
        // Admins do not see the exports of others.
        is_busy: true,
        make: |_, owner, _| ready(owner).text("/id"),
    }],
    unique: &[],
    bodies: &[],
};

/// Waits until no archive is being made. Until then, the number of files changes.
pub(crate) fn settle(admin: &Client) {
    let count = |state: &str| all(admin, &format!("{JOBS}&state={state}")).len();
    wait_for("the archives", || (count("available") + count("running") == 0).then_some(()));
}

/// Asks for an export and waits until its archive is there.
#[track_caller]
fn ready(client: &Client) -> Answer {
    let begun = client.post(EXPORT).send().expect(202);
    let path = begun.header("location").expect("a path").to_owned();
    assert_eq!(path, format!("{EXPORT}/{}", begun.text("/id")));
    let is_ready = |answer: &Answer| answer.text("/state") == "ready";
    wait_for("the archive", || Some(client.get(&path).send().expect(200)).filter(is_ready))
}

#[track_caller]
fn archive_of(client: &Client, export: &Answer) -> Value {
    let content = client.get(content_of(&export.text("/file_id"))).send().expect(200);
    assert_eq!(content.header("content-type"), Some("application/json"));
    let disposition = content.header("content-disposition").unwrap_or_default().to_owned();
    assert!(disposition.starts_with("attachment; filename=\"export-"), "{disposition}");
    assert_eq!(content.header("cache-control"), Some("private, no-cache"));
    content.json()
}

fn ids(section: &Value) -> Vec<&str> {
    section.as_array().expect("a section").iter().map(id_of).collect()
}

fn upload(client: &Client) -> String {
    client.post(format!("{FILES}?name=a.txt")).text("text/plain", "honey").send().expect(201).text("/id")
}

fn an_export_has_what_the_user_has_and_nothing_else(store: &Store) {
    let shop = Shop::open_on(deployment(store));
    let honey = shop.product("HONEY", 100, 10);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let order = |client: &Client| client.post(ORDERS).json(basket(&[(&honey, 2)])).send().expect(201).text("/id");
    let (first, second, of_bob) = (order(&ada), order(&ada), order(&bob));
    ada.post(format!("{ORDERS}/{first}/cancel")).send().expect(200);
    let (file, file_of_bob) = (upload(&ada), upload(&bob));
    let open = create(&ada, 9, "filename bm90ZXMudHh0");
    let login = shop.server.visitor().post(LOGIN).json(credentials("ada")).send().expect(200);

    let export = ready(&ada);
    let archive = archive_of(&ada, &export);
    assert_eq!(archive["user_id"], json!(id(&ada)));
    let [account] = archive["account"].as_array().expect("an account").as_slice() else { panic!("one account") };
    let names = (&account["email"], &account["display_name"], &account["roles"]);
    assert_eq!(names, (&json!(email("ada")), &json!("ada"), &json!(["user"])));
    assert_eq!(archive["sessions"].as_array().map(Vec::len), Some(2));
    assert!(archive["sessions"][0]["network"].is_string(), "{}", archive["sessions"]);
    assert!(archive["known_networks"][0]["last_login_at"].is_string(), "{}", archive["known_networks"]);
    assert_eq!(ids(&archive["orders"]), [first.as_str(), second.as_str()]);
    assert_eq!(
        (&archive["orders"][0]["status"], &archive["orders"][1]["status"]),
        (&json!("cancelled"), &json!("pending"))
    );
    assert_eq!(
        (&archive["orders"][0]["lines"][0]["sku"], &archive["orders"][0]["lines"][0]["quantity"]),
        (&json!("HONEY"), &json!(2))
    );
    assert_eq!(ids(&archive["files"]), [file.as_str()]);
    assert_eq!((&archive["files"][0]["name"], &archive["files"][0]["size"]), (&json!("a.txt"), &json!(5)));
    assert_eq!(ids(&archive["uploads"]), [open.rsplit('/').next().expect("an id")]);
    let mut sections: Vec<_> = archive.as_object().expect("an object").keys().map(String::as_str).collect();
    sections.sort_unstable();
    let expected = ["account", "exported_at", "files", "known_networks", "orders", "sessions", "uploads", "user_id"];
    assert_eq!(sections, expected);

    // Neither secrets nor hashes, and nothing of another user.
    let text = archive.to_string();
    let (refresh, of_session) = (login.text("/refresh_token"), login.text("/access_token"));
    let (id_of_bob, hashed) = (id(&bob), "argon2".to_owned());
    for secret in [&refresh, &of_session, &hashed, &id_of_bob, &of_bob, &file_of_bob, &email("bob"), &email("grace")] {
        assert!(!text.contains(secret.as_str()), "{secret} is in {text}");
    }
    for name in ["password", "hash", "skep_rt_", "epoch", "secret"] {
        assert!(!text.contains(name), "{name} is in {text}");
    }
    let mail = wait_for("the mail", || mails(&shop.deployment, "ada", "Your data can be downloaded").pop());
    assert!(!mail.contains(&export.text("/file_id")), "{mail}");
    assert!(mails(&shop.deployment, "bob", "Your data can be downloaded").is_empty());
    shop.server.stop();
}

fn an_archive_is_read_by_its_owner_only(store: &Store) {
    let shop = Shop::open(store);
    let (ada, bob, visitor) = (shop.user("ada"), shop.user("bob"), shop.server.visitor());
    let export = ready(&ada);
    let (path, file) = (format!("{EXPORT}/{}", export.text("/id")), export.text("/file_id"));
    for other in [&bob, &shop.admin] {
        other.get(&path).send().refused(404, "not_found");
        other.get(content_of(&file)).send().refused(404, "not_found");
    }
    visitor.get(&path).send().refused(401, "unauthenticated");
    visitor.post(EXPORT).send().refused(401, "unauthenticated");
    visitor.get(content_of(&file)).send().refused(404, "not_found");
    // Admins see that there is a file, as they see every file, and can delete it.
    assert_eq!(shop.admin.get(at(&file)).send().expect(200).text("/purpose"), "export");
    bob.get(at(&file)).send().refused(404, "not_found");
    // An export of another job is not an export.
    let sweep = wait_for("a sweep", || all(&shop.admin, "/api/v1/jobs?kind=operations.sweep").into_iter().next());
    ada.get(format!("{EXPORT}/{}", id_of(&sweep))).send().refused(404, "not_found");
    // Clients cannot send a file that passes for an export.
    ada.post(format!("{FILES}?purpose=export")).text("text/plain", "{}").send().refused(400, "invalid_parameter");
    let metadata = "purpose ZXhwb3J0";
    let call = ada.post("/api/v1/uploads").header("Tus-Resumable", "1.0.0").header("Upload-Length", "2");
    call.header("Upload-Metadata", metadata).send().refused(400, "invalid_parameter");
    shop.server.stop();
}

fn an_account_has_one_export_at_a_time(store: &Store) {
    let (shop, folder) = shop_with(store, &[("SKEP_FILES_PER_USER", "1")]);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let export = ready(&ada);
    let again = ada.post(EXPORT).send().expect(202);
    assert_eq!((again.text("/id"), again.text("/state").as_str()), (export.text("/id"), "ready"));
    assert_eq!(kept(folder.path()), 1);
    assert_ne!(ready(&bob).text("/id"), export.text("/id"));
    // The archive does not count in the quota.
    upload(&ada);
    ada.post(FILES).text("text/plain", "wax").send().refused(409, "file_quota_exceeded");

    ada.delete(at(&export.text("/file_id"))).send().expect(204);
    let path = format!("{EXPORT}/{}", export.text("/id"));
    let gone = ada.get(&path).send().expect(200);
    assert_eq!((gone.text("/state").as_str(), gone.json().get("file_id")), ("gone", None));
    let refused = ada.post(EXPORT).send().refused(429, "rate_limited");
    let seconds: u64 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((86_000..=86_400).contains(&seconds), "{seconds}");
    assert_eq!(kept(folder.path()), 2, "the file of ada, and the archive of bob");
    shop.server.stop();
}

fn an_erasure_removes_the_archive(store: &Store) {
    let (shop, folder) = shop_with(store, &[("SKEP_ACCOUNT_GRACE_DAYS", "0")]);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let (export, _) = (ready(&ada), ready(&bob));
    assert_eq!(kept(folder.path()), 2);
    ada.delete(PROFILE).json(json!({ "current_password": PASSWORD })).send().expect(202);
    let Shop { server, deployment, .. } = shop;
    server.stop();

    // The next sweep runs at the start.
    let server = deployment.start();
    let admin = log_in(&server, "grace");
    let file = at(&export.text("/file_id"));
    wait_for("the erasure", || (admin.get(&file).send().status == 404).then_some(()));
    wait_for("the content", || (kept(folder.path()) == 1).then_some(()));
    server.stop();
}

fn an_archive_is_deleted_after_its_time(store: &Store) {
    let (shop, folder) = shop_with(store, &[]);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let (deleted, kept_one) = (ready(&ada), ready(&bob));
    ada.delete(at(&deleted.text("/file_id"))).send().expect(204);
    let path = format!("{EXPORT}/{}", kept_one.text("/id"));
    let Shop { server, deployment, .. } = shop;
    server.stop();

    // A day after an export whose archive was deleted, another one begins.
    let server = start_at(&deployment, "+2d");
    wait_for("a sweep", || server.log().contains("ended what had expired").then_some(()));
    let (ada, bob) = (log_in(&server, "ada"), log_in(&server, "bob"));
    assert_eq!(bob.get(&path).send().expect(200).text("/state"), "ready");
    assert_ne!(ready(&ada).text("/id"), deleted.text("/id"));
    assert_eq!(kept(folder.path()), 2);
    server.stop();

    let server = start_at(&deployment, "+8d");
    wait_for("the end of the archive", || (kept(folder.path()) == 1).then_some(()));
    let bob = log_in(&server, "bob");
    wait_for("the end of the job", || (bob.get(&path).send().expect(200).text("/state") == "gone").then_some(()));
    assert_ne!(ready(&bob).text("/id"), kept_one.text("/id"));
    server.stop();
}
