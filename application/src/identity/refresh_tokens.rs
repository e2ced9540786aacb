//! The texts of refresh tokens.

use super::{
    OneTimeSecrets,
    sealed_texts::{Kind, SealedText, SealedTexts},
};
use crate::kernel::Fingerprints;
use skep_domain::{identity::RefreshHash, shared::SessionId};
use std::sync::Arc;

const KIND: Kind = Kind { prefix: "skep_rt_", name: "refresh token" };

/// Makes and reads refresh tokens.
///
/// The secret of a token follows from the token before it: the same token always gives the same successor, although
/// neither is stored.
#[derive(Clone)]
pub struct RefreshTokens(SealedTexts);

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
        Self(SealedTexts::new(KIND, secrets, fingerprints))
    }

    /// The first token of a session.
    pub(super) fn first(&self, session_id: SessionId) -> RefreshToken {
        self.0.first(session_id).into()
    }

    /// The token that follows this one.
    pub(super) fn successor(&self, token: &RefreshToken) -> RefreshToken {
        self.0.after(token.session_id, &token.text).into()
    }

    /// Reads a token. `None` if the deployment has not issued it.
    pub(super) fn read(&self, text: &str) -> Option<RefreshToken> {
        self.0.read(text).map(Into::into)
    }
}

impl From<SealedText> for RefreshToken {
    fn from(SealedText { session_id, hash, text }: SealedText) -> Self {
        Self { session_id, hash: RefreshHash(hash), text }
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
        assert!(first.text.starts_with(KIND.prefix) && first.text.len() == 136, "{}", first.text);
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
        let digits = text.strip_prefix(KIND.prefix).unwrap();
        let upper = format!("{}{}", KIND.prefix, digits.to_ascii_uppercase());
        let others = [String::new(), KIND.prefix.to_owned(), digits.to_owned(), upper, format!("{text}0")];
        let spaced = [format!(" {text}"), format!("{text}\n"), text[..135].to_owned(), "\u{e9}".repeat(68)];
        for other in others.iter().chain(&spaced) {
            assert!(tokens.read(other).is_none(), "{other:?}");
        }
    }
}
