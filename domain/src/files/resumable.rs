//! Uploads that arrive in pieces, and go on after a connection was lost.
//!
//! One request at a time adds bytes. It holds the upload by a token, and each later change names the token. So a request
//! that was taken for lost changes nothing after another one has begun. The hold ends by itself after a time without
//! progress. The wall clock decides that, because a hold that ends too early only makes a client repeat a piece.

use super::{File, FileState};
use crate::shared::{Fenced, LeaseToken, Timestamp, string_type};

/// The greatest length of the metadata of an upload in bytes.
pub const UPLOAD_METADATA_MAX: usize = 4 << 10;

/// The time in milliseconds after which a request without progress no longer holds its upload.
pub const APPEND_TERM_MILLIS: i64 = 60_000;

string_type! {
    /// The metadata of an upload as its client has written it. The client gets it back unchanged.
    UploadMetadata
}

/// The metadata is too long, or has other characters than visible ASCII characters and spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have at most {UPLOAD_METADATA_MAX} visible ASCII characters")]
pub struct InvalidUploadMetadata;

impl UploadMetadata {
    /// Reads the metadata.
    ///
    /// # Errors
    /// [`InvalidUploadMetadata`].
    pub fn parse(text: &str) -> Result<Self, InvalidUploadMetadata> {
        let is_shown = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        if text.len() > UPLOAD_METADATA_MAX || !text.bytes().all(is_shown) {
            return Err(InvalidUploadMetadata);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The request that adds bytes to an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appender {
    /// Identifies the request.
    pub token: LeaseToken,
    /// The time at which another request may take the upload over.
    pub until: Timestamp,
}

/// The facts about an upload that arrives in pieces. The size of its file is the length that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumable {
    /// The metadata as it was sent.
    pub metadata: UploadMetadata,
    /// The number of bytes that are stored durably. It reaches the length only when the upload is complete, so a client
    /// never takes an upload for complete that is not.
    pub offset: u64,
    /// The time at which the upload is given up.
    pub expires_at: Timestamp,
    /// The request that adds bytes now.
    pub appender: Option<Appender>,
}

/// Why no bytes may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendRefused {
    /// The file does not arrive in pieces, or is deleted.
    #[error("there is no such upload")]
    Unknown,
    /// The upload has reached its end of time.
    #[error("the upload has expired")]
    Expired,
    /// All bytes are there.
    #[error("the upload is complete")]
    Complete,
    /// Another request adds bytes.
    #[error("another request adds bytes to the upload")]
    Held,
    /// The bytes do not follow those that are stored.
    #[error("the upload continues at byte {0}")]
    WrongOffset(u64),
    /// More bytes than the upload has announced.
    #[error("the upload lacks only {0} bytes")]
    TooLong(u64),
}

impl File {
    /// The same upload, but one that arrives in pieces until `expires_at`.
    #[must_use]
    pub fn in_pieces(self, metadata: UploadMetadata, expires_at: Timestamp) -> Self {
        let resumable = Resumable { metadata, offset: 0, expires_at, appender: None };
        Self { resumable: Some(resumable), ..self }
    }

    /// Whether the upload has reached its end of time. A complete one has not.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        let is_over = |resumable: &Resumable| resumable.expires_at <= now;
        self.state == FileState::Uploading && self.resumable.as_ref().is_some_and(is_over)
    }

    /// Lets a request add bytes at `offset`: `length` of them, if that is known. The request that holds the upload already
    /// may ask again.
    ///
    /// # Errors
    /// [`AppendRefused`]. Nothing has changed then.
    pub fn append(
        &mut self,
        offset: u64,
        length: Option<u64>,
        token: LeaseToken,
        now: Timestamp,
    ) -> Result<(), AppendRefused> {
        let (is_expired, size) = (self.is_expired(now), self.size);
        let resumable = self.resumable.as_mut().ok_or(AppendRefused::Unknown)?;
        match self.state {
            FileState::Deleted => return Err(AppendRefused::Unknown),
            FileState::Quarantined | FileState::Ready | FileState::Infected => return Err(AppendRefused::Complete),
            FileState::Uploading if is_expired => return Err(AppendRefused::Expired),
            FileState::Uploading => {}
        }
        if resumable.appender.is_some_and(|held| held.token != token && held.until > now) {
            return Err(AppendRefused::Held);
        }
        if offset != resumable.offset {
            return Err(AppendRefused::WrongOffset(resumable.offset));
        }
        let left = size.saturating_sub(offset);
        if length.is_some_and(|length| length > left) {
            return Err(AppendRefused::TooLong(left));
        }
        resumable.appender = Some(Appender { token, until: now.plus_millis(APPEND_TERM_MILLIS) });
        Ok(())
    }

    /// Ends the hold of a request that was lost with its server, so that the next one need not wait for the end of its
    /// term. Only for a caller that has a lock on the content, which a request has for as long as it adds bytes.
    pub fn pass_over(&mut self) {
        if let Some(resumable) = self.resumable.as_mut() {
            resumable.appender = None;
        }
    }

    /// Notes that the first `offset` bytes are stored durably, and holds the upload for another term. The offset never
    /// goes back, and does not reach the length here.
    ///
    /// # Errors
    /// [`Fenced`]: the request no longer holds the upload. Nothing has changed then.
    pub fn keep(&mut self, offset: u64, token: LeaseToken, now: Timestamp) -> Result<(), Fenced> {
        let size = self.size;
        let held = self.held_by(token)?;
        if offset > held.offset && offset < size {
            held.offset = offset;
        }
        held.appender = Some(Appender { token, until: now.plus_millis(APPEND_TERM_MILLIS) });
        Ok(())
    }

    /// Ends the hold of a request.
    ///
    /// # Errors
    /// [`Fenced`]: the request no longer holds the upload. Nothing has changed then.
    pub fn let_go(&mut self, token: LeaseToken) -> Result<(), Fenced> {
        self.held_by(token)?.appender = None;
        Ok(())
    }

    fn held_by(&mut self, token: LeaseToken) -> Result<&mut Resumable, Fenced> {
        let is_uploading = self.state == FileState::Uploading;
        let held = self.resumable.as_mut().filter(|_| is_uploading).ok_or(Fenced)?;
        if held.appender.is_none_or(|appender| appender.token != token) {
            return Err(Fenced);
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Checksum, FileContent, FileId, FileName, FilePurpose, FileVisibility, MediaType, NotUploading},
        *,
    };
    use crate::shared::UserId;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn token(number: u128) -> LeaseToken {
        LeaseToken::new(Uuid::from_u128(number))
    }

    /// An upload of so many bytes that expires at one million.
    fn upload(size: u64) -> File {
        let (id, owner) = (FileId::new(Uuid::nil()), UserId::new(Uuid::nil()));
        let name = FileName::parse("a.txt").unwrap();
        let file = File::begin(id, owner, FilePurpose::Attachment, FileVisibility::Private, name, size, at(0));
        file.in_pieces(UploadMetadata::parse("filename YS50eHQ=").unwrap(), at(1_000_000))
    }

    fn content(size: u64) -> FileContent {
        FileContent { size, media_type: MediaType::parse("text/plain").unwrap(), checksum: Checksum::new([1; 32]) }
    }

    fn offset(file: &File) -> u64 {
        file.resumable.as_ref().unwrap().offset
    }

    #[test]
    fn bytes_follow_exactly_those_that_are_stored() {
        let mut file = upload(10);
        for (wrong, length, refused) in [
            (1, None, AppendRefused::WrongOffset(0)),
            (u64::MAX, None, AppendRefused::WrongOffset(0)),
            (0, Some(11), AppendRefused::TooLong(10)),
        ] {
            let before = file.clone();
            assert_eq!(file.append(wrong, length, token(1), at(1)), Err(refused));
            assert_eq!(file, before);
        }
        file.append(0, Some(10), token(1), at(1)).unwrap();
        file.keep(4, token(1), at(2)).unwrap();
        file.let_go(token(1)).unwrap();
        assert_eq!(file.append(0, None, token(2), at(3)), Err(AppendRefused::WrongOffset(4)));
        assert_eq!(file.append(4, Some(7), token(2), at(3)), Err(AppendRefused::TooLong(6)));
        file.append(4, Some(6), token(2), at(3)).unwrap();
    }

    #[test]
    fn a_lost_request_is_passed_over_and_then_changes_nothing() {
        let mut file = upload(10);
        file.append(0, None, token(1), at(0)).unwrap();
        file.pass_over();
        file.append(0, None, token(2), at(1)).unwrap();
        assert_eq!((file.keep(6, token(1), at(2)), file.let_go(token(1))), (Err(Fenced), Err(Fenced)));
        file.keep(6, token(2), at(2)).unwrap();
    }

    #[test]
    fn a_hold_ends_by_itself_and_its_request_then_changes_nothing() {
        let mut file = upload(10);
        file.append(0, None, token(1), at(0)).unwrap();
        assert_eq!(file.append(5, None, token(2), at(APPEND_TERM_MILLIS - 1)), Err(AppendRefused::Held));
        file.keep(5, token(1), at(APPEND_TERM_MILLIS)).unwrap();
        assert_eq!(file.append(5, None, token(2), at(2 * APPEND_TERM_MILLIS - 1)), Err(AppendRefused::Held));
        file.append(5, None, token(2), at(2 * APPEND_TERM_MILLIS)).unwrap();
        let taken = file.clone();
        assert_eq!(file.keep(7, token(1), at(2 * APPEND_TERM_MILLIS)), Err(Fenced));
        assert_eq!(file.let_go(token(1)), Err(Fenced));
        assert_eq!(file.complete(Some(token(1)), content(10), at(2 * APPEND_TERM_MILLIS)), Err(NotUploading));
        assert_eq!(file.complete(None, content(10), at(2 * APPEND_TERM_MILLIS)), Err(NotUploading));
        assert_eq!(file, taken);
        file.complete(Some(token(2)), content(10), at(2 * APPEND_TERM_MILLIS)).unwrap();
        assert_eq!((offset(&file), file.resumable.as_ref().unwrap().appender), (10, None));
        assert_eq!(file.append(10, None, token(3), at(3)), Err(AppendRefused::Complete));
    }

    #[test]
    fn an_upload_expires_and_a_file_does_not() {
        let mut file = upload(10);
        assert!(!file.is_expired(at(999_999)) && file.is_expired(at(1_000_000)));
        assert_eq!(file.append(0, None, token(1), at(1_000_000)), Err(AppendRefused::Expired));
        file.append(0, None, token(1), at(999_999)).unwrap();
        file.complete(Some(token(1)), content(10), at(999_999)).unwrap();
        assert!(!file.is_expired(at(2_000_000)));
        assert!(file.remove(at(2_000_000)));
        assert_eq!(file.append(10, None, token(1), at(1)), Err(AppendRefused::Unknown));
        let mut whole = File { resumable: None, ..upload(10) };
        assert!(!whole.is_expired(at(2_000_000)));
        assert_eq!(whole.append(0, None, token(1), at(1)), Err(AppendRefused::Unknown));
    }

    #[test]
    fn metadata_is_short_and_can_be_a_header() {
        assert_eq!(UploadMetadata::parse("a YQ==,b").unwrap().as_str(), "a YQ==,b");
        assert_eq!(UploadMetadata::parse(&"a".repeat(UPLOAD_METADATA_MAX)).unwrap().as_str().len(), 4_096);
        for wrong in ["a\r\nb", "a\0", "é", "\t", &"a".repeat(UPLOAD_METADATA_MAX + 1)] {
            assert_eq!(UploadMetadata::parse(wrong), Err(InvalidUploadMetadata), "{wrong:?}");
        }
    }

    proptest! {
        /// Whatever requests do in whatever order and at whatever time: the offset never goes back, only the holder moves
        /// it, no one takes the upload from a live holder, and the offset is the length exactly if the file is ready.
        #[test]
        fn one_request_at_a_time_moves_the_offset_forward(
            size in 0_u64..50,
            steps in prop::collection::vec((0_u8..6, 1_u128..4, 0_u64..60, 0_i64..50_000), 0..60),
        ) {
            let (mut file, mut now) = (upload(size), 0);
            for (step, who, bytes, gap) in steps {
                now += gap;
                let (before, this) = (file.clone(), token(who));
                let known = before.resumable.clone().unwrap();
                let holder = known.appender.filter(|held| held.until > at(now)).map(|held| held.token);
                let changed = match step {
                    0 => file.append(bytes, None, this, at(now)).is_ok(),
                    1 => file.append(known.offset, Some(bytes), this, at(now)).is_ok(),
                    2 | 3 => file.keep(bytes, this, at(now)).is_ok(),
                    4 => file.let_go(this).is_ok(),
                    _ => file.complete(Some(this), content(size), at(now)).is_ok(),
                };
                let after = file.resumable.clone().unwrap();
                prop_assert!(after.offset >= known.offset && after.offset <= size);
                prop_assert!(size == 0 || (after.offset == size) == (file.state == FileState::Ready));
                if changed {
                    prop_assert!(holder.is_none_or(|holder| holder == this), "a live holder is not passed over");
                    prop_assert!(before.state == FileState::Uploading);
                } else {
                    prop_assert_eq!(&file, &before);
                }
                if step < 2 {
                    prop_assert_eq!(after.offset, known.offset);
                }
            }
        }
    }
}
