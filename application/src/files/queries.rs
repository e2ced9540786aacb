//! Reading files and their contents.

use super::{
    BlobReader, BlobStore, FileInfected, FileLink, FileLinkExpired, FileLinkInvalid, FileLinks, FileQuarantined,
    FileQueries, FileView, LinkedUse, NotReady, ReadLinkError,
};
use crate::identity::AccountScopes;
use crate::kernel::{
    Actor, Clock, Denied, GetError, ListError, LongList, NotFound, Page, PageRequest, Reader, Scope, StoreError,
    permit, scope, use_case_error,
};
use skep_domain::{
    files::{File, FileContent, FileId, FileImage, FileState, FileVisibility, actions},
    shared::Direction,
};
use std::{ops::Range, sync::Arc};

/// Returns one file. A public file is shown to every caller, and a private one to its owner and to admins. A file that is
/// quarantined or infected is shown as a private one, whatever its audience.
pub struct GetFile(Reader<dyn FileQueries>);

impl GetFile {
    /// Reads from this store.
    #[must_use]
    pub fn new(files: Arc<dyn FileQueries>) -> Self {
        Self(Reader::new(actions::READ_PUBLIC_FILE, files))
    }

    /// Reads the file with this id. A file that the actor may not see, and one that is not complete, counts as not found.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: FileId) -> Result<FileView, GetError> {
        let file = self.0.open(actor)?.find_file(id).await?.filter(|file| is_shown(actor, file));
        Ok(file.as_ref().and_then(FileView::of).ok_or(NotFound("file"))?)
    }
}

/// Whether this actor sees a file.
pub(crate) fn is_shown(actor: &Actor, file: &File) -> bool {
    let is_public = file.visibility == FileVisibility::Public && file.state == FileState::Ready;
    is_public || scope(actor, actions::READ_FILE).admits(file.owner_id)
}

/// A content that is shown: that of a file, or a picture of it in a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownContent {
    /// The id of the content in its store.
    pub content_id: FileId,
    /// The file, with the name, the size, the media type and the checksum of this content.
    pub file: FileView,
}

impl ShownContent {
    /// The content of a file as it was sent.
    #[must_use]
    pub const fn whole(file: FileView) -> Self {
        Self { content_id: file.id, file }
    }

    /// A picture of a file in a size.
    #[must_use]
    pub fn sized(file: &FileView, image: FileImage) -> Self {
        let FileContent { size, media_type, checksum } = image.content;
        let name = file.name.for_image(&media_type);
        Self { content_id: image.id, file: FileView { name, size, media_type, checksum, ..file.clone() } }
    }

    /// Whether it is a picture in a size. A later request for the same size can show another content.
    #[must_use]
    pub fn is_sized(&self) -> bool {
        self.content_id != self.file.id
    }
}

use_case_error! {
    /// The reason why a content is not shown.
    ReadFileError {
        Denied(Denied),
        NotFound(NotFound),
        Quarantined(FileQuarantined),
        Infected(FileInfected),
        LinkInvalid(FileLinkInvalid),
        LinkExpired(FileLinkExpired),
    }
}

impl From<GetError> for ReadFileError {
    fn from(error: GetError) -> Self {
        match error {
            GetError::Denied(denied) => denied.into(),
            GetError::NotFound(missing) => missing.into(),
            GetError::Store(error) => error.into(),
        }
    }
}

impl From<NotReady> for ReadFileError {
    fn from(error: NotReady) -> Self {
        match error {
            NotReady::Quarantined(refused) => refused.into(),
            NotReady::Infected(refused) => refused.into(),
            NotReady::Store(error) => error.into(),
        }
    }
}

impl From<ReadLinkError> for ReadFileError {
    fn from(error: ReadLinkError) -> Self {
        match error {
            ReadLinkError::Invalid(refused) => refused.into(),
            ReadLinkError::Expired(refused) => refused.into(),
            ReadLinkError::Store(error) => error.into(),
        }
    }
}

/// Opens the content of a file for the callers that [`GetFile`] shows it to, and for those that have a link to it. The
/// content of an export is only for its owner.
pub struct ReadFile {
    get_file: GetFile,
    files: Arc<dyn FileQueries>,
    blobs: Arc<dyn BlobStore>,
    links: FileLinks,
    accounts: AccountScopes,
    clock: Arc<dyn Clock>,
}

impl ReadFile {
    /// Reads files from the one store and contents from the other. `accounts` decides which links still hold, and the clock
    /// which ones have expired.
    #[must_use]
    pub fn new(
        files: Arc<dyn FileQueries>,
        blobs: Arc<dyn BlobStore>,
        links: FileLinks,
        accounts: AccountScopes,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { get_file: GetFile::new(files.clone()), files, blobs, links, accounts, clock }
    }

    /// Reads the file, as [`GetFile::execute`] does. The export of another user counts as not found. A file that is not
    /// ready is refused.
    ///
    /// # Errors
    /// [`ReadFileError`].
    pub async fn find(&self, actor: &Actor, id: FileId) -> Result<FileView, ReadFileError> {
        let file = self.get_file.execute(actor, id).await?;
        let gives = file.gives_content_to(actor.user_id());
        Ok(Some(file).filter(|_| gives).ok_or(NotFound("file"))?.check_ready()?)
    }

    /// Reads the file of a link, for any actor. The link is checked first, so a wrong one says nothing about the file. A
    /// link to a private file shows it as long as the account that made the link may read it.
    ///
    /// # Errors
    /// [`ReadFileError`].
    pub async fn find_linked(
        &self,
        actor: &Actor,
        id: FileId,
        link: &FileLink,
    ) -> Result<(FileView, LinkedUse), ReadFileError> {
        permit(actor, actions::READ_PUBLIC_FILE)?;
        let linked = self.links.check(id, link, self.clock.now())?;
        let file = self.ready(id).await?;
        let is_shown = !file.purpose.is_for_its_owner_alone()
            && (file.visibility == FileVisibility::Public
                || self.accounts.find(linked.signer, actions::READ_FILE).await?.admits(file.owner_id));
        if is_shown { Ok((file, linked)) } else { Err(NotFound("file").into()) }
    }

    async fn ready(&self, id: FileId) -> Result<FileView, GetError> {
        let file = self.files.find_file(id).await?.filter(|file| file.ready().is_some());
        Ok(file.as_ref().and_then(FileView::of).ok_or(NotFound("file"))?)
    }

    /// Opens a content that was found, or a range of its bytes. A whole content is compared with its checksum while it is
    /// read, and a range is not. If the file was deleted meanwhile, it counts as not found.
    ///
    /// # Errors
    /// [`GetError`]. `Corrupt` if the content is missing.
    pub async fn open(
        &self,
        content: &ShownContent,
        range: Option<Range<u64>>,
    ) -> Result<Box<dyn BlobReader>, GetError> {
        let (id, file) = (content.content_id, &content.file);
        let opened = match range {
            Some(_) => self.blobs.open(id, range).await?,
            None => self.blobs.open_whole(id, file.written()).await?,
        };
        if let Some(reader) = opened {
            return Ok(reader);
        }
        self.ready(file.id).await?;
        Err(StoreError::corrupt("files", id, "the content is missing").into())
    }
}

/// Returns pages of files. Users see only their own files; admins see all.
pub struct ListFiles {
    files: Reader<dyn FileQueries>,
    /// About the files of all users.
    length: LongList,
}

impl ListFiles {
    /// Reads from this store. The clock decides how long the list counts as a long one.
    #[must_use]
    pub fn new(files: Arc<dyn FileQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { files: Reader::new(actions::READ_FILE, files), length: LongList::new(clock) }
    }

    /// Reads a page of the files that the actor may see.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<FileView>, ListError> {
        let files = match self.files.scoped(actor)? {
            (_, Scope::None) => Page::empty(page),
            (files, Scope::All) => {
                let asked = self.length.ask(page);
                self.length.complete(page, &asked, files.list_files(Scope::All, direction, &asked).await?)
            }
            (files, scope) => files.list_files(scope, direction, page).await?,
        };
        let items = files.items.iter().filter_map(FileView::of).collect();
        Ok(Page { items, next: files.next, total: files.total })
    }
}
