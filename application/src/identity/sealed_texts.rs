//! Texts that stand for a session and that only the deployment can make: refresh tokens, and the values of cookies.

use super::OneTimeSecrets;
use crate::kernel::{Fingerprints, hex};
use skep_domain::shared::SessionId;
use std::sync::Arc;
use uuid::Uuid;

/// The hexadecimal digits of the session, of the secret, and of the seal.
const PARTS: (usize, usize, usize) = (32, 64, 32);

/// Makes and reads the texts of one kind.
///
/// A text names its session, so it is found by a key. Its secret has 256 bits and follows from another text, by a keyed
/// function of the deployment. The seal shows that the deployment has issued the text, so a caller who only knows the id
/// of a session learns nothing about it, and cannot end it with a wrong text. The kind is part of each keyed function: a
/// text of one kind is never one of another.
#[derive(Clone)]
pub(super) struct SealedTexts {
    kind: Kind,
    pub(super) secrets: Arc<dyn OneTimeSecrets>,
    fingerprints: Arc<dyn Fingerprints>,
}

/// What the texts of a kind begin with, and its name.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// So that scanners of secrets recognize a text.
    pub(super) prefix: &'static str,
    pub(super) name: &'static str,
}

/// A text that the deployment has issued.
pub(super) struct SealedText {
    pub(super) session_id: SessionId,
    pub(super) hash: [u8; 32],
    pub(super) text: String,
}

impl SealedTexts {
    /// `secrets` makes the first text of a session, and hashes texts. `fingerprints` derives and seals.
    pub(super) fn new(kind: Kind, secrets: Arc<dyn OneTimeSecrets>, fingerprints: Arc<dyn Fingerprints>) -> Self {
        Self { kind, secrets, fingerprints }
    }

    /// The first text of a session.
    pub(super) fn first(&self, session_id: SessionId) -> SealedText {
        self.after(session_id, &self.secrets.generate().0)
    }

    /// The text that follows this one: the same text always gives the same successor.
    pub(super) fn after(&self, session_id: SessionId, before: &str) -> SealedText {
        let secret = hex(&self.keyed("successor", before));
        let content = format!("{}{secret}", session_id.uuid().simple());
        let text = format!("{}{content}{}", self.kind.prefix, self.seal(&content));
        self.sealed(session_id, text)
    }

    /// Reads a text. `None` if the deployment has not issued it.
    pub(super) fn read(&self, text: &str) -> Option<SealedText> {
        let digits = text.strip_prefix(self.kind.prefix)?;
        let is_plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_plain || digits.len() != PARTS.0 + PARTS.1 + PARTS.2 {
            return None;
        }
        let (content, seal) = digits.split_at(PARTS.0 + PARTS.1);
        let (right, seal) = (self.seal(content).into_bytes().try_into().ok()?, seal.as_bytes().try_into().ok()?);
        let session_id = Uuid::from_u128(u128::from_str_radix(&content[..PARTS.0], 16).ok()?);
        let is_sealed = self.secrets.same(&right, &seal);
        is_sealed.then(|| self.sealed(SessionId::new(session_id), text.to_owned()))
    }

    fn sealed(&self, session_id: SessionId, text: String) -> SealedText {
        SealedText { session_id, hash: self.secrets.hash(&text), text }
    }

    fn seal(&self, content: &str) -> String {
        hex(&self.keyed("seal", content)[..PARTS.2 / 2])
    }

    /// No command and no address has a NUL, so this is the fingerprint of neither.
    pub(super) fn keyed(&self, purpose: &str, text: &str) -> [u8; 32] {
        self.fingerprints.fingerprint(format!("{}\0{purpose}\0{text}", self.kind.name).as_bytes())
    }
}
