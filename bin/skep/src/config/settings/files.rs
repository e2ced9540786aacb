//! The settings of files.

use super::ContextSettings;
use crate::config::{
    parse::{link_start, list, number},
    read::Source,
    setting::{Setting, Shape},
    values::ScannerServer,
};
use skep_application::{
    Policies,
    files::{DeliveryPolicy, FilePolicy, ImagePolicy},
};
use skep_domain::files::{FileQuota, ImageSizes};
use skep_images::ScalerLimits;
use std::{net::IpAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

pub(super) const FILES: ContextSettings = ContextSettings { settings: SETTINGS, read };

const SETTINGS: &[Setting] = &[
    Setting::new("SKEP_FILES_DIR", "files.dir", Shape::Text)
        .form("the path of a folder", "/var/lib/skep/files")
        .doc("The folder of the contents of files. The default is `files` in the data folder. All instances of a deployment need the same one."),
    Setting::new("SKEP_FILE_MIB", "files.file_mib", Shape::Number)
        .default("100")
        .form("a number of MiB from 1 to 100", "100")
        .doc("The greatest size of one file. A purpose of files can have a lower limit."),
    Setting::new("SKEP_FILES_PER_USER", "files.per_user", Shape::Number)
        .default("1000")
        .form("a number of at least 1", "1000")
        .doc("The most files of one user. Deleted files count until their content is gone."),
    Setting::new("SKEP_FILES_MIB_PER_USER", "files.mib_per_user", Shape::Number)
        .default("1024")
        .form("a number of MiB of at least 1", "1024")
        .doc("The most bytes of all files of one user. An upload counts with the size that it announces, or else with the greatest size."),
    Setting::new("SKEP_UPLOADS_PER_USER", "files.uploads_per_user", Shape::Number)
        .default("8")
        .form("a number of at least 1", "8")
        .doc("The most uploads of one user at the same time. One that arrives in pieces counts until it is complete, ended, or removed by the sweep after it has expired."),
    Setting::new("SKEP_UPLOAD_HOURS", "files.upload_hours", Shape::Number)
        .default("2")
        .form("a number of hours from 2 to 168", "2")
        .doc("The time after which an upload at once that is not complete is given up and removed. It is longer than any such upload takes. Uploads in pieces have `SKEP_RESUMABLE_HOURS`."),
    Setting::new("SKEP_RESUMABLE_HOURS", "files.resumable_hours", Shape::Number)
        .default("24")
        .form("a number of hours from 1 to 168", "24")
        .doc("The time after which an upload that arrives in pieces is given up and removed, unless it is complete."),
    Setting::new("SKEP_ORPHAN_HOURS", "files.orphan_hours", Shape::Number)
        .default("24")
        .form("a number of hours from 1 to 8760", "24")
        .doc("The age from which a stored content that belongs to no file is removed."),
    Setting::new("SKEP_FILE_LINK_SECONDS", "files.link_seconds", Shape::Number)
        .default("3600")
        .form("a number of seconds from 1 to 31536000", "3600")
        .doc("The time after which a link to the content of a file expires, if its caller names none. It is at most SKEP_FILE_LINK_MAX_SECONDS."),
    Setting::new("SKEP_FILE_LINK_MAX_SECONDS", "files.link_max_seconds", Shape::Number)
        .default("604800")
        .form("a number of seconds from 1 to 31536000", "604800")
        .doc("The longest time for which a link to the content of a file can be valid."),
    Setting::new("SKEP_FILES_URL", "files.url", Shape::Text)
        .form("an https address of at most 200 characters, without a query or a fragment (on the loopback interface, also http)", "https://cdn.example.com")
        .doc("The address that the URLs of public files and of the pictures of products begin with, for example that of a CDN that reads from this server. The default is PUBLIC_URL; without both, the URLs are paths."),
    Setting::new("SKEP_FILES_SHARED_CACHE_SECONDS", "files.shared_cache_seconds", Shape::Number)
        .default("86400")
        .form("a number of seconds from 0 to 31536000", "86400")
        .doc("How long a CDN or another cache that clients share may give the content of a public file before it asks this server again (`s-maxage`). For at most this time, it can still give the content of a deleted file."),
    Setting::new("SKEP_IMAGE_SIZES", "files.image_sizes", Shape::List)
        .default("thumbnail:160,small:480,medium:960,large:1920")
        .form("1 to 8 names in lower case, each with its longest side of 16 to 4096 pixels, such as small:480", "small:480,large:1920")
        .doc("The sizes in which pictures are shown (`?size=small`). A file keeps at most one smaller picture for each. If a size gets another length, its pictures are made again."),
    Setting::new("SKEP_IMAGE_MIB", "files.image_mib", Shape::Number)
        .default("10")
        .form("a number of MiB from 1 to 100", "10")
        .doc("The greatest content from which smaller pictures are made."),
    Setting::new("SKEP_IMAGE_MEGAPIXELS", "files.image_megapixels", Shape::Number)
        .default("25")
        .form("a number of millions of pixels from 1 to 500", "25")
        .doc("The most pixels of a picture from which smaller ones are made. It is judged by the header of the picture."),
    Setting::new("SKEP_IMAGE_MEMORY_MIB", "files.image_memory_mib", Shape::Number)
        .default("256")
        .form("a number of MiB from 16 to 16384", "256")
        .doc("The most memory that reading one picture may need. A JPEG can need nine bytes for each pixel. A picture that could need more is not read."),
    Setting::new("SKEP_IMAGE_SCALERS", "files.image_scalers", Shape::Number)
        .default("2")
        .form("a number from 1 to 64", "2")
        .doc("The most pictures that are made at the same time. Each can need SKEP_IMAGE_MEMORY_MIB."),
    Setting::new("SKEP_IMAGE_WAITING", "files.image_waiting", Shape::Number)
        .default("32")
        .form("a number from 0 to 10000", "32")
        .doc("The most requests that wait until a picture can be made. Further ones are answered 503."),
    Setting::new(SCANNER, "files.scanner", Shape::Text)
        .form("tcp://host:port or unix:/path", "tcp://127.0.0.1:3310")
        .doc("The scanner that judges files before users get them: `clamd` of ClamAV, or a server with its protocol (`INSTREAM`). The contents are sent to it without encryption, so it belongs on the same machine or in a private network. Without a scanner, files are ready as soon as they are stored."),
    Setting::new("SKEP_SCANNER_NETWORKS", "files.scanner_networks", Shape::List)
        .form("networks like 10.0.0.0/8", "10.0.0.0/8,127.0.0.1")
        .doc("The private networks that the scanner may be in. A scanner in another network than these and the public internet is not asked, whatever its name. A socket (`unix:/path`) needs none."),
    Setting::new("SKEP_SCANNER_SECONDS", "files.scanner_seconds", Shape::Number)
        .default("120")
        .form("a number of seconds from 1 to 600", "120")
        .doc("How long the scanner may take for one file, from the connection to the answer. A file that takes longer is tried again later."),
];

const SCANNER: &str = "SKEP_SCANNER";

fn read(source: &mut Source, policies: &mut Policies) {
    let many = |text: &str| u32::try_from(number(text, 1, u64::from(u32::MAX))?).ok();
    let hours = |text: &str, least, most| number(text, least, most).map(|hours| Duration::from_secs(hours * 3_600));
    let seconds = |text: &str| number(text, 1, 31_536_000).map(Duration::from_secs);
    policies.files = FilePolicy {
        quota: FileQuota {
            files: source.required("SKEP_FILES_PER_USER", many),
            bytes: source.required("SKEP_FILES_MIB_PER_USER", |text| Some(number(text, 1, 1 << 40)? << 20)),
            uploads: source.required("SKEP_UPLOADS_PER_USER", many),
        },
        most_bytes: source.required("SKEP_FILE_MIB", |text| Some(number(text, 1, 100)? << 20)),
        upload_time: source.required("SKEP_UPLOAD_HOURS", |text| hours(text, 2, 168)),
        resumable_time: source.required("SKEP_RESUMABLE_HOURS", |text| hours(text, 1, 168)),
        orphan_age: source.required("SKEP_ORPHAN_HOURS", |text| hours(text, 1, 8_760)),
        link_time: source.required("SKEP_FILE_LINK_SECONDS", seconds),
        longest_link: source.required("SKEP_FILE_LINK_MAX_SECONDS", seconds),
    };
    policies.delivery = DeliveryPolicy {
        files_url: source.optional("SKEP_FILES_URL", read_origin),
        shared_cache: source
            .required("SKEP_FILES_SHARED_CACHE_SECONDS", |text| number(text, 0, 31_536_000).map(Duration::from_secs)),
    };
    policies.images = ImagePolicy {
        sizes: source.required("SKEP_IMAGE_SIZES", |text| ImageSizes::parse(text).ok()),
        most_bytes: source.required("SKEP_IMAGE_MIB", |text| Some(number(text, 1, 100)? << 20)),
    };
}

/// Reads the start of the URLs of contents. Pages with https show nothing that comes without it.
fn read_origin(text: &str) -> Option<String> {
    /// The greatest length. An answer can have the address a few thousand times.
    const MOST: usize = 200;
    let url = link_start(text).filter(|url| url.len() <= MOST)?;
    (url.starts_with("https://") || is_loopback(&url)).then_some(url)
}

fn is_loopback(url: &str) -> bool {
    let host = url.parse::<http::Uri>().ok().and_then(|url| url.host().map(str::to_owned)).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Reads how much of the server pictures may use.
pub(in crate::config) fn scaler(source: &mut Source) -> ScalerLimits {
    let count = |text: &str, least, most| usize::try_from(number(text, least, most)?).ok();
    ScalerLimits {
        pixels: source.required("SKEP_IMAGE_MEGAPIXELS", |text| Some(number(text, 1, 500)? * 1_000_000)),
        memory: source.required("SKEP_IMAGE_MEMORY_MIB", |text| Some(number(text, 16, 16_384)? << 20)),
        at_once: source.required("SKEP_IMAGE_SCALERS", |text| NonZeroUsize::new(count(text, 1, 64)?)),
        waiting: source.required("SKEP_IMAGE_WAITING", |text| count(text, 0, 10_000)),
    }
}

/// Reads where the scanner is.
pub(in crate::config) fn scanner(source: &mut Source) -> ScannerServer {
    let address = source.optional(SCANNER, |text| Some(text.to_owned()));
    let address =
        address.and_then(|text| text.parse().map_err(|invalid| source.fault(SCANNER, format!("{invalid}"))).ok());
    ScannerServer {
        address,
        networks: source.required("SKEP_SCANNER_NETWORKS", |text| list(text, |item| item.parse().ok())),
        patience: source.required("SKEP_SCANNER_SECONDS", |text| number(text, 1, 600).map(Duration::from_secs)),
    }
}

/// Reads the folder of the contents.
pub(in crate::config) fn folder(source: &mut Source) -> Option<PathBuf> {
    source.optional("SKEP_FILES_DIR", |text| Some(PathBuf::from(text)))
}
