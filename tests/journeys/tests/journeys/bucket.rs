//! Contents of files in a bucket of S3 instead of a folder.

use crate::{
    Journey, Needs,
    shop::Shop,
    slice::{PICTURE, add_piece, content_of, create_upload, file_at, put_file},
};
use serde_json::json;
use skep_application::files::BlobStore as _;
use skep_blobs::{S3Blobs, S3Options};
use skep_journeys::{Client, Deployment, Output, ScanServer, Store, wait_for};
use skep_local::system_runtime;
use std::env;

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("bucket::files", files_are_kept_in_a_bucket).needing(Needs::Bucket),
    Journey::new("bucket::check", a_bucket_that_refuses_us_is_named).needing(Needs::Bucket),
    Journey::new("bucket::move", contents_are_copied_to_a_bucket_and_back).needing(Needs::Bucket),
    Journey::new("bucket::move_before_a_verdict", contents_that_wait_for_the_scanner_are_copied).needing(Needs::Bucket),
];

pub(crate) const VARIABLE: &str = "SKEP_TEST_S3_URL";

/// A bucket for the journey alone: names that nothing else has, in the bucket at `http://KEY:SECRET@HOST/BUCKET`.
fn bucket() -> S3Options {
    let url = env::var(VARIABLE).expect("the address of the server");
    let parts = url.strip_prefix("http://").and_then(|rest| {
        let (credentials, place) = rest.split_once('@')?;
        Some((credentials.split_once(':')?, place.split_once('/')?))
    });
    let ((key, secret), (host, name)) = parts.expect("http://KEY:SECRET@HOST/BUCKET");
    let mut options = S3Options::new(name, "us-east-1", key, secret);
    (options.endpoint, options.path_style) = (Some(format!("http://{host}")), true);
    options.prefix = format!("journey-{}", system_runtime().ids.next());
    options
}

/// The settings of a bucket.
fn settings(options: &S3Options) -> [(&'static str, &str); 5] {
    [
        ("SKEP_S3_BUCKET", &options.bucket),
        ("SKEP_S3_ENDPOINT", options.endpoint.as_ref().expect("an endpoint")),
        ("SKEP_S3_ACCESS_KEY_ID", &options.access_key_id),
        ("SKEP_S3_SECRET_ACCESS_KEY", &options.secret_access_key),
        ("SKEP_S3_PREFIX", &options.prefix),
    ]
}

fn deployment(store: &Store, options: &S3Options) -> Deployment {
    let mut deployment = Deployment::new(store);
    for (name, value) in settings(options) {
        deployment.set(name, value);
    }
    deployment
}

/// The number of contents in the bucket, complete or not.
fn kept(options: &S3Options) -> usize {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let blobs = S3Blobs::new(options, system_runtime()).expect("a client");
    runtime.block_on(blobs.list(None, 1_000)).expect("a list").len()
}

/// More than two parts of an upload.
fn large() -> Vec<u8> {
    (0..11_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn files_are_kept_in_a_bucket(store: &Store) {
    let options = bucket();
    let deployment = deployment(store, &options);
    let Output { out, err, .. } = deployment.run(&["check"], "", &[]);
    assert!(out.contains("can be listed, read and written"), "{out}{err}");
    // A proxy cannot reach a server on this machine.
    let proxy = [("HTTP_PROXY", "http://127.0.0.1:1"), ("http_proxy", "http://127.0.0.1:1")];
    let Output { out, err, .. } = deployment.run(&["check"], "", &proxy);
    assert!(out.contains("can be listed, read and written"), "{out}{err}");
    assert_eq!(kept(&options), 0, "a check leaves nothing");

    let shop = Shop::open_on(deployment);
    let (ada, visitor) = (shop.user("ada"), shop.server.visitor());
    let large = large();
    let (small, large_id) = (put_file(&ada, "name=a.txt", "honeycomb!").expect(201).text("/id"), {
        put_file(&ada, "name=large", large.clone()).expect(201).text("/id")
    });
    assert_eq!(ada.get(content_of(&small)).send().expect(200).body, b"honeycomb!");
    assert!(ada.get(content_of(&large_id)).send().expect(200).body == large);
    let part = ada.get(content_of(&large_id)).header("Range", "bytes=5242870-5242890").send().expect(206);
    assert!(part.body == large[5_242_870..=5_242_890]);
    let url = ada.post(format!("{}/links", file_at(&small))).json(json!({})).send().expect(200).text("/url");
    let (_, path) = url.split_once("/api/").expect("an address of the API");
    assert_eq!(visitor.get(format!("/api/{path}")).send().expect(200).body, b"honeycomb!");

    let upload = create_upload(&ada, 10, "");
    add_piece(&ada, &upload, 0, b"honey").expect(204);
    // The server is killed. The next one has the piece.
    let Shop { server, deployment, .. } = shop;
    server.kill();
    let server = deployment.start();
    let ada = crate::shop::log_in(&server, "ada");
    wait_for("the content to be free", || (add_piece(&ada, &upload, 5, b"comb!").status == 204).then_some(()));
    let id = upload.rsplit('/').next().expect("an id");
    assert_eq!(ada.get(content_of(id)).send().expect(200).body, b"honeycomb!");
    assert_eq!(kept(&options), 3);
    let Output { code, out, err } = deployment.run(&["files", "verify"], "", &[]);
    assert_eq!(code, Some(0), "{out}{err}");

    for id in [&small, &large_id, id] {
        ada.delete(file_at(id)).send().expect(204);
        ada.get(content_of(id)).send().refused(404, "not_found");
    }
    assert_eq!(kept(&options), 0, "the contents are gone");
    server.stop();
}

fn a_bucket_that_refuses_us_is_named(store: &Store) {
    let right = bucket();
    for (options, expected) in [
        (S3Options { secret_access_key: "hunter2".to_owned(), ..right.clone() }, "SignatureDoesNotMatch"),
        (S3Options { bucket: "no-such-bucket".to_owned(), ..right.clone() }, "NoSuchBucket"),
        (S3Options { endpoint: Some("http://127.0.0.1:1".to_owned()), ..right }, "SKEP_S3_ENDPOINT"),
    ] {
        let Output { code, out, err } = deployment(store, &options).run(&["check"], "", &[]);
        assert_eq!(code, Some(1), "{out}{err}");
        let line = out.lines().find(|line| line.starts_with("wrong")).unwrap_or_default();
        assert!(line.contains("files") && out.contains(expected), "{out}");
        assert!(!out.contains("hunter2"), "{out}");
    }
}

fn contents_are_copied_to_a_bucket_and_back(store: &Store) {
    let (options, large) = (bucket(), large());
    let Shop { server, mut deployment, .. } = {
        let shop = Shop::open_on(Deployment::new(store));
        shop.user("ada");
        shop
    };
    let ada = crate::shop::log_in(&server, "ada");
    let put = |query: &str, content: &[u8]| put_file(&ada, query, content).expect(201).text("/id");
    let (small, large_id) = (put("name=a.txt", b"honeycomb!"), put("name=large", &large));
    let (picture, damaged) = (put("name=jar.png&purpose=image", PICTURE), put("name=b.txt", b"beeswax"));
    let thumbnail = |ada: &Client| ada.get(format!("{}?size=thumbnail", content_of(&picture))).send().expect(200).body;
    let sized = thumbnail(&ada);
    let upload = create_upload(&ada, 10, "");
    add_piece(&ada, &upload, 0, b"honey").expect(204);

    // Beside the server, which still has its contents in the folder.
    let folder = deployment.path("data").join("files");
    std::fs::write(folder.join(&damaged[damaged.len() - 2..]).join(&damaged), "beesway").expect("a content");
    let moved = |arguments: &[&str]| {
        let arguments = [&["files", "move", "--to", "s3"], arguments].concat();
        deployment.run(&arguments, "", &settings(&options))
    };
    let Output { code, out, err } = moved(&["--dry-run"]);
    assert!(code == Some(0) && out.contains("5 contents") && out.contains("would be copied"), "{out}{err}");
    assert_eq!(kept(&options), 0, "a dry run writes nothing");
    let Output { code, out, err } = moved(&[]);
    assert!(code == Some(1) && out.contains(&format!("{damaged}  damaged")), "{out}{err}");
    assert!(out.contains("4 contents") && out.contains("1 uploads in pieces"), "{out}{err}");
    assert!(err.contains("1 contents are not in the target"), "{out}{err}");
    assert_eq!(kept(&options), 4);
    // It is uploaded after the copy, and another one is deleted.
    let late = put("name=late.txt", b"honey");
    ada.delete(file_at(&damaged)).send().expect(204);
    server.stop();

    for (name, value) in settings(&options) {
        deployment.set(name, value);
    }
    let server = deployment.start();
    let ada = crate::shop::log_in(&server, "ada");
    assert_ne!(add_piece(&ada, &upload, 5, b"comb!").status, 204, "its beginning is not here");
    let out = deployment.run(&["files", "move", "--to", "s3", "--json"], "", &[]).ok();
    let result: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&result["copied"], &result["present"]), (&json!(1), &json!(4)), "{out}");
    let shows_all = |ada: &Client| {
        for (id, content) in [(&small, &b"honeycomb!"[..]), (&large_id, &large), (&picture, PICTURE), (&late, b"honey")]
        {
            assert!(ada.get(content_of(id)).send().expect(200).body == content, "{id}");
        }
        assert!(thumbnail(ada) == sized);
    };
    shows_all(&ada);

    // And back, into another folder.
    let others = deployment.path("others");
    let others = others.to_str().expect("a path");
    let copied =
        || deployment.run(&["files", "move", "--to", "folder", "--folder", others, "--only-missing"], "", &[]).ok();
    assert!(copied().contains("5 contents"));
    assert!(copied().starts_with("0 contents"));
    // Its log has an error, about the upload.
    server.terminate();
    server.wait();
    for (name, _) in settings(&options) {
        deployment.set(name, "");
    }
    deployment.set("SKEP_FILES_DIR", others);
    let server = deployment.start();
    shows_all(&crate::shop::log_in(&server, "ada"));
    server.stop();
}

fn contents_that_wait_for_the_scanner_are_copied(store: &Store) {
    let (options, scanner) = (bucket(), ScanServer::start());
    scanner.hold();
    let mut deployment = Deployment::new(store);
    scanner.serve(&mut deployment);
    let Shop { server, mut deployment, .. } = {
        let shop = Shop::open_on(deployment);
        shop.user("ada");
        shop
    };
    let ada = crate::shop::log_in(&server, "ada");
    let id = put_file(&ada, "", "honey").expect(201).text("/id");
    scanner.wait_for_contents(1);
    let out = deployment.run(&["files", "move", "--to", "s3"], "", &settings(&options)).ok();
    assert!(out.contains("1 contents"), "{out}");
    server.stop();
    for (name, value) in settings(&options) {
        deployment.set(name, value);
    }
    scanner.go_on();
    let server = deployment.start();
    let ada = crate::shop::log_in(&server, "ada");
    wait_for("the verdict", || (ada.get(content_of(&id)).send().status == 200).then_some(()));
    assert_eq!(ada.get(content_of(&id)).send().expect(200).body, b"honey");
    server.stop();
}
