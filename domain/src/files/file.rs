//! A file and its states.

use super::{Checksum, FileName, FilePurpose, MediaType, Resumable};
use crate::shared::{LeaseToken, Timestamp, UserId, Version, named, typed_id};

typed_id! {
    /// Identifies a file and its content.
    FileId
}

typed_id! {
    /// Identifies a link that stores a file.
    UploadLinkId
}

named! {
    /// The state of a file. A file begins as an upload, is then ready, and ends deleted; an upload that is given up is
    /// deleted without having been ready. With a scanner, a file is quarantined before it is ready, and an infected one is
    /// never ready.
    FileState {
        /// The content is being received. No user sees the file.
        Uploading = "uploading",
        /// The content is complete and stored, and waits until a scanner has judged it. Only the owner and admins see the
        /// file, and no user gets its content.
        Quarantined = "quarantined",
        /// The content is complete and stored.
        Ready = "ready",
        /// A scanner has found something harmful in the content, which is deleted. Only the owner and admins see the file.
        Infected = "infected",
        /// No user sees the file any more. It waits until its content is deleted.
        Deleted = "deleted",
    }
}

named! {
    /// The audience of a file.
    FileVisibility {
        /// The owner, and admins.
        Private = "private",
        /// Every caller that knows the id, even without an account.
        Public = "public",
    }
}

named! {
    /// What a browser does with a content that it gets by a link.
    FileDisposition {
        /// It shows the content, if that is safe for its media type, and saves it otherwise.
        Inline = "inline",
        /// It saves the content.
        Attachment = "attachment",
    }
}

/// The facts about the content of a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileContent {
    /// The size in bytes.
    pub size: u64,
    /// The media type, judged by the content and not by what the client says.
    pub media_type: MediaType,
    /// The SHA-256 of the content.
    pub checksum: Checksum,
}

/// The file is not being uploaded: the upload was given up because it took too long, or it is complete. Or it arrives in
/// pieces, and another request holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file is not being uploaded")]
pub struct NotUploading;

/// A file of a user. Its content never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The identifier, also of the content.
    pub id: FileId,
    /// The user that stored it.
    pub owner_id: UserId,
    /// What it is for.
    pub purpose: FilePurpose,
    /// The audience.
    pub visibility: FileVisibility,
    /// The name under which it is downloaded.
    pub name: FileName,
    /// The size in bytes. For an upload, the most that it can have.
    pub size: u64,
    /// The media type and the checksum. `None` until the upload is complete.
    pub content: Option<(MediaType, Checksum)>,
    /// Whether it is being uploaded, quarantined, ready, infected or deleted.
    pub state: FileState,
    /// The facts about an upload that arrives in pieces. They stay when the file is ready.
    pub resumable: Option<Resumable>,
    /// The time from which on a sweep deletes the file, once it is ready or infected. `None` for a file that stays until a
    /// user deletes it.
    pub delete_at: Option<Timestamp>,
    /// The link by which the file was sent. No two files have the same one. `None` if it was sent without a link, and once
    /// the file is deleted or its upload was given up.
    pub upload_link: Option<UploadLinkId>,
    /// When the upload began.
    pub created_at: Timestamp,
    /// When the state last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl File {
    /// A new upload of at most `most_bytes` bytes.
    #[must_use]
    pub const fn begin(
        id: FileId,
        owner_id: UserId,
        purpose: FilePurpose,
        visibility: FileVisibility,
        name: FileName,
        most_bytes: u64,
        now: Timestamp,
    ) -> Self {
        let (state, version) = (FileState::Uploading, Version::FIRST);
        let (created_at, updated_at) = (now, now);
        Self {
            id,
            owner_id,
            purpose,
            visibility,
            name,
            size: most_bytes,
            content: None,
            state,
            resumable: None,
            delete_at: None,
            upload_link: None,
            created_at,
            updated_at,
            version,
        }
    }

    /// The same upload, but of a client that sends it by this link.
    #[must_use]
    pub fn by_link(self, link: UploadLinkId) -> Self {
        Self { upload_link: Some(link), ..self }
    }

    /// Completes the upload with its content, which is stored. An upload that arrives in pieces is completed by the
    /// request that holds it.
    ///
    /// # Errors
    /// [`NotUploading`]. Nothing has changed then.
    pub fn complete(
        &mut self,
        holder: Option<LeaseToken>,
        content: FileContent,
        now: Timestamp,
    ) -> Result<(), NotUploading> {
        self.end_upload(holder, content, FileState::Ready, now)
    }

    /// Ends the upload with its content, which is stored. The file is in this state then.
    pub(super) fn end_upload(
        &mut self,
        holder: Option<LeaseToken>,
        content: FileContent,
        state: FileState,
        now: Timestamp,
    ) -> Result<(), NotUploading> {
        let held = self.resumable.as_ref().map(|resumable| resumable.appender.map(|appender| appender.token));
        let is_held = match held {
            None => holder.is_none(),
            Some(appender) => holder.is_some() && holder == appender,
        };
        if self.state != FileState::Uploading || !is_held {
            return Err(NotUploading);
        }
        if let Some(resumable) = &mut self.resumable {
            (resumable.offset, resumable.appender) = (content.size, None);
        }
        self.size = content.size;
        self.content = Some((content.media_type, content.checksum));
        self.enter(state, now);
        Ok(())
    }

    /// Deletes the file, or gives the upload up. Its link can store another file then. Returns `false` if it is deleted
    /// already.
    pub fn remove(&mut self, now: Timestamp) -> bool {
        let is_there = self.state != FileState::Deleted;
        if is_there {
            self.enter(FileState::Deleted, now);
            self.upload_link = None;
        }
        is_there
    }

    pub(super) fn enter(&mut self, state: FileState, now: Timestamp) {
        self.state = state;
        self.updated_at = now.not_before(self.updated_at);
    }

    /// The facts about the content. `None` unless the file is ready.
    #[must_use]
    pub fn ready(&self) -> Option<FileContent> {
        let (media_type, checksum) = self.content.clone().filter(|_| self.state == FileState::Ready)?;
        Some(FileContent { size: self.size, media_type, checksum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn upload() -> File {
        let (id, owner) = (FileId::new(Uuid::nil()), UserId::new(Uuid::nil()));
        let name = FileName::parse("a.txt").unwrap();
        File::begin(id, owner, FilePurpose::Attachment, FileVisibility::Private, name, 9, at(10))
    }

    fn content() -> FileContent {
        FileContent { size: 4, media_type: MediaType::parse("text/plain").unwrap(), checksum: Checksum::new([1; 32]) }
    }

    #[test]
    fn a_file_is_shown_only_while_it_is_ready() {
        let mut file = upload();
        assert_eq!(file.ready(), None);
        file.complete(None, content(), at(20)).unwrap();
        assert_eq!((file.ready(), file.updated_at), (Some(content()), at(20)));
        assert_eq!(file.complete(None, content(), at(30)), Err(NotUploading));
        assert!(file.remove(at(5)) && !file.remove(at(40)));
        assert_eq!((file.ready(), file.updated_at, file.size), (None, at(20), 4), "times never go back");
        assert_eq!(file.complete(None, content(), at(50)), Err(NotUploading));
    }

    #[test]
    fn a_file_keeps_its_link_until_it_is_deleted() {
        let link = UploadLinkId::new(Uuid::from_u128(7));
        let mut file = upload().by_link(link);
        file.complete(None, content(), at(20)).unwrap();
        assert_eq!(file.upload_link, Some(link));
        let mut given_up = upload().by_link(link);
        for file in [&mut file, &mut given_up] {
            assert!(file.remove(at(30)));
            assert_eq!(file.upload_link, None);
        }
    }

    #[test]
    fn an_upload_that_was_given_up_cannot_be_completed() {
        let mut file = upload();
        assert!(file.remove(at(20)));
        let given_up = file.clone();
        assert_eq!(file.complete(None, content(), at(30)), Err(NotUploading));
        assert_eq!(file, given_up);
    }
}
