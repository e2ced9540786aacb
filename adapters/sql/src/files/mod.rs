//! Files, their pictures in sizes, and how much users keep.

mod file_usage;
mod images;
pub(crate) mod migrations;
mod rows;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    rows::declared().and(file_usage::declared()).and(images::declared())
}

/// A number of bytes as stores keep it. No size is greater.
fn stored_size(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
