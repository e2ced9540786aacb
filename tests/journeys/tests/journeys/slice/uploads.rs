//! Uploads in pieces, by tus 1.0.

use super::{
    Context, Thing,
    files::{FILES, at, content_of, kept, shop_with},
    insist,
};
use crate::{
    Journey, Needs,
    clocks::start_at,
    shop::{Shop, all, count, log_in},
};
use skep_journeys::{Answer, Call, Client, Connection, Store, wait_for};

pub(super) const UPLOADS: &str = "/api/v1/uploads";
const PIECE: &str = "application/offset+octet-stream";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::uploads", a_file_arrives_in_two_pieces),
        Journey::new("slice::uploads_cut_off", a_file_arrives_over_twenty_cut_connections),
        Journey::new("slice::uploads_over_kills", a_file_arrives_over_kills),
        Journey::new("slice::uploads_of_two_clients", one_client_at_a_time_adds_to_an_upload),
        Journey::new("slice::uploads_that_are_refused", what_does_not_fit_is_refused_and_changes_nothing),
        Journey::new("slice::uploads_with_checksums", nothing_of_a_damaged_piece_is_kept),
        Journey::new("slice::uploads_within_a_quota", an_open_upload_counts_until_it_is_ended),
        Journey::new("slice::uploads_of_others", an_upload_does_not_exist_for_others),
        Journey::new("slice::uploads_that_expire", an_old_upload_is_given_up).needing(Needs::FakeTime),
    ],
    things: &[Thing {
        collection: UPLOADS,
        parts: &[],
        is_busy: true,
        make: |_, owner, _| create(owner, 5, "").rsplit('/').next().expect("an id").to_owned(),
    }],
    unique: &[],
    bodies: &[],
};

pub(super) trait Tus {
    fn tus(self) -> Self;
}

impl Tus for Call<'_> {
    fn tus(self) -> Self {
        self.header("Tus-Resumable", "1.0.0")
    }
}

fn ask(client: &Client, length: u64, metadata: &str) -> Answer {
    let call = client.post(UPLOADS).tus().header("Upload-Length", length.to_string());
    if metadata.is_empty() { call.send() } else { call.header("Upload-Metadata", metadata).send() }
}

/// Creates an upload and returns its path.
pub(crate) fn create(client: &Client, length: u64, metadata: &str) -> String {
    ask(client, length, metadata).expect(201).header("location").expect("a path").to_owned()
}

pub(crate) fn add(client: &Client, path: &str, offset: u64, bytes: &[u8]) -> Answer {
    client.patch(path).tus().header("Upload-Offset", offset.to_string()).text(PIECE, bytes).send()
}

fn offset(answer: &Answer) -> u64 {
    answer.header("upload-offset").expect("an offset").parse().expect("a number")
}

/// The offset that HEAD returns.
pub(super) fn head(client: &Client, path: &str) -> u64 {
    offset(&client.call("HEAD", path).tus().send().expect(200))
}

pub(super) fn id_of(path: &str) -> &str {
    path.rsplit('/').next().expect("an id")
}

/// A connection on which the head of a piece of `length` bytes and the first of them were sent.
fn begin(client: &Client, path: &str, offset: u64, length: usize, bytes: &[u8]) -> Connection {
    let mut connection = client.connect().expect("a connection");
    let token = client.token();
    let mut request = format!(
        "PATCH {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nTus-Resumable: 1.0.0\r\n\
         Upload-Offset: {offset}\r\nContent-Type: {PIECE}\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend(bytes);
    connection.send(&request).expect("it is sent");
    connection
}

/// A request that holds the upload, begun as by [`begin`], and the refusal that others get. They ask with a wrong offset,
/// which is refused as such before the upload is held. The request is refused too if one of them is judged at that
/// moment, and then it is begun again.
pub(super) fn hold(client: &Client, path: &str, offset: u64, length: usize, bytes: &[u8]) -> (Connection, Answer) {
    let mut connection = begin(client, path, offset, length, bytes);
    let refusal = wait_for("a request to hold the upload", || {
        let answer = add(client, path, offset + 7, b"x");
        if answer.status == 409 && connection.is_answered().expect("a connection") {
            connection.receive(false).expect("an answer").refused(423, "upload_locked");
            connection = begin(client, path, offset, length, bytes);
        }
        (answer.status != 409).then_some(answer)
    });
    (connection, refusal.refused(423, "upload_locked"))
}

fn a_file_arrives_in_two_pieces(store: &Store) {
    let (shop, folder) = shop_with(store, &[("SKEP_FILE_MIB", "2")]);
    let (ada, visitor) = (shop.user("ada"), shop.server.visitor());
    for path in [UPLOADS.to_owned(), format!("{UPLOADS}/any")] {
        let options = visitor.call("OPTIONS", path).send().expect(204);
        for (name, value) in [
            ("tus-resumable", "1.0.0"),
            ("tus-version", "1.0.0"),
            ("tus-extension", "creation,termination,checksum,expiration"),
            ("tus-max-size", "2097152"),
            ("tus-checksum-algorithm", "sha1,sha256"),
        ] {
            assert_eq!(options.header(name), Some(value), "{name}");
        }
    }
    // `naïve.txt`, `public` and `image/png`
    let metadata = "filename bmHDr3ZlLnR4dA==,visibility cHVibGlj,filetype aW1hZ2UvcG5n";
    let created = ask(&ada, 10, metadata).expect(201);
    let path = created.header("location").expect("a path").to_owned();
    assert!(created.header("upload-expires").is_some_and(|date| date.ends_with(" GMT")));
    let shown = ada.call("HEAD", &path).tus().send().expect(200);
    for (name, value) in [
        ("upload-offset", "0"),
        ("upload-length", "10"),
        ("upload-metadata", metadata),
        ("cache-control", "no-store"),
        ("tus-resumable", "1.0.0"),
    ] {
        assert_eq!(shown.header(name), Some(value), "{name}");
    }
    assert_eq!(shown.header("upload-expires"), created.header("upload-expires"));

    let first = add(&ada, &path, 0, b"honey").expect(204);
    assert_eq!((offset(&first), first.header("upload-expires")), (5, created.header("upload-expires")));
    let file = at(id_of(&path));
    ada.get(&file).send().refused(404, "not_found");
    assert_eq!((count(&ada, FILES), kept(folder.path())), (0, 1));
    let second = add(&ada, &path, 5, b"comb!").expect(204);
    assert_eq!((offset(&second), second.header("upload-expires")), (10, None));

    let file = visitor.get(&file).send().expect(200);
    assert_eq!((file.text("/name"), file.text("/media_type")), ("naïve.txt".to_owned(), "text/plain".to_owned()));
    // `printf honeycomb! | sha256sum`
    let sha256 = "99031a0969aafa7de1f6d7cfd0a399a42455a6a0090d7c3b9475d947c431319d";
    assert_eq!((file.number("/size"), file.text("/sha256").as_str()), (10, sha256));
    assert_eq!(visitor.get(content_of(id_of(&path))).send().expect(200).body, b"honeycomb!");
    let complete = ada.get(&path).tus().send().expect(200);
    assert_eq!((offset(&complete), complete.number("/offset"), complete.number("/length")), (10, 10, 10));
    assert_eq!(complete.text("/links/file"), at(id_of(&path)));
    add(&ada, &path, 10, b"").refused(409, "upload_complete");
    let uploaded =
        |name: &str| all(&shop.admin, &format!("{FILES}?limit=50")).iter().filter(|file| file["id"] == name).count();
    assert_eq!(uploaded(id_of(&path)), 1);

    let empty = ask(&ada, 0, "").expect(201);
    assert_eq!(empty.header("upload-expires"), None);
    let empty = empty.header("location").expect("a path").to_owned();
    assert_eq!((head(&ada, &empty), ada.get(content_of(id_of(&empty))).send().expect(200).body), (0, vec![]));
    assert_eq!((count(&ada, FILES), kept(folder.path())), (2, 2));
    // The file and its upload are one.
    ada.delete(&path).tus().send().expect(204);
    ada.get(at(id_of(&path))).send().refused(404, "not_found");
    ada.get(&path).tus().send().refused(404, "not_found");
    ada.delete(at(id_of(&empty))).send().expect(204);
    ada.get(&empty).tus().send().refused(404, "not_found");
    assert_eq!((count(&ada, FILES), kept(folder.path())), (0, 0));
    shop.server.stop();
}

fn a_file_arrives_over_twenty_cut_connections(store: &Store) {
    // Less memory for received bytes than the content has.
    let (shop, folder) = shop_with(store, &[("SKEP_MAX_RECEIVED_MIB", "4")]);
    let ada = shop.user("ada");
    let content: Vec<u8> = (0..20_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let path = create(&ada, content.len() as u64, "");
    let mut known = 0;
    for cut in 0..20 {
        let rest = &content[known..];
        // Each cut is at another place in a page, and none is after the last byte.
        let sent = (1 + (cut * 77_773) % 900_001).min(rest.len() - 1);
        drop(hold(&ada, &path, known as u64, rest.len(), &rest[..sent]));
        // The server notices the end of the connection, keeps what has arrived, and lets others go on.
        let free = wait_for("the upload to be free", || {
            let known = head(&ada, &path);
            (add(&ada, &path, known, b"").status == 204).then_some(usize::try_from(known).expect("a place"))
        });
        assert!(free >= known && free <= known + sent, "{known} + {sent}: {free}");
        known = free;
    }
    assert!(known > 1 << 20, "{known} bytes were kept");
    add(&ada, &path, known as u64, &content[known..]).expect(204);
    let read = ada.get(content_of(id_of(&path))).send().expect(200);
    assert!(read.body == content);
    assert_eq!(kept(folder.path()), 1);
    assert!(shop.server.metric("skep_upload_pieces_total") >= 41.0, "20 cuts, 20 empty pieces and the last one");
    shop.server.stop();
}

fn a_file_arrives_over_kills(store: &Store) {
    store.end_abandoned_soon();
    let (shop, folder) = shop_with(store, &[]);
    let (ada, content) = (shop.user("ada"), vec![0xbe; 600_000]);
    let path = create(&ada, content.len() as u64, "");
    let Shop { mut server, deployment, .. } = shop;
    let mut known = 0;
    for kill in 1..=5 {
        let ada = server.known(&ada);
        let acknowledged = known + kill * 10_007;
        insist(|| add(&ada, &path, known as u64, &content[known..acknowledged])).expect(204);
        let rest = &content[acknowledged..];
        let begun = hold(&ada, &path, acknowledged as u64, rest.len(), &rest[..kill * 50_021]);
        server.kill();
        drop(begun);
        server = deployment.start();
        known = usize::try_from(head(&server.known(&ada), &path)).expect("a place");
        assert!(known >= acknowledged, "{known} of {acknowledged} acknowledged bytes");
    }
    // No request waits for one that was lost with its server.
    let ada = server.known(&ada);
    insist(|| add(&ada, &path, known as u64, &content[known..])).expect(204);
    assert!(ada.get(content_of(id_of(&path))).send().expect(200).body == content);
    assert_eq!(kept(folder.path()), 1);
    server.stop();
}

fn one_client_at_a_time_adds_to_an_upload(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let path = create(&ada, 10, "");
    let (mut first, locked) = hold(&ada, &path, 0, 5, b"ho");
    assert_eq!(locked.header("retry-after"), Some("1"));
    add(&ada, &path, 0, b"honeycomb!").refused(423, "upload_locked");
    first.send(b"ney").expect("it is sent");
    assert_eq!(offset(&first.receive(false).expect("an answer").expect(204)), 5);
    assert_eq!(head(&ada, &path), 5);

    // An upload that is ended takes nothing more.
    let (mut second, _) = hold(&ada, &path, 5, 5, b"co");
    ada.delete(&path).tus().send().expect(204);
    second.send(b"mb!").expect("it is sent");
    let ended = second.receive(false).expect("an answer");
    // Others are refused from the lock on the content on. The request may find the row only after that, or no longer.
    match ended.status {
        404 => ended.refused(404, "not_found"),
        _ => ended.refused(410, "upload_expired"),
    };
    assert_eq!(count(&ada, FILES), 0);
    shop.server.stop();
}

fn what_does_not_fit_is_refused_and_changes_nothing(store: &Store) {
    let (shop, folder) = shop_with(store, &[("SKEP_FILE_MIB", "1")]);
    let ada = shop.user("ada");
    let create_with = |headers: &[(&str, &str)]| {
        headers.iter().fold(ada.post(UPLOADS), |call, (name, value)| call.header(name, *value)).send()
    };
    let tus = ("Tus-Resumable", "1.0.0");
    for version in [&[("Upload-Length", "5")][..], &[("Upload-Length", "5"), ("Tus-Resumable", "0.2.2")]] {
        let refused = create_with(version).refused(412, "tus_version_unsupported");
        assert_eq!((refused.header("tus-version"), refused.header("tus-resumable")), (Some("1.0.0"), Some("1.0.0")));
    }
    for length in ["-1", "a", "", "1.5", "0x5"] {
        create_with(&[tus, ("Upload-Length", length)]).refused(400, "invalid_parameter");
    }
    create_with(&[tus]).refused(400, "invalid_parameter");
    create_with(&[tus, ("Upload-Defer-Length", "1")]).refused(400, "invalid_parameter");
    for length in ["1048577", "18446744073709551615", "99999999999999999999999"] {
        create_with(&[tus, ("Upload-Length", length)]).refused(413, "file_too_large");
    }
    // ../a, a\0b, a\r\nX-Evil: 1, gpj\u{202E}exe.a, and what is no Base64
    for name in ["Li4vYQ==", "YQBi", "YQ0KWC1FdmlsOiAx", "Z3Bq4oCuZXhlLmE=", "???"] {
        create_with(&[tus, ("Upload-Length", "5"), ("Upload-Metadata", &format!("filename {name}"))])
            .refused(400, "invalid_parameter");
    }

    let path = create(&ada, 10, "");
    assert_eq!(offset(&add(&ada, &path, 0, b"honey").expect(204)), 5);
    for wrong in ["0", "4", "6", "10", "11", "18446744073709551615", "99999999999999999999999"] {
        let call = ada.patch(&path).tus().header("Upload-Offset", wrong).text(PIECE, "comb!");
        call.send().refused(409, "upload_offset_mismatch");
    }
    for wrong in ["-5", "five", "5.0", ""] {
        let call = ada.patch(&path).tus().header("Upload-Offset", wrong).text(PIECE, "comb!");
        call.send().refused(400, "invalid_parameter");
    }
    ada.patch(&path).tus().text(PIECE, "comb!").send().refused(400, "invalid_parameter");
    let call = ada.patch(&path).header("Upload-Offset", "5").text(PIECE, "comb!");
    call.send().refused(412, "tus_version_unsupported");
    for media_type in ["application/octet-stream", "application/json", "text/plain"] {
        let call = ada.patch(&path).tus().header("Upload-Offset", "5").text(media_type, "comb!");
        call.send().refused(415, "unsupported_media_type");
    }
    add(&ada, &path, 5, b"comb!!").refused(413, "piece_too_long");
    // A chunked body does not say how long it is.
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 5\r\n\
         Content-Type: {PIECE}\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ncomb!!\r\n0\r\n\r\n",
        ada.token()
    );
    let answer = ada.connect().and_then(|mut connection| connection.exchange(head.as_bytes())).expect("an answer");
    answer.refused(413, "piece_too_long");
    assert_eq!(head_and_files(&ada, &path), (5, 0));
    add(&ada, &path, 5, b"comb!").expect(204);

    // `purpose image`: what is no picture ends the upload.
    let path = create(&ada, 6, "purpose aW1hZ2U=");
    add(&ada, &path, 0, b"<svg/>").refused(422, "media_type_not_allowed");
    ada.call("HEAD", &path).tus().send().expect(404);
    assert_eq!((count(&ada, FILES), kept(folder.path())), (1, 1));
    shop.server.stop();
}

fn head_and_files(client: &Client, path: &str) -> (u64, i64) {
    (head(client, path), count(client, FILES))
}

fn nothing_of_a_damaged_piece_is_kept(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let path = create(&ada, 10, "");
    let add_with = |offset: u64, checksum: &str, bytes: &str| {
        let call = ada.patch(&path).tus().header("Upload-Offset", offset.to_string());
        call.header("Upload-Checksum", checksum).text(PIECE, bytes).send()
    };
    // `printf honey | sha256sum` and `sha1sum`, in Base64
    let (sha256, sha1) = ("sha256 pV4uOEalH2rQq/373qK6Dl4MdrXM+oqSCJX+3q6JqLY=", "sha1 nXU0LBA6BQz7CbBZYLuV1twTNbY=");
    for wrong in [sha256, sha1, "sha256 AAAA", "sha1 AAAA"] {
        add_with(0, wrong, "honex").refused(460, "checksum_mismatch");
        assert_eq!(head(&ada, &path), 0);
    }
    for wrong in ["md5 AAAA", "sha256", "sha1 ", "sha256 ???", ""] {
        add_with(0, wrong, "honey").refused(400, "invalid_parameter");
    }
    assert_eq!(offset(&add_with(0, sha256, "honey").expect(204)), 5);
    add_with(5, sha1, "comb!").refused(460, "checksum_mismatch");
    assert_eq!(head_and_files(&ada, &path), (5, 0));
    assert_eq!(offset(&add_with(5, sha1, "honey").expect(204)), 10);
    assert_eq!(ada.get(content_of(id_of(&path))).send().expect(200).body, b"honeyhoney");
    shop.server.stop();
}

fn an_open_upload_counts_until_it_is_ended(store: &Store) {
    let settings = [("SKEP_UPLOADS_PER_USER", "2"), ("SKEP_FILES_MIB_PER_USER", "1"), ("SKEP_FILE_MIB", "1")];
    let (shop, folder) = shop_with(store, &settings);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let first = create(&ada, 700 << 10, "");
    ask(&ada, 700 << 10, "").refused(409, "file_quota_exceeded");
    ada.post(format!("{FILES}?name=a"))
        .text("text/plain", vec![b'a'; 700 << 10])
        .send()
        .refused(409, "file_quota_exceeded");
    create(&bob, 700 << 10, "");
    let second = create(&ada, 5, "");
    ask(&ada, 0, "").refused(409, "file_quota_exceeded");
    add(&ada, &second, 0, b"hon").expect(204);
    assert_eq!(kept(folder.path()), 1);
    for path in [&first, &second] {
        ada.delete(path).tus().send().expect(204);
        ada.delete(path).tus().send().refused(404, "not_found");
        add(&ada, path, 0, b"honey").refused(404, "not_found");
    }
    assert_eq!(kept(folder.path()), 0);

    // Of many uploads at once, no more are created than fit.
    let created = super::at_once(8, |_| ask(&ada, 400 << 10, "").status);
    assert_eq!(created.iter().filter(|status| **status == 201).count(), 2, "{created:?}");
    assert!(created.iter().all(|status| [201, 409].contains(status)), "{created:?}");
    shop.server.stop();
}

fn an_upload_does_not_exist_for_others(store: &Store) {
    let shop = Shop::open(store);
    let (ada, bob, visitor) = (shop.user("ada"), shop.user("bob"), shop.server.visitor());
    let path = create(&ada, 10, "");
    add(&ada, &path, 0, b"honey").expect(204);
    for other in [&bob, &shop.admin] {
        for path in [&path, &format!("{UPLOADS}/nope"), &format!("{UPLOADS}/019a9d3c-5a00-7000-8000-000000000001")] {
            other.call("HEAD", path).tus().send().expect(404);
            other.get(path).tus().send().refused(404, "not_found");
            add(other, path, 5, b"comb!").refused(404, "not_found");
            add(other, path, 0, b"x").refused(404, "not_found");
            other.delete(path).tus().send().refused(404, "not_found");
        }
    }
    visitor.get(&path).tus().send().refused(401, "unauthenticated");
    add(&visitor, &path, 5, b"comb!").refused(401, "unauthenticated");
    ask(&visitor, 5, "").refused(401, "unauthenticated");
    // A file that did not arrive in pieces is no upload.
    let whole = ada.post(format!("{FILES}?name=a")).text("text/plain", "honey").send().expect(201).text("/id");
    ada.get(format!("{UPLOADS}/{whole}")).tus().send().refused(404, "not_found");
    ada.delete(format!("{UPLOADS}/{whole}")).tus().send().refused(404, "not_found");
    assert_eq!(head_and_files(&ada, &path), (5, 1));
    shop.server.stop();
}

fn an_old_upload_is_given_up(store: &Store) {
    let (shop, folder) = shop_with(store, &[]);
    let ada = shop.user("ada");
    let path = create(&ada, 10, "");
    add(&ada, &path, 0, b"honey").expect(204);
    let complete = create(&ada, 3, "");
    add(&ada, &complete, 0, b"wax").expect(204);
    let Shop { server, deployment, .. } = shop;
    server.stop();
    let server = start_at(&deployment, "+25h");
    let ada = log_in(&server, "ada");
    // The sweep may have removed it already.
    let given_up = add(&ada, &path, 5, b"comb!");
    assert!(matches!(given_up.problem().as_str(), "410 upload_expired" | "404 not_found"), "{given_up:?}");
    wait_for("the sweep to remove it", || (ada.get(&path).tus().send().status == 404).then_some(()));
    wait_for("its bytes to be gone", || (kept(folder.path()) == 1).then_some(()));
    assert_eq!((head(&ada, &complete), count(&ada, FILES)), (3, 1));
    wait_for("the log to say it", || server.log().contains("1 files").then_some(()));
    server.stop();
}
