//! Links that give the content of a file to every client that has them, until they expire.

use super::{FilePolicy, GetFile};
use crate::{
    identity::OneTimeSecrets,
    kernel::{
        Actor, Clock, Denied, Fingerprints, GetError, Invalid, NotFound, StoreError, account, hex, refusal,
        use_case_error,
    },
};
use skep_domain::{
    files::{FileDisposition, FileId, actions},
    shared::Timestamp,
};
use std::{sync::Arc, time::Duration};

/// The hexadecimal digits of a signature.
const DIGITS: usize = 64;

refusal! {
    /// The link to the content is not complete, was changed, or was signed with a key that is no longer used.
    FileLinkInvalid = Denied, "file_link_invalid";
}

refusal! {
    /// The link to the content has expired; ask for another one.
    FileLinkExpired = Gone, "file_link_expired";
}

/// A link to the content of a file, as the query of its URL has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLink {
    /// The time at which it expires, in seconds since 1970.
    pub expires: String,
    /// What a browser does with the content: the name of a [`FileDisposition`].
    pub disposition: String,
    /// The HMAC of the file and both other values, in hexadecimal digits.
    pub signature: String,
}

/// What a valid link says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkedUse {
    /// The time until it expires, in whole seconds.
    pub left: Duration,
    /// What a browser does with the content.
    pub disposition: FileDisposition,
}

/// Signs and checks links. Nothing is stored: the signature follows from the link, by a keyed function that is used for
/// nothing else.
#[derive(Clone)]
pub struct FileLinks {
    keyed: Arc<dyn Fingerprints>,
    secrets: Arc<dyn OneTimeSecrets>,
}

impl FileLinks {
    /// `keyed` signs, and `secrets` compares signatures in constant time.
    #[must_use]
    pub fn new(keyed: Arc<dyn Fingerprints>, secrets: Arc<dyn OneTimeSecrets>) -> Self {
        Self { keyed, secrets }
    }

    fn of(&self, id: FileId, expires: i64, disposition: FileDisposition) -> FileLink {
        let (expires, disposition) = (expires.to_string(), disposition.name().to_owned());
        let signature = hex(&self.sign(id, &expires, &disposition));
        FileLink { expires, disposition, signature }
    }

    /// The values are signed as their texts, so no other spelling of a link is valid. A value with a NUL is never signed.
    fn sign(&self, id: FileId, expires: &str, disposition: &str) -> [u8; 32] {
        let text = format!("file content\0GET\0{}\0{expires}\0{disposition}", id.uuid().simple());
        self.keyed.fingerprint(text.as_bytes())
    }

    /// Checks a link to this file.
    pub(super) fn check(&self, id: FileId, link: &FileLink, now: Timestamp) -> Result<LinkedUse, ReadLinkError> {
        let signed = hex(&self.sign(id, &link.expires, &link.disposition));
        let is_plain = link.signature.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_signed = is_plain
            && link.signature.len() == DIGITS
            && self.secrets.same(&self.secrets.hash(&signed), &self.secrets.hash(&link.signature));
        let (expires, disposition) = (link.expires.parse::<i64>(), FileDisposition::from_name(&link.disposition));
        let (true, Ok(expires), Some(disposition)) = (is_signed, expires, disposition) else {
            return Err(FileLinkInvalid.into());
        };
        let left = expires.saturating_mul(1_000).saturating_sub(now.as_millis());
        match u64::try_from(left) {
            Ok(left) if left > 0 => Ok(LinkedUse { left: Duration::from_secs(left / 1_000), disposition }),
            _ => Err(FileLinkExpired.into()),
        }
    }
}

use_case_error! {
    /// The reason why a link is not taken.
    ReadLinkError {
        Invalid(FileLinkInvalid),
        Expired(FileLinkExpired),
    }
}

use_case_error! {
    /// The reason why no link was made.
    SignFileLinkError {
        Denied(Denied),
        NotFound(NotFound),
        Invalid(Invalid),
    }
}

impl From<GetError> for SignFileLinkError {
    fn from(error: GetError) -> Self {
        match error {
            GetError::Denied(denied) => denied.into(),
            GetError::NotFound(missing) => missing.into(),
            GetError::Store(error) => error.into(),
        }
    }
}

/// The link that a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignFileLinkCommand {
    /// The file.
    pub file_id: FileId,
    /// The number of seconds after which it expires. `None` for the default of the deployment.
    pub expires_in: Option<i64>,
    /// What a browser does with the content.
    pub disposition: FileDisposition,
}

/// A new link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedFileLink {
    /// The link.
    pub link: FileLink,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Makes links to the contents of files, for callers that may read them.
pub struct SignFileLink {
    get_file: GetFile,
    links: FileLinks,
    policy: FilePolicy,
    clock: Arc<dyn Clock>,
}

impl SignFileLink {
    /// `get_file` decides which files a caller may read.
    #[must_use]
    pub fn new(get_file: GetFile, links: FileLinks, policy: FilePolicy, clock: Arc<dyn Clock>) -> Self {
        Self { get_file, links, policy, clock }
    }

    /// Makes a link. It needs an account, also for a public file.
    ///
    /// # Errors
    /// [`SignFileLinkError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        command: SignFileLinkCommand,
    ) -> Result<SignedFileLink, SignFileLinkError> {
        account(actor, actions::READ_FILE)?;
        let SignFileLinkCommand { file_id, expires_in, disposition } = command;
        self.get_file.execute(actor, file_id).await?;
        let most = seconds(self.policy.longest_link);
        let lasts = expires_in.unwrap_or_else(|| seconds(self.policy.link_time).min(most));
        if !(1..=most).contains(&lasts) {
            let detail = format!("must be from 1 to {most} seconds");
            return Err(Invalid::one("/expires_in", "out_of_range", detail).into());
        }
        let expires = self.clock.now().as_millis().div_euclid(1_000).saturating_add(lasts);
        let expires_at = Timestamp::from_millis(expires.saturating_mul(1_000)).map_err(StoreError::unreadable)?;
        Ok(SignedFileLink { link: self.links.of(file_id, expires, disposition), expires_at })
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
