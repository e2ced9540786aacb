//! Files.

use super::{Context, Thing};
use crate::{
    Journey,
    shop::{Shop, all, count, pages},
};
use serde_json::Value;
use skep_journeys::{Answer, Client, Deployment, Store, wait_for};
use std::{fs, path::Path};

pub(super) const FILES: &str = "/api/v1/files";
const BYTES: &str = "application/octet-stream";
/// A picture as its first bytes say.
pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::files", a_file_is_stored_read_listed_and_deleted),
        Journey::new("slice::files_in_parts", a_content_is_read_in_parts_and_from_a_cache),
        Journey::new("slice::files_of_others", a_private_file_does_not_exist_for_others),
        Journey::new("slice::files_that_are_refused", what_is_wrong_is_refused_and_leaves_nothing),
        Journey::new("slice::files_within_a_quota", no_user_keeps_more_than_the_quota),
        Journey::new("slice::files_and_repeats", a_repeat_with_the_key_stores_no_second_file),
        Journey::new("slice::files_in_a_stream", a_large_content_is_stored_as_it_arrives),
    ],
    things: &[Thing {
        collection: FILES,
        parts: &[],
        is_busy: false,
        make: |_, owner, _| put(owner, "visibility=public&purpose=image", PNG).expect(201).text("/id"),
    }],
    unique: &[],
    bodies: &[],
};

pub(crate) fn put(client: &Client, query: &str, content: impl Into<Vec<u8>>) -> Answer {
    client.post(format!("{FILES}?{query}")).text(BYTES, content).send()
}

pub(crate) fn at(id: &str) -> String {
    format!("{FILES}/{id}")
}

pub(crate) fn content_of(id: &str) -> String {
    format!("{FILES}/{id}/content")
}

/// The files below a folder that are not empty folders.
pub(super) fn kept(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().collect()).unwrap_or_else(|_| vec![]);
    // The first sweep stores the owner beside the contents.
    let contents = entries.iter().filter(|entry| entry.file_name() != "owner");
    contents.map(|entry| if entry.path().is_dir() { kept(&entry.path()) } else { 1 }).sum()
}

/// A shop whose contents are in a folder of the test.
pub(super) fn shop_with(store: &Store, settings: &[(&str, &str)]) -> (Shop, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_FILES_DIR", folder.path().to_str().expect("a path in UTF-8"));
    for (name, value) in settings {
        deployment.set(name, *value);
    }
    (Shop::open_on(deployment), folder)
}

fn a_file_is_stored_read_listed_and_deleted(store: &Store) {
    let (shop, folder) = shop_with(store, &[]);
    let ada = shop.user("ada");
    let sent = ada.post(FILES).header("Content-Disposition", "attachment; filename*=UTF-8''na%C3%AFve.txt");
    let file = sent.text("image/png", "honey").send().expect(201);
    let id = file.text("/id");
    assert_eq!((file.header("location"), file.etag().as_str()), (Some(at(&id).as_str()), "\"2\""));
    assert_eq!((file.text("/name"), file.text("/media_type")), ("naïve.txt".to_owned(), "text/plain".to_owned()));
    assert_eq!((file.number("/size"), file.text("/visibility").as_str()), (5, "private"));
    // `printf honey | sha256sum`
    let sha256 = "a55e2e3846a51f6ad0abfdfbdea2ba0e5e0c76b5ccfa8a920895fedeae89a8b6";
    assert_eq!(file.text("/sha256"), sha256);
    assert_eq!(ada.get(at(&id)).send().expect(200).body, file.body);

    let content = ada.get(content_of(&id)).send().expect(200);
    assert_eq!(content.body, b"honey");
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "5"),
        ("content-disposition", "inline; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
        ("cache-control", "private, no-cache"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(content.header(name), Some(value), "{name}");
    }
    assert_eq!(content.etag(), format!("\"{}\"", file.text("/sha256")));

    let html = put(&ada, "name=page.html", "<!DOCTYPE html><script>alert(1)</script>").expect(201).text("/id");
    let page = ada.get(content_of(&html)).send().expect(200);
    assert_eq!(page.header("content-disposition"), Some("attachment; filename=\"page.html\""));
    let listed = all(&ada, &format!("{FILES}?limit=1"));
    let ids: Vec<_> = listed.iter().map(|file| file["id"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(ids, [html.clone(), id.clone()], "the newest first");
    assert_eq!((count(&shop.admin, FILES), count(&shop.user("bob"), FILES), kept(folder.path())), (2, 0, 2));

    ada.delete(at(&id)).if_match("\"1\"").send().refused(412, "precondition_failed");
    ada.delete(at(&id)).if_match("\"2\"").key("gone").send().expect(204);
    ada.delete(at(&id)).if_match("\"2\"").key("gone").send().expect(204);
    ada.get(at(&id)).send().refused(404, "not_found");
    ada.get(content_of(&id)).send().refused(404, "not_found");
    ada.delete(at(&id)).send().refused(404, "not_found");
    shop.admin.delete(at(&html)).send().expect(204);
    assert_eq!((count(&shop.admin, FILES), kept(folder.path())), (0, 0), "the contents are gone");
    assert_eq!(pages(&ada, FILES), [Vec::<Value>::new()]);
    shop.server.stop();
}

fn a_content_is_read_in_parts_and_from_a_cache(store: &Store) {
    let shop = Shop::open(store);
    let (ada, visitor) = (shop.user("ada"), shop.server.visitor());
    let text: String = (0..30_000).map(|number| format!("{number:05},")).collect();
    let id = put(&ada, "visibility=public&name=n.csv", text.clone()).expect(201).text("/id");
    let path = content_of(&id);
    let get = |headers: &[(&str, &str)]| {
        let call = visitor.get(&path);
        headers.iter().fold(call, |call, (name, value)| call.header(name, *value)).send()
    };
    let whole = get(&[]).expect(200);
    assert!(whole.body == text.as_bytes());
    assert_eq!(whole.header("cache-control"), Some("public, max-age=31536000, immutable, s-maxage=86400"));
    let etag = whole.etag();
    for (range, bytes) in [("bytes=0-4", 0..5), ("bytes=65530-131079", 65_530..131_080), ("bytes=-6", 179_994..180_000)]
    {
        let part = get(&[("Range", range)]).expect(206);
        assert!(part.body == text.as_bytes()[bytes.clone()], "{range}");
        let place = format!("bytes {}-{}/180000", bytes.start, bytes.end - 1);
        assert_eq!((part.header("content-range"), part.etag()), (Some(place.as_str()), etag.clone()));
    }
    let missing = get(&[("Range", "bytes=180000-")]).refused(416, "range_not_satisfiable");
    assert_eq!(missing.header("content-range"), Some("bytes */180000"));
    assert_eq!(get(&[("Range", "bytes=0-4"), ("If-Range", &etag)]).expect(206).body.len(), 5);
    assert_eq!(get(&[("Range", "bytes=0-4"), ("If-Range", "\"old\"")]).expect(200).body.len(), 180_000);
    assert_eq!(get(&[("Range", "bytes=0-1,4-5")]).expect(200).body.len(), 180_000);
    for headers in [&[("If-None-Match", etag.as_str())][..], &[("If-None-Match", "*"), ("Range", "bytes=0-4")]] {
        let kept = get(headers).expect(304);
        assert_eq!((kept.body.len(), kept.etag()), (0, etag.clone()));
    }
    get(&[("If-Match", "\"old\"")]).refused(412, "precondition_failed");
    let head = visitor.call("HEAD", &path).send().expect(200);
    assert_eq!((head.header("content-length"), head.etag()), (Some("180000"), etag));
    shop.server.stop();
}

fn a_private_file_does_not_exist_for_others(store: &Store) {
    let shop = Shop::open(store);
    let (ada, bob, visitor) = (shop.user("ada"), shop.user("bob"), shop.server.visitor());
    let id = put(&ada, "", "honey").expect(201).text("/id");
    let etag = ada.get(content_of(&id)).send().expect(200).etag();
    for other in [&bob, &visitor] {
        for path in [at(&id), content_of(&id), at("nope")] {
            other.get(&path).header("If-None-Match", &etag).send().refused(404, "not_found");
        }
    }
    bob.delete(at(&id)).send().refused(404, "not_found");
    visitor.delete(at(&id)).send().refused(401, "unauthenticated");
    visitor.get(FILES).send().refused(401, "unauthenticated");
    put(&visitor, "", "honey").refused(401, "unauthenticated");
    assert_eq!(shop.admin.get(content_of(&id)).send().expect(200).body, b"honey");
    shop.server.stop();
}

fn what_is_wrong_is_refused_and_leaves_nothing(store: &Store) {
    let (shop, folder) = shop_with(store, &[("SKEP_FILE_MIB", "1"), ("SKEP_UPLOADS_PER_USER", "1")]);
    let ada = shop.user("ada");
    let long = format!("name={}", "a".repeat(4_096));
    for query in [
        "name=..",
        "name=a%2Fb",
        "name=..%5Ca",
        "name=a%00b",
        "name=a%0D%0AX-Evil:1",
        "name=gpj%E2%80%AEexe.a",
        "name=",
        "purpose=virus",
        "visibility=all",
        "color=red",
        "purpose=image&purpose=image",
        &long,
    ] {
        put(&ada, query, "honey").refused(400, "invalid_parameter");
    }
    for digest in ["sha-256=:AAAA:", "sha-256=abc"] {
        let sent = ada.post(FILES).header("Repr-Digest", digest).text(BYTES, "honey").send();
        sent.refused(400, "invalid_parameter");
    }
    let digest = format!("sha-256=:{}A=:", "A".repeat(42));
    ada.post(FILES).header("Repr-Digest", digest).text(BYTES, "honey").send().refused(422, "content_mismatch");
    put(&ada, "purpose=image", "<svg/>").refused(422, "media_type_not_allowed");
    put(&ada, "purpose=image", PNG).expect(201);
    put(&ada, "", vec![7; (1 << 20) + 1]).refused(413, "file_too_large");
    let packed = ada.post(FILES).header("Content-Encoding", "gzip").text(BYTES, "honey").send();
    packed.refused(415, "unsupported_media_type");

    // A chunked body does not say how long it is, and a connection that breaks off says it wrongly.
    let head = format!("POST {FILES} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n", ada.token());
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n110000\r\n").into_bytes();
    chunked.extend(vec![b'a'; 0x0011_0000]);
    chunked.extend(b"\r\n0\r\n\r\n");
    let answer = ada.connect().and_then(|mut connection| connection.exchange(&chunked)).expect("an answer");
    answer.refused(413, "file_too_large");
    let short = format!("{head}Content-Length: 9\r\n\r\nhoney");
    let mut connection = ada.connect().expect("a connection");
    connection.send(short.as_bytes()).expect("it is sent");
    drop(connection);
    // The user may upload again, and nothing of the others is left.
    wait_for("the upload to be removed", || (put(&ada, "", "wax").status == 201).then_some(()));
    assert_eq!(count(&ada, FILES), 2);
    wait_for("only two contents to be kept", || (kept(folder.path()) == 2).then_some(()));
    shop.server.stop();
}

fn no_user_keeps_more_than_the_quota(store: &Store) {
    let settings = [("SKEP_FILES_PER_USER", "3"), ("SKEP_FILES_MIB_PER_USER", "1"), ("SKEP_FILE_MIB", "1")];
    let (shop, folder) = shop_with(store, &settings);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let half = vec![7; 400 << 10];
    let first = put(&ada, "", half.clone()).expect(201).text("/id");
    put(&ada, "", half.clone()).expect(201);
    put(&ada, "", half.clone()).refused(409, "file_quota_exceeded");
    put(&bob, "", half.clone()).expect(201);
    put(&ada, "", "honey").expect(201);
    put(&ada, "", "").refused(409, "file_quota_exceeded");
    assert_eq!(kept(folder.path()), 4);
    ada.delete(at(&first)).send().expect(204);

    // Of many uploads at once, no more are stored than fit.
    let stored = crate::slice::at_once(12, |_| put(&ada, "", half.clone()).status);
    assert_eq!(stored.iter().filter(|status| **status == 201).count(), 1, "{stored:?}");
    assert!(stored.iter().all(|status| [201, 409].contains(status)), "{stored:?}");
    assert_eq!((count(&ada, FILES), kept(folder.path())), (3, 4));
    shop.server.stop();
}

fn a_repeat_with_the_key_stores_no_second_file(store: &Store) {
    let (shop, folder) = shop_with(store, &[]);
    let ada = shop.user("ada");
    let send = |content: &str| ada.post(format!("{FILES}?name=a.txt")).key("once").text(BYTES, content).send();
    let first = send("honey").expect(201);
    assert_eq!(send("honey").expect(201).body, first.body);
    send("wax").refused(422, "idempotency_key_reused");
    assert_eq!((count(&ada, FILES), kept(folder.path())), (1, 1));
    shop.server.stop();
}

fn a_large_content_is_stored_as_it_arrives(store: &Store) {
    // Less memory for received bytes than the content has.
    let (shop, folder) = shop_with(store, &[("SKEP_MAX_RECEIVED_MIB", "4")]);
    let ada = shop.user("ada");
    let content: Vec<u8> = (0..40_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = put(&ada, "name=large.bin", content.clone()).expect(201);
    assert_eq!(file.number("/size"), 40 << 20);
    let read = ada.get(content_of(&file.text("/id"))).send().expect(200);
    assert!(read.body == content);
    let small = put(&ada, "name=small.txt", "honey").expect(201).text("/id");
    a_damaged_content_is_not_sent_as_a_right_one((&shop, &ada), folder.path(), &file.text("/id"), &small);
    // Its log has errors, about the damaged contents.
    shop.server.terminate();
    assert_eq!(shop.server.wait().code, Some(0));
}

/// The large content loses its last byte and a bit, and the small one is replaced.
fn a_damaged_content_is_not_sent_as_a_right_one(
    (shop, ada): (&Shop, &Client),
    folder: &Path,
    large: &str,
    small: &str,
) {
    let verify = || shop.deployment.run(&["files", "verify"], "", &[]);
    assert!(verify().ok().contains("2 files with 41943045 bytes are as they were stored"));
    let path = |id: &str| folder.join(&id[id.len() - 2..]).join(id);
    let content = fs::read(path(large)).expect("a content");
    let mut flipped = content.clone();
    flipped[20 << 20] ^= 1;
    for damaged in [&flipped[..], &content[..content.len() - 1]] {
        fs::write(path(large), damaged).expect("a content");
        assert!(ada.get(content_of(large)).try_send().is_err(), "the answer is cut off");
    }
    fs::write(path(small), "wax!!").expect("a content");
    ada.get(content_of(small)).send().refused(500, "internal");
    assert_eq!(shop.server.metric("skep_file_contents_damaged_total"), 3.0);
    wait_for("the log to name the files", || {
        let log = shop.server.log();
        (log.contains(large) && log.contains(small)).then_some(())
    });
    let found = verify();
    assert!([large, small].iter().all(|id| found.out.contains(&format!("{id}  damaged"))), "{found:?}");
    found.refused(&["2 of 2 files have no content, or a wrong one"]);
    fs::remove_file(path(small)).expect("a content");
    ada.get(content_of(small)).send().refused(500, "internal");
    assert!(verify().out.contains(&format!("{small}  missing")));
    fs::write(path(large), content).expect("a content");
    fs::write(path(small), "honey").expect("a content");
    verify().ok();
    assert_eq!(ada.get(content_of(large)).send().expect(200).body.len(), 40 << 20);
}
