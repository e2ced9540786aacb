//! The settings of the bucket with the contents of files.

use super::ContextSettings;
use crate::config::{
    parse::{number, one_of},
    read::Source,
    setting::{Setting, Shape},
};
use skep_blobs::S3Options;
use std::net::IpAddr;

pub(super) const S3: ContextSettings = ContextSettings { settings: SETTINGS, read: |_, _| {} };

const BUCKET: &str = "SKEP_S3_BUCKET";
const ENDPOINT: &str = "SKEP_S3_ENDPOINT";
const KEY: &str = "SKEP_S3_ACCESS_KEY_ID";
const SECRET: &str = "SKEP_S3_SECRET_ACCESS_KEY";
const PREFIX: &str = "SKEP_S3_PREFIX";

const SETTINGS: &[Setting] = &[
    Setting::new(BUCKET, "s3.bucket", Shape::Text)
        .form("the name of a bucket: 3 to 63 of a-z, 0-9, `.` and `-`", "shop-files")
        .doc("The bucket of S3, or of a server like it, that keeps the contents of files instead of a folder. Without it, contents are in SKEP_FILES_DIR. SKEP_S3_ACCESS_KEY_ID and SKEP_S3_SECRET_ACCESS_KEY are needed, too."),
    Setting::new(ENDPOINT, "s3.endpoint", Shape::Text)
        .form("https://host or https://host:port, without a path", "https://s3.example.com")
        .doc("The S3 server. Without it, that is Amazon's in SKEP_S3_REGION. `http` is for a server on the loopback interface, and for others only with SKEP_S3_PLAIN_HTTP."),
    Setting::new("SKEP_S3_PLAIN_HTTP", "s3.plain_http", Shape::Switch)
        .default("off")
        .form("on or off", "on")
        .doc("Whether SKEP_S3_ENDPOINT can be an `http` address of another machine. Then everybody on the way can read and change the contents."),
    Setting::new("SKEP_S3_REGION", "s3.region", Shape::Text)
        .default("us-east-1")
        .form("the name of a region: a-z, 0-9 and `-`", "eu-central-1")
        .doc("The region of the bucket. Many other servers than Amazon's take any."),
    Setting::new(KEY, "s3.access_key_id", Shape::Text)
        .form("the name of a key, without spaces", "AKIAIOSFODNN7EXAMPLE")
        .doc("The key of the bucket. It needs the rights to list, read, write and delete."),
    Setting::secret(SECRET, "s3.secret_access_key")
        .form("the secret of the key, without spaces", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        .doc("The secret of the key."),
    Setting::new("SKEP_S3_PATH_STYLE", "s3.path_style", Shape::Switch)
        .default("on")
        .form("on or off", "off")
        .doc("Whether the bucket is the first part of the path in requests. `off`: it is the first part of the host name."),
    Setting::new(PREFIX, "s3.prefix", Shape::Text)
        .form("at most 200 of A-Z, a-z, 0-9, `_`, `-` and `/`", "skep/files")
        .doc("What the names of all objects begin with, before a slash. Without it, they are at the top of the bucket."),
    Setting::new("SKEP_S3_MEMORY_MIB", "s3.memory_mib", Shape::Number)
        .default("64")
        .form("a number of MiB from 16 to 16384", "64")
        .doc("The most memory of all uploads to the bucket. A part of an upload has 5 MiB. If no room for a part is free, uploads go on in short pieces, with more requests to the bucket. Each upload has 128 KiB beside it."),
];

/// Reads the bucket of the contents.
pub(in crate::config) fn bucket(source: &mut Source) -> Option<S3Options> {
    let bucket = source.optional(BUCKET, |text| {
        ((3..=63).contains(&text.len()) && made_of(text, ".-", false)).then(|| text.to_owned())
    });
    let endpoint = source.optional(ENDPOINT, read_endpoint);
    let path_style = source.required("SKEP_S3_PATH_STYLE", |text| one_of(text, [("on", true), ("off", false)]));
    let is_plain_allowed = source.required("SKEP_S3_PLAIN_HTTP", |text| one_of(text, [("on", true), ("off", false)]));
    // With the bucket in the name of the host, that name can be of any machine.
    let is_here = |endpoint: &str| is_loopback(endpoint) && path_style;
    let is_exposed = endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http:") && !is_here(endpoint));
    if is_exposed && !is_plain_allowed {
        source.fault(ENDPOINT, "is not encrypted and not on this machine; expected https://, or SKEP_S3_PLAIN_HTTP=on");
    }
    let region = source
        .required("SKEP_S3_REGION", |text| (text.len() <= 63 && made_of(text, "-", false)).then(|| text.to_owned()));
    let word = |text: &str| (text.len() <= 200 && text.chars().all(|c| c.is_ascii_graphic())).then(|| text.to_owned());
    let (key, secret) = (source.optional(KEY, word), source.optional(SECRET, word));
    let prefix = source.optional(PREFIX, |text| {
        let is_whole = text.len() <= 200 && made_of(text, "_-/", true) && text.split('/').all(|part| !part.is_empty());
        is_whole.then(|| text.to_owned())
    });
    let memory = source.required("SKEP_S3_MEMORY_MIB", |text| usize::try_from(number(text, 16, 16_384)? << 20).ok());
    if !source.is_set(BUCKET) {
        let others = [(ENDPOINT, endpoint.is_some()), (KEY, key.is_some()), (SECRET, secret.is_some())];
        for (name, _) in others.into_iter().chain([(PREFIX, prefix.is_some())]).filter(|(_, is_set)| *is_set) {
            source.fault(name, format!("is set, but {BUCKET} is not, which says where contents are"));
        }
        return None;
    }
    let bucket = bucket?;
    for (name, what) in [(KEY, "the name of a key"), (SECRET, "the secret of the key")] {
        if !source.is_set(name) {
            source.fault(name, format!("is not set, but {BUCKET} is; expected {what}"));
        }
    }
    if source.is_set("SKEP_FILES_DIR") {
        source.fault(BUCKET, "is set, but SKEP_FILES_DIR is, too; contents are in one of them");
    }
    let options = S3Options::new(&bucket, &region, &key?, &secret?);
    Some(S3Options { endpoint, path_style, prefix: prefix.unwrap_or_default(), memory, ..options })
}

fn made_of(text: &str, others: &str, has_capitals: bool) -> bool {
    let is_allowed = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || others.contains(c) || (has_capitals && c.is_ascii_uppercase())
    };
    !text.is_empty() && text.chars().all(is_allowed)
}

/// The host and the port of an address.
fn authority(text: &str) -> Option<&str> {
    text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))
}

fn read_endpoint(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let uri: http::Uri = text.parse().ok()?;
    let is_bare = authority(text)? == uri.authority()?.as_str() && !text.contains('@');
    (is_bare && uri.host().is_some_and(|host| !host.is_empty())).then(|| text.to_owned())
}

fn is_loopback(endpoint: &str) -> bool {
    let uri = endpoint.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
