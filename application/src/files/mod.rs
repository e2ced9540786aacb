//! The use cases of files. A row says what a file is, and a store of contents keeps its bytes. The order of the steps is
//! such that a crash never leaves a file that is shown without its content.
//!
//! Uses `identity`, which compares secrets in constant time and knows what the makers of links may read.
//! Uses `jobs`, which make archives and ask the scanner.
//! Uses `operations`, whose migrations say how old the store is.

mod blobs;
mod complete_upload;
pub mod constraints;
mod content_owner;
mod copy_contents;
#[cfg(test)]
mod copy_tests;
mod delete_file;
mod erase_files;
pub(crate) mod erasures;
mod export_files;
mod file_links;
mod file_policy;
#[cfg(test)]
mod file_tests;
mod get_image;
mod image_flights;
mod image_scaler;
#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod link_tests;
mod not_ready;
mod ports;
mod queries;
mod remove_files;
mod rescan_files;
#[cfg(test)]
mod rescan_tests;
mod resumable;
mod scan_file;
#[cfg(test)]
mod scan_tests;
mod scanner;
mod store_archive;
mod sweep_expired_files;
mod upload_file;
#[cfg(test)]
mod upload_link_tests;
mod upload_links;
mod upload_parts;
mod verify_files;

pub use blobs::{
    AssembledBlob, BlobReader, BlobStore, ContentTypes, KeptBlob, LockedBlob, PartialBlob, SNIFFED_BYTES, StagedBlob,
    WrittenBlob,
};
#[cfg(any(test, feature = "testing"))]
pub use blobs::{MockBlobStore, MockContentTypes};
pub use complete_upload::{CompleteUpload, CompleteUploadCommand, CompleteUploadPlan};
pub use copy_contents::{CopiedContents, CopyContents, CopyContentsCommand, CopyReport, NotCopied};
pub use delete_file::{DeleteFile, DeleteFileCommand, DeleteFileError, MarkFileDeleted};
pub use erase_files::EraseFiles;
pub use export_files::{ExportFiles, ExportUploads};
pub use file_links::{
    FileLink, FileLinkExpired, FileLinkInvalid, FileLinks, LinkedUse, ReadLinkError, SignFileLink, SignFileLinkCommand,
    SignFileLinkError, SignedFileLink,
};
pub use file_policy::{DeliveryPolicy, FilePolicy};
pub use get_image::{
    GetImage, GetImageError, ImageTooLarge, ImageUnreadable, NotAnImage, ScalersBusy, ShowContentError, SizedImage,
    UnknownImageSize,
};
#[cfg(any(test, feature = "testing"))]
pub use image_scaler::MockImageScaler;
pub use image_scaler::{ImageBounds, ImagePolicy, ImageScaler, ScaleError, ScaledImage};
pub use not_ready::{FileInfected, FileQuarantined, NotReady};
pub use ports::*;
pub(crate) use queries::is_shown;
pub use queries::{GetFile, ListFiles, ReadFile, ReadFileError, ShownContent};
pub use remove_files::{RemoveFiles, SweepFiles, SweepOrphanBlobs};
pub use rescan_files::{NotRescanned, Rescan, RescanFiles, Rescanned};
pub use resumable::{
    AppendUpload, AppendUploadCommand, AppendUploadError, Appended, Appending, CreateUpload, CreateUploadCommand,
    CreateUploadError, GetUpload, GetUploadError, ListUploads, PieceMismatch, PieceTooLong, StoreUpload,
    TerminateUpload, TerminateUploadError, UploadComplete, UploadExpired, UploadLocked, WrongOffset,
};
pub use scan_file::{FileScan, NotScanned, ScanFile, Scanned};
#[cfg(any(test, feature = "testing"))]
pub use scanner::MockScanner;
pub use scanner::{ScanError, Scanner};
pub use store_archive::{Archive, ArchiveEnd, StoreArchive, StoreArchiveError, StoredArchive};
pub use sweep_expired_files::SweepExpiredFiles;
pub use upload_file::{
    ContentMismatch, FileQuotaExceeded, FileTooLarge, MediaTypeNotAllowed, Upload, UploadFile, UploadFileCommand,
    UploadFileError, UploadGivenUp,
};
pub use upload_links::{
    SignUploadLink, SignUploadLinkCommand, SignUploadLinkError, SignedUploadLink, UploadLinkRevoked, UploadLinkUsed,
    UploadLinkedFile, UploadLinkedFileError,
};
pub use upload_parts::{ReserveUploadError, UploadParts};
pub use verify_files::{Damage, VerifiedFiles, VerifyFiles};

use crate::{
    app::Ports,
    identity::AccountScopes,
    jobs::JobPolicy,
    kernel::{Commands, UseCase},
};
use std::sync::Arc;

/// The use cases of files.
pub struct Files {
    /// Stores a file.
    pub upload_file: UploadFile,
    /// Begins an upload whose content arrives in pieces.
    pub create_upload: CreateUpload,
    /// Returns where an upload goes on.
    pub get_upload: GetUpload,
    /// Returns a page of the open uploads of the caller.
    pub list_uploads: ListUploads,
    /// Adds bytes to an upload.
    pub append_upload: AppendUpload,
    /// Ends an upload.
    pub terminate_upload: TerminateUpload,
    /// Returns one file.
    pub get_file: GetFile,
    /// Opens the content of a file.
    pub read_file: ReadFile,
    /// Shows a picture in a size.
    pub get_image: GetImage,
    /// Makes a link to the content of a file.
    pub sign_file_link: SignFileLink,
    /// Makes a link that stores a file.
    pub sign_upload_link: SignUploadLink,
    /// Stores a file by a link.
    pub upload_linked_file: UploadLinkedFile,
    /// Returns a page of files.
    pub list_files: ListFiles,
    /// Deletes a file and its content.
    pub delete_file: Arc<DeleteFile>,
    /// Asks the scanner about files.
    pub scan_file: ScanFile,
    /// Looks again at the files that wait for a scanner.
    pub rescan_files: RescanFiles,
    /// Compares the contents of all files with their checksums.
    pub verify_files: VerifyFiles,
    /// Copies the contents of all files to another store.
    pub copy_contents: CopyContents,
    /// Removes the contents that no file needs any more.
    pub remove_files: Arc<RemoveFiles>,
    /// Deletes the files of a user whose account is erased.
    pub erase_files: Arc<EraseFiles>,
    /// Stores the archives that jobs make.
    pub store_archive: Arc<StoreArchive>,
}

impl Files {
    /// Builds the use cases over these ports.
    #[must_use]
    pub fn new(ports: &Ports, policy: FilePolicy, images: ImagePolicy, jobs: JobPolicy) -> Self {
        let Ports {
            store, runtime, fingerprints, blobs, content_types, image_scaler, scanner, link_key, secrets, ..
        } = ports.clone();
        let (links, clock) = (FileLinks::new(link_key, secrets), runtime.clock.clone());
        let accounts = AccountScopes::new(store.clone(), store.clone());
        let commands = Commands::<dyn FilesTx>::new(store.clone(), fingerprints, runtime.clone());
        let remove = Arc::new(RemoveFiles::new(store.clone(), blobs.clone(), runtime.clone()));
        let stores = (store.clone() as Arc<_>, store.clone() as Arc<_>);
        let get_image = GetImage::new(stores, blobs.clone(), image_scaler, runtime.clone(), images);
        let contents = (blobs.clone(), content_types);
        let delete_file = Arc::new(DeleteFile::new(&commands, remove.clone()));
        let erase_files = Arc::new(EraseFiles::new(store.clone(), &commands, remove.clone()));
        let complete = CompleteUpload { scans: scanner.is_some().then_some(jobs) };
        let complete = UseCase::new(complete, &commands);
        let parts = UploadParts::new(store.clone(), contents, complete, remove.clone(), runtime.clone(), policy);
        let parts = Arc::new(parts);
        let stores = (store.clone() as Arc<_>, store.clone() as Arc<_>);
        let has_scanner = scanner.is_some();
        let scan_file = ScanFile::new(stores, blobs.clone(), scanner, runtime.clone());
        Self {
            upload_file: UploadFile::new(parts.clone()),
            store_archive: Arc::new(StoreArchive::new(parts.clone(), erase_files.clone())),
            create_upload: CreateUpload::new(parts.clone(), &commands),
            get_upload: GetUpload::new(store.clone(), runtime.clock.clone()),
            list_uploads: ListUploads::new(store.clone(), runtime.clock.clone()),
            append_upload: AppendUpload::new(parts.clone()),
            terminate_upload: TerminateUpload::new(store.clone(), delete_file.clone(), remove.clone()),
            get_file: GetFile::new(store.clone()),
            upload_linked_file: UploadLinkedFile::new(parts, links.clone(), accounts.clone()),
            sign_upload_link: SignUploadLink::new(links.clone(), policy, runtime.clone()),
            read_file: ReadFile::new(store.clone(), blobs.clone(), links.clone(), accounts, clock.clone()),
            get_image,
            scan_file,
            sign_file_link: SignFileLink::new(store.clone(), links, policy, clock),
            rescan_files: RescanFiles::new(store.clone(), store.clone(), has_scanner, runtime.clone()),
            verify_files: VerifyFiles::new(store.clone(), blobs),
            copy_contents: CopyContents::new(store.clone(), store.clone(), store.clone(), runtime.clone()),
            list_files: ListFiles::new(store, runtime.clock),
            delete_file,
            remove_files: remove,
            erase_files,
        }
    }
}
