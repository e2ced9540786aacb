//! Links that give the content of a file to every client that has them, until they expire, and the signatures of all links.

use super::{FileInfected, FilePolicy, FileQuarantined, FileQueries, FileView, NotReady};
use crate::{
    identity::OneTimeSecrets,
    kernel::{Actor, Clock, Denied, Fingerprints, Invalid, NotFound, Reader, account, hex, refusal, use_case_error},
};
use skep_domain::{
    files::{FileDisposition, FileId, actions},
    shared::{Timestamp, UserId},
};
use std::{sync::Arc, time::Duration};

refusal! {
    /// The link is not complete, was changed, or was signed with a key that is no longer used.
    FileLinkInvalid = Denied, "file_link_invalid";
}

refusal! {
    /// The link has expired; ask for another one.
    FileLinkExpired = Gone, "file_link_expired";
}

/// A link to the content of a file, as the query of its URL has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLink {
    /// The id of the account that made it.
    pub signer: String,
    /// The time at which it expires, in seconds since 1970.
    pub expires: String,
    /// What a browser does with the content: the name of a [`FileDisposition`].
    pub disposition: String,
    /// The HMAC of the file and the other values, in hexadecimal digits.
    pub signature: String,
}

/// What a valid link says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkedUse {
    /// The account that made it.
    pub signer: UserId,
    /// The time until it expires, in whole seconds.
    pub left: Duration,
    /// What a browser does with the content.
    pub disposition: FileDisposition,
}

/// Signs and checks links. Nothing is stored: the signature follows from the rest of the link, by a keyed function that is
/// used for nothing else.
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

    fn sign(&self, id: FileId, signer: UserId, expires: i64, disposition: FileDisposition) -> FileLink {
        let name = disposition.name();
        let text = format!("file content\0GET\0{id}\0{signer}\0{expires}\0{name}");
        FileLink {
            signer: signer.to_string(),
            expires: expires.to_string(),
            disposition: name.to_owned(),
            signature: self.signature(&text),
        }
    }

    /// The signature of a link: the HMAC of this text, in hexadecimal digits.
    pub(super) fn signature(&self, text: &str) -> String {
        hex(&self.keyed.fingerprint(text.as_bytes()))
    }

    /// Whether a link has this signature. The time does not depend on where they differ.
    pub(super) fn is_signature(&self, right: &str, sent: &str) -> bool {
        sent.len() == right.len() && self.secrets.same(&self.secrets.hash(right), &self.secrets.hash(sent))
    }

    /// Checks a link to this file. Only the spelling that was signed is valid.
    pub(super) fn check(&self, id: FileId, link: &FileLink, now: Timestamp) -> Result<LinkedUse, ReadLinkError> {
        let parts = (link.signer.parse(), link.expires.parse(), FileDisposition::from_name(&link.disposition));
        let (Ok(signer), Ok(expires), Some(disposition)) = parts else { return Err(FileLinkInvalid.into()) };
        let signed = self.sign(id, signer, expires, disposition);
        let is_signed = (&link.signer, &link.expires) == (&signed.signer, &signed.expires)
            && self.is_signature(&signed.signature, &link.signature);
        if !is_signed {
            return Err(FileLinkInvalid.into());
        }
        Ok(LinkedUse { signer, left: left(expires, now)?, disposition })
    }
}

/// The time that a link is still valid, in whole seconds. `expires` is in seconds since 1970.
pub(super) fn left(expires: i64, now: Timestamp) -> Result<Duration, FileLinkExpired> {
    let left = expires.saturating_mul(1_000).saturating_sub(now.as_millis());
    match u64::try_from(left) {
        Ok(left) if left > 0 => Ok(Duration::from_secs(left / 1_000)),
        _ => Err(FileLinkExpired),
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
        Quarantined(FileQuarantined),
        Infected(FileInfected),
        Invalid(Invalid),
    }
}

impl From<NotReady> for SignFileLinkError {
    fn from(error: NotReady) -> Self {
        match error {
            NotReady::Quarantined(refused) => refused.into(),
            NotReady::Infected(refused) => refused.into(),
            NotReady::Store(error) => error.into(),
        }
    }
}

/// The link that a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignFileLinkCommand {
    /// The file whose content it gives.
    pub file_id: FileId,
    /// The number of seconds after which it expires. `None` for the default of the deployment.
    pub expires_in: Option<i64>,
    /// What a browser does with the content.
    pub disposition: FileDisposition,
}

/// A new link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedFileLink {
    /// The parts that go into a URL.
    pub link: FileLink,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Makes links to the contents of files, for callers that can read them.
pub struct SignFileLink {
    files: Reader<dyn FileQueries>,
    links: FileLinks,
    policy: FilePolicy,
    clock: Arc<dyn Clock>,
}

impl SignFileLink {
    /// Makes links to the files of this store.
    #[must_use]
    pub fn new(files: Arc<dyn FileQueries>, links: FileLinks, policy: FilePolicy, clock: Arc<dyn Clock>) -> Self {
        Self { files: Reader::new(actions::READ_FILE, files), links, policy, clock }
    }

    /// Makes a link to a file that the actor may read as a private one. Any other file counts as not found, also if it is
    /// public, because everyone can read it without a link. So does an export.
    ///
    /// # Errors
    /// [`SignFileLinkError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        command: SignFileLinkCommand,
    ) -> Result<SignedFileLink, SignFileLinkError> {
        let signer = account(actor, actions::READ_FILE)?;
        let (files, own) = self.files.scoped(actor)?;
        let SignFileLinkCommand { file_id, expires_in, disposition } = command;
        let file = files.find_file(file_id).await?.as_ref().and_then(FileView::of);
        file.filter(|file| own.admits(file.owner_id) && !file.purpose.is_for_its_owner_alone())
            .ok_or(NotFound("file"))?
            .check_ready()?;
        let expires_at = expiry(&self.policy, expires_in, self.clock.now())?;
        let expires = expires_at.as_millis().div_euclid(1_000);
        Ok(SignedFileLink { link: self.links.sign(file_id, signer, expires, disposition), expires_at })
    }
}

/// The time at which a new link expires, in whole seconds. The caller asks for so many seconds from now.
pub(super) fn expiry(policy: &FilePolicy, expires_in: Option<i64>, now: Timestamp) -> Result<Timestamp, Invalid> {
    let most = seconds(policy.longest_link);
    let lasts = expires_in.unwrap_or_else(|| seconds(policy.link_time).min(most));
    let expires = now.as_millis().div_euclid(1_000).saturating_add(lasts).saturating_mul(1_000);
    match Timestamp::from_millis(expires) {
        Ok(expires) if (1..=most).contains(&lasts) => Ok(expires),
        _ => Err(Invalid::one("/expires_in", "out_of_range", format!("must be from 1 to {most} seconds"))),
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
