//! Clauses of files: their rows, their pictures in sizes, the usage of their owners, and the store of their contents.

mod blobs;
mod images;
mod pieces;
mod rows;
mod uploads;
mod usage;

use crate::{
    clause::{Clause, of},
    part::{Whole, part},
    units::opens,
};
pub use blobs::{Contents, contents};
use skep_application::{
    files::{FileQueries, FileRepository, FileUsageRepository, FilesStore, FilesTx},
    kernel::{Begin, Key, StoreError, Transaction, TxMode},
};
use std::sync::Arc;

opens! { FilesStore: FilesTx }

part! {
    /// A store of the rows of files. It does not need to have anything else.
    FileRows of FilesStore: FileRowsUnit of FilesTx { files: FileRepository }, FileQueries
}

part! {
    /// A store of how much users keep.
    FileUsages of FilesStore: FileUsagesUnit of FilesTx { file_usage: FileUsageRepository }
}

/// The clauses of `FileRepository` and `FileQueries`.
#[must_use]
pub fn file_rows() -> Vec<Clause<dyn FileRows>> {
    [rows::clauses(), uploads::clauses()].concat()
}

/// The clauses of `FileUsageRepository`.
#[must_use]
pub fn file_usages() -> Vec<Clause<dyn FileUsages>> {
    usage::clauses()
}

/// All clauses of a store of files.
#[must_use]
pub fn clauses() -> Vec<Clause<dyn FilesStore>> {
    [
        of(file_rows(), |store| Arc::new(Whole(store)) as Arc<dyn FileRows>),
        of(file_usages(), |store| Arc::new(Whole(store))),
        images::clauses(),
    ]
    .concat()
}
