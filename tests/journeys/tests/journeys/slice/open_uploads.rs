//! Uploads in pieces whose client has lost something: the answer, the path or the server.

use super::{
    Context,
    files::{FILES, kept, shop_with},
    uploads::{Tus as _, UPLOADS, add, create, head, hold, id_of},
};
use crate::{
    Journey,
    shop::{Shop, count},
};
use serde_json::Value;
use skep_journeys::{Answer, Client, Store};

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::uploads_and_repeats", a_repeat_with_the_key_creates_no_second_upload),
        Journey::new("slice::uploads_that_are_open", open_uploads_are_listed_for_their_owner_only),
        Journey::new("slice::uploads_cut_by_a_stop", an_upload_that_a_stop_has_cut_goes_on_at_once),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

fn ask(client: &Client, key: &str, length: u64) -> Answer {
    let call = client.post(UPLOADS).tus().header("Upload-Length", length.to_string());
    call.header("Idempotency-Key", key).send()
}

fn path(created: Answer) -> String {
    created.expect(201).header("location").expect("a path").to_owned()
}

/// The open uploads of a client, in pages of two.
fn open(client: &Client) -> Vec<Value> {
    let mut next = Some(format!("{UPLOADS}?limit=2&sort=created_at&count=exact"));
    let mut found = vec![];
    while let Some(path) = next {
        let page = client.get(path).tus().send().expect(200).json();
        found.extend(page["data"].as_array().expect("a list").iter().cloned());
        next = page["links"]["next"].as_str().map(str::to_owned);
        if next.is_none() {
            assert_eq!(page["page"]["total"], found.len());
        }
    }
    found
}

fn a_repeat_with_the_key_creates_no_second_upload(store: &Store) {
    let (shop, folder) = shop_with(store, &[("SKEP_UPLOADS_PER_USER", "2")]);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let first = ask(&ada, "film", 10).expect(201);
    let again = ask(&ada, "film", 10).expect(201);
    for name in ["location", "upload-expires"] {
        assert!(first.header(name).is_some() && first.header(name) == again.header(name), "{name}");
    }
    assert_eq!(open(&ada).len(), 1);
    ask(&ada, "film", 11).refused(422, "idempotency_key_reused");
    let (path_of_ada, path_of_bob) = (path(again), path(ask(&bob, "film", 10)));
    assert_ne!(path_of_ada, path_of_bob, "each user has its own keys");
    // Of many repeats at once, each gets the same upload.
    let mut created = super::at_once(8, |_| ask(&ada, "series", 10)).into_iter().map(path).collect::<Vec<_>>();
    created.dedup();
    assert_eq!((created.len(), open(&ada).len()), (1, 2));
    ask(&ada, "third", 10).refused(409, "file_quota_exceeded");

    // A complete upload, and one that was ended, are still the answer.
    add(&ada, &path_of_ada, 0, b"honeycomb!").expect(204);
    ada.delete(&created[0]).tus().send().expect(204);
    assert_eq!((path(ask(&ada, "film", 10)), path(ask(&ada, "series", 10))), (path_of_ada.clone(), created[0].clone()));
    assert_eq!((head(&ada, &path_of_ada), open(&ada)), (10, vec![]));
    assert_eq!((count(&ada, FILES), kept(folder.path())), (1, 1));

    let empty = path(ask(&ada, "empty", 0));
    assert_eq!((path(ask(&ada, "empty", 0)), count(&ada, FILES)), (empty.clone(), 2));
    ada.delete(&empty).tus().send().expect(204);
    assert_eq!((path(ask(&ada, "empty", 0)), count(&ada, FILES)), (empty, 1));
    shop.server.stop();
}

fn open_uploads_are_listed_for_their_owner_only(store: &Store) {
    let shop = Shop::open(store);
    let (ada, bob, visitor) = (shop.user("ada"), shop.user("bob"), shop.server.visitor());
    // `film.mp4`
    let named = "filename ZmlsbS5tcDQ=";
    let paths: Vec<String> = (0..5).map(|_| create(&ada, 10, named)).collect();
    add(&ada, &paths[1], 0, b"honey").expect(204);
    add(&ada, &paths[3], 0, b"honeycomb!").expect(204);
    ada.delete(&paths[4]).tus().send().expect(204);
    create(&bob, 7, "");
    // A file that arrives at once is never among them.
    ada.post(format!("{FILES}?name=a")).text("text/plain", "honey").send().expect(201);

    let listed = open(&ada);
    let ids: Vec<&str> = listed.iter().map(|upload| upload["id"].as_str().expect("an id")).collect();
    assert_eq!(ids, [id_of(&paths[0]), id_of(&paths[1]), id_of(&paths[2])]);
    let upload = &listed[1];
    assert_eq!((&upload["name"], &upload["size"], &upload["offset"]), (&"film.mp4".into(), &10.into(), &5.into()));
    let shown = ada.get(&paths[1]).tus().send().expect(200);
    assert_eq!(
        (upload["links"]["self"].as_str(), &upload["expires_at"]),
        (Some(&*paths[1]), &shown.json()["expires_at"])
    );
    assert!(upload["created_at"].as_str() < upload["expires_at"].as_str());
    // The list has what a client needs to go on.
    add(&ada, upload["links"]["self"].as_str().expect("a path"), 5, b"comb!").expect(204);
    assert_eq!(open(&ada).len(), 2);

    assert_eq!(open(&bob).len(), 1);
    assert_eq!(open(&shop.admin), Vec::<Value>::new());
    create(&shop.admin, 3, "");
    assert_eq!(open(&shop.admin).len(), 1);
    visitor.get(UPLOADS).tus().send().refused(401, "unauthenticated");
    ada.get(UPLOADS).send().refused(412, "tus_version_unsupported");
    for wrong in ["limit=0", "limit=101", "sort=size", "cursor=x"] {
        assert_eq!(ada.get(format!("{UPLOADS}?{wrong}")).tus().send().status, 400, "{wrong}");
    }
    shop.server.stop();
}

fn an_upload_that_a_stop_has_cut_goes_on_at_once(store: &Store) {
    let (shop, _folder) = shop_with(store, &[("SKEP_DRAIN_TIMEOUT", "1")]);
    let ada = shop.user("ada");
    let path = create(&ada, 10, "");
    let (connection, _) = hold(&ada, &path, 0, 10, b"honey");
    let Shop { server, deployment, .. } = shop;
    server.terminate();
    assert_eq!(server.wait().code, Some(0));
    let server = deployment.start();
    let ada = server.known(&ada);
    // Before its process ended, the server stored what had arrived.
    assert_eq!(head(&ada, &path), 5);
    add(&ada, &path, 5, b"comb!").expect(204);
    drop(connection);
    server.stop();
}
