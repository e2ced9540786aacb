//! Links with which every client that has them stores one file for the account that made them, until they expire.

use super::{
    ContentMismatch, FileLinkExpired, FileLinkInvalid, FileLinks, FilePolicy, FileTooLarge, MediaTypeNotAllowed,
    ReserveUploadError, Upload, UploadGivenUp, UploadParts,
    file_links::{expiry, left},
};
use crate::{
    identity::AccountScopes,
    jobs::EnqueueError,
    kernel::{
        Actor, Denied, Invalid, Principal, Runtime, Scope, StoreError, account, hex, permit, refusal, use_case_error,
    },
};
use skep_domain::{
    files::{Checksum, File, FileId, FileName, FilePurpose, FileVisibility, MediaType, UploadLinkId, actions},
    shared::{Timestamp, UserId},
};
use std::sync::Arc;

refusal! {
    /// The link has stored its file, or a client is sending it.
    UploadLinkUsed = Conflict, "upload_link_used";
}

refusal! {
    /// The account that made the link may not store files any more.
    UploadLinkRevoked = Denied, "upload_link_revoked";
}

/// The file that a link stores.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct LinkedFile {
    name: FileName,
    purpose: FilePurpose,
    visibility: FileVisibility,
    /// The greatest number of bytes that it may have.
    most_bytes: u64,
    /// The media type that its content must have.
    media_type: Option<MediaType>,
}

/// What a link says. Later programs read the links of earlier ones until they expire, so fields are only added.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Terms {
    id: UploadLinkId,
    /// The account that made the link, and that will own the file.
    signer: UserId,
    /// In seconds since 1970.
    expires: i64,
    file: LinkedFile,
}

impl FileLinks {
    /// The text of a link, which goes into a URL: the terms in JSON and their signature, both in hexadecimal digits.
    fn sign_upload(&self, terms: &Terms) -> Result<String, StoreError> {
        let terms = hex(&serde_json::to_vec(terms).map_err(StoreError::unreadable)?);
        let signature = self.upload_signature(&terms);
        Ok(format!("{terms}.{signature}"))
    }

    /// Nothing of the terms is read before their signature was compared.
    fn check_upload(&self, link: &str, now: Timestamp) -> Result<Terms, UploadLinkedFileError> {
        let (terms, signature) = link.split_once('.').ok_or(FileLinkInvalid)?;
        if !self.is_signature(&self.upload_signature(terms), signature) {
            return Err(FileLinkInvalid.into());
        }
        let json = from_hex(terms).ok_or(FileLinkInvalid)?;
        let terms: Terms = serde_json::from_slice(&json).map_err(|_| FileLinkInvalid)?;
        left(terms.expires, now)?;
        Ok(terms)
    }

    fn upload_signature(&self, terms: &str) -> String {
        self.signature(&format!("file upload\0POST\0{terms}"))
    }
}

/// Reads digits that [`hex`] has made.
fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

use_case_error! {
    /// The reason why no link was made.
    SignUploadLinkError {
        Denied(Denied),
        Invalid(Invalid),
    }
}

/// The link that a caller asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUploadLinkCommand {
    /// The name under which the file is downloaded.
    pub name: FileName,
    /// What it is for.
    pub purpose: FilePurpose,
    /// The audience.
    pub visibility: FileVisibility,
    /// The greatest number of bytes. `None` for as many as the purpose allows.
    pub most_bytes: Option<i64>,
    /// The media type that the content must have, if the caller names one.
    pub media_type: Option<String>,
    /// The number of seconds after which the link expires. `None` for the default of the deployment.
    pub expires_in: Option<i64>,
}

/// A new link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedUploadLink {
    /// The id of the link, which its file shows.
    pub id: UploadLinkId,
    /// The text that goes into a URL.
    pub link: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Makes links that store files of the caller.
pub struct SignUploadLink {
    links: FileLinks,
    policy: FilePolicy,
    runtime: Runtime,
}

impl SignUploadLink {
    /// Makes links by these rules.
    #[must_use]
    pub const fn new(links: FileLinks, policy: FilePolicy, runtime: Runtime) -> Self {
        Self { links, policy, runtime }
    }

    /// Makes a link. Nothing is stored, and the quota is judged when the file is sent.
    ///
    /// # Errors
    /// [`SignUploadLinkError`].
    pub fn execute(
        &self,
        actor: &Actor,
        command: SignUploadLinkCommand,
    ) -> Result<SignedUploadLink, SignUploadLinkError> {
        permit(actor, actions::UPLOAD_FILE)?;
        let signer = account(actor, actions::UPLOAD_FILE)?;
        let mut invalid = Invalid::default();
        let expires_at = expiry(&self.policy, command.expires_in, self.runtime.clock.now());
        let expires_at = expires_at.map_err(|refused| invalid.errors.extend(refused.errors)).ok();
        let (Some(file), Some(expires_at)) = (self.file(&mut invalid, command), expires_at) else {
            return Err(invalid.into());
        };
        let id = UploadLinkId::new(self.runtime.ids.next());
        let terms = Terms { id, signer, expires: expires_at.as_millis().div_euclid(1_000), file };
        let link = self.links.sign_upload(&terms)?;
        Ok(SignedUploadLink { id, link, expires_at })
    }

    /// The file of the link. Every wrong value is noted.
    fn file(&self, invalid: &mut Invalid, command: SignUploadLinkCommand) -> Option<LinkedFile> {
        let SignUploadLinkCommand { name, purpose, visibility, most_bytes, media_type, .. } = command;
        let most_bytes = self.most_bytes(invalid, purpose, most_bytes);
        let media_type = match media_type {
            None => Some(None),
            Some(text) => named(invalid, purpose, &text).map(Some),
        };
        Some(LinkedFile { name, purpose, visibility, most_bytes: most_bytes?, media_type: media_type? })
    }

    fn most_bytes(&self, invalid: &mut Invalid, purpose: FilePurpose, asked: Option<i64>) -> Option<u64> {
        const FIELD: &str = "/max_bytes";
        let allowed = self.policy.most_bytes(purpose);
        let Some(asked) = asked else { return Some(allowed) };
        match u64::try_from(asked) {
            Ok(bytes) if (1..=allowed).contains(&bytes) => Some(bytes),
            Err(_) | Ok(0) => invalid.check(FIELD, "out_of_range", Err("must be at least 1")),
            Ok(_) => invalid.check(FIELD, "too_large", Err(format!("must be at most {allowed} for this purpose"))),
        }
    }
}

/// The media type that a caller names.
fn named(invalid: &mut Invalid, purpose: FilePurpose, text: &str) -> Option<MediaType> {
    const FIELD: &str = "/media_type";
    let named = invalid.check(FIELD, "invalid_value", MediaType::parse(text))?;
    let taken =
        if purpose.takes(&named) { Ok(named) } else { Err("must be one that a file for this purpose can have") };
    invalid.check(FIELD, "media_type_not_allowed", taken)
}

use_case_error! {
    /// The reason why a link stores no file. It also lists the refusals with which an upload ends that a link has begun.
    UploadLinkedFileError {
        Denied(Denied),
        LinkInvalid(FileLinkInvalid),
        LinkExpired(FileLinkExpired),
        Revoked(UploadLinkRevoked),
        Used(UploadLinkUsed),
        TooLarge(FileTooLarge),
        Reserve(ReserveUploadError),
        MediaType(MediaTypeNotAllowed),
        Mismatch(ContentMismatch),
        GivenUp(UploadGivenUp),
        Enqueue(EnqueueError),
    }
}

/// Stores files by links, for every caller.
pub struct UploadLinkedFile {
    parts: Arc<UploadParts>,
    links: FileLinks,
    accounts: AccountScopes,
}

impl UploadLinkedFile {
    /// Uploads with these ports and rules. `accounts` decides which links still hold.
    #[must_use]
    pub const fn new(parts: Arc<UploadParts>, links: FileLinks, accounts: AccountScopes) -> Self {
        Self { parts, links, accounts }
    }

    /// Begins the upload of the file of this link, in the name of the account that made the link. The link is checked
    /// first, so a wrong one says nothing about the file or the account. The link stores one file: if an upload fails, the
    /// link can be used again until it expires. Each upload has an id of its own, because what is left of an earlier one
    /// may still be on its way to the contents, or be deleted later.
    ///
    /// # Errors
    /// [`UploadLinkedFileError`].
    pub async fn begin(
        &self,
        actor: &Actor,
        link: &str,
        size: Option<u64>,
        checksum: Option<Checksum>,
    ) -> Result<Upload, UploadLinkedFileError> {
        permit(actor, actions::UPLOAD_LINKED_FILE)?;
        let parts = &self.parts;
        let now = parts.runtime.clock.now();
        let Terms { id: link, signer: owner, file: linked, .. } = self.links.check_upload(link, now)?;
        if self.accounts.find(owner, actions::UPLOAD_FILE).await? == Scope::None {
            return Err(UploadLinkRevoked.into());
        }
        // The limits of the deployment may be lower than when the link was made.
        let most = parts.most_bytes(linked.purpose)?.min(linked.most_bytes);
        if size.is_some_and(|size| size > most) {
            return Err(FileTooLarge { most }.into());
        }
        let LinkedFile { name, purpose, visibility, media_type, .. } = linked;
        let id = FileId::new(parts.runtime.ids.next());
        let file = File::begin(id, owner, purpose, visibility, name, size.unwrap_or(most), now).by_link(link);
        if !parts.reserve_by(actor, &file, link).await? {
            return Err(UploadLinkUsed.into());
        }
        let staged = parts.stage(id).await?;
        // The account that made the link has permitted it, and the caller may have none.
        let by = Actor { principal: Principal::System, ..actor.clone() };
        Ok(Upload::new(Arc::clone(parts), file, (size, checksum), staged).expecting(media_type).stored_by(by))
    }
}
