//! Contents of files in a bucket of S3 instead of a folder.

use crate::{
    Journey, Needs,
    shop::Shop,
    slice::{add_piece, content_of, create_upload, file_at, put_file},
};
use serde_json::json;
use skep_application::files::BlobStore as _;
use skep_blobs::{S3Blobs, S3Options};
use skep_journeys::{Deployment, Output, Store, wait_for};
use skep_local::system_runtime;
use std::env;

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("bucket::files", files_are_kept_in_a_bucket).needing(Needs::Bucket),
    Journey::new("bucket::check", a_bucket_that_refuses_us_is_named).needing(Needs::Bucket),
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

fn deployment(store: &Store, options: &S3Options) -> Deployment {
    let mut deployment = Deployment::new(store);
    for (name, value) in [
        ("SKEP_S3_BUCKET", &options.bucket),
        ("SKEP_S3_ENDPOINT", options.endpoint.as_ref().expect("an endpoint")),
        ("SKEP_S3_ACCESS_KEY_ID", &options.access_key_id),
        ("SKEP_S3_SECRET_ACCESS_KEY", &options.secret_access_key),
        ("SKEP_S3_PREFIX", &options.prefix),
    ] {
        deployment.set(name, value.clone());
    }
    deployment
}

/// The number of contents in the bucket, complete or not.
fn kept(options: &S3Options) -> usize {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let blobs = S3Blobs::new(options, system_runtime()).expect("a client");
    runtime.block_on(blobs.list(None, 1_000)).expect("a list").len()
}

fn files_are_kept_in_a_bucket(store: &Store) {
    let options = bucket();
    let deployment = deployment(store, &options);
    let Output { out, err, .. } = deployment.run(&["check"], "", &[]);
    assert!(out.contains("can be listed, read and written"), "{out}{err}");
    assert_eq!(kept(&options), 0, "a check leaves nothing");

    let shop = Shop::open_on(deployment);
    let (ada, visitor) = (shop.user("ada"), shop.server.visitor());
    // More than two parts of an upload.
    let large: Vec<u8> = (0..11_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
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
