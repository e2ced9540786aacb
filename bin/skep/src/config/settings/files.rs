//! The settings of files.

use super::ContextSettings;
use crate::config::{
    parse::number,
    read::Source,
    setting::{Setting, Shape},
};
use skep_application::{Policies, files::FilePolicy};
use skep_domain::files::FileQuota;
use std::{path::PathBuf, time::Duration};

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
];

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
}

/// Reads the folder of the contents.
pub(in crate::config) fn folder(source: &mut Source) -> Option<PathBuf> {
    source.optional("SKEP_FILES_DIR", |text| Some(PathBuf::from(text)))
}
