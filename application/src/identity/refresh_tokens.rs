//! The texts of refresh tokens.

use super::OneTimeSecrets;
use crate::kernel::{Fingerprints, hex};
use skep_domain::{identity::RefreshHash, shared::SessionId};
use std::sync::Arc;
use uuid::Uuid;

/// What every token begins with, so that scanners of secrets recognize one.
const PREFIX: &str = "skep_rt_";
/// The hexadecimal digits of the session, of the secret, and of the seal.
const PARTS: (usize, usize, usize) = (32, 64, 32);

/// Makes and reads refresh tokens.
///
/// A token names its session, so it is found by a key. Its secret follows from the token before it, by a keyed function
/// of the deployment: the same token always gives the same successor, although neither is stored. The seal shows that
/// the deployment has issued the token, so a caller who only knows the id of a session cannot end it with a wrong token.
#[derive(Clone)]
pub struct RefreshTokens {
    secrets: Arc<dyn OneTimeSecrets>,
    fingerprints: Arc<dyn Fingerprints>,
}

/// A token that the deployment has issued.
pub(super) struct RefreshToken {
    pub(super) session_id: SessionId,
    pub(super) hash: RefreshHash,
    pub(super) text: String,
}

impl RefreshTokens {
    /// `secrets` makes the first token of a session, and hashes tokens. `fingerprints` derives and seals.
    #[must_use]
    pub fn new(secrets: Arc<dyn OneTimeSecrets>, fingerprints: Arc<dyn Fingerprints>) -> Self {
        Self { secrets, fingerprints }
    }

    /// The first token of a session.
    pub(super) fn first(&self, session_id: SessionId) -> RefreshToken {
        self.after(session_id, &self.secrets.generate().0)
    }

    /// The token that follows this one.
    pub(super) fn successor(&self, token: &RefreshToken) -> RefreshToken {
        self.after(token.session_id, &token.text)
    }

    /// Reads a token. `None` if the deployment has not issued it.
    pub(super) fn read(&self, text: &str) -> Option<RefreshToken> {
        let digits = text.strip_prefix(PREFIX)?;
        let is_plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_plain || digits.len() != PARTS.0 + PARTS.1 + PARTS.2 {
            return None;
        }
        let (content, seal) = digits.split_at(PARTS.0 + PARTS.1);
        let (right, seal) = (self.seal(content).into_bytes().try_into().ok()?, seal.as_bytes().try_into().ok()?);
        let session_id = Uuid::from_u128(u128::from_str_radix(&content[..PARTS.0], 16).ok()?);
        let is_sealed = self.secrets.same(&right, &seal);
        is_sealed.then(|| self.token(SessionId::new(session_id), text.to_owned()))
    }

    fn after(&self, session_id: SessionId, before: &str) -> RefreshToken {
        let secret = hex(&self.keyed("successor", before));
        let content = format!("{}{secret}", session_id.uuid().simple());
        let text = format!("{PREFIX}{content}{}", self.seal(&content));
        self.token(session_id, text)
    }

    fn token(&self, session_id: SessionId, text: String) -> RefreshToken {
        RefreshToken { session_id, hash: RefreshHash(self.secrets.hash(&text)), text }
    }

    fn seal(&self, content: &str) -> String {
        hex(&self.keyed("seal", content)[..PARTS.2 / 2])
    }

    /// No command and no address has a NUL, so this is the fingerprint of neither.
    fn keyed(&self, purpose: &str, text: &str) -> [u8; 32] {
        self.fingerprints.fingerprint(format!("refresh token\0{purpose}\0{text}").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn session() -> SessionId {
        SessionId::new(SeqIds::nth(3))
    }

    #[test]
    fn a_token_is_read_back_and_has_one_successor() {
        let tokens = refresh_tokens();
        let first = tokens.first(session());
        assert!(first.text.starts_with(PREFIX) && first.text.len() == 136, "{}", first.text);
        let read = tokens.read(&first.text).unwrap();
        assert_eq!((read.session_id, read.hash), (session(), first.hash));
        let (one, other) = (tokens.successor(&first), tokens.successor(&read));
        assert_eq!((&one.text, one.hash), (&other.text, other.hash));
        assert_ne!(one.text, first.text);
        assert_ne!(tokens.successor(&one).text, one.text);
        assert!(tokens.read(&one.text).is_some());
        assert_ne!(
            tokens.first(session()).text,
            tokens.first(session()).text,
            "each session begins with another secret"
        );
    }

    #[test]
    fn a_changed_token_is_not_one_of_the_deployment() {
        let tokens = refresh_tokens();
        let text = tokens.first(session()).text;
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert!(tokens.read(&String::from_utf8(changed).unwrap()).is_none(), "byte {place}");
        }
        let digits = text.strip_prefix(PREFIX).unwrap();
        let upper = format!("{PREFIX}{}", digits.to_ascii_uppercase());
        let others = [String::new(), PREFIX.to_owned(), digits.to_owned(), upper, format!("{text}0")];
        let spaced = [format!(" {text}"), format!("{text}\n"), text[..135].to_owned(), "\u{e9}".repeat(68)];
        for other in others.iter().chain(&spaced) {
            assert!(tokens.read(other).is_none(), "{other:?}");
        }
    }
}
