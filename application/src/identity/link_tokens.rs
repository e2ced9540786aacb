//! The tokens of links that are mailed to the owners of accounts.

use super::OneTimeSecrets;
use crate::kernel::{Fingerprints, hex};
use skep_domain::identity::{AccountLinkId, LinkPurpose};
use std::sync::Arc;
use uuid::Uuid;

/// What every token begins with, so that scanners of secrets recognize one.
const PREFIX: &str = "skep_link_";
/// The hexadecimal digits of the id of the link, and of the secret.
const PARTS: (usize, usize) = (32, 64);

/// Makes and reads the tokens of links.
///
/// A token names its link. Its secret follows from the id and the purpose of the link, by a keyed function of the
/// deployment. So the token is made when its mail is sent and again if the mail is sent again, and nothing but the mail
/// ever has it: the store has its hash, and the job has the id of the link. A token of another purpose, and one that the
/// deployment has not issued, are refused without a look into the store.
#[derive(Clone)]
pub struct LinkTokens {
    secrets: Arc<dyn OneTimeSecrets>,
    fingerprints: Arc<dyn Fingerprints>,
}

/// A token that the deployment has issued.
pub(super) struct LinkToken {
    pub(super) hash: [u8; 32],
    pub(super) text: String,
}

impl LinkTokens {
    /// `secrets` hashes and compares tokens. `fingerprints` derives their secrets.
    #[must_use]
    pub fn new(secrets: Arc<dyn OneTimeSecrets>, fingerprints: Arc<dyn Fingerprints>) -> Self {
        Self { secrets, fingerprints }
    }

    /// The token of a link.
    pub(super) fn of(&self, purpose: LinkPurpose, id: AccountLinkId) -> LinkToken {
        let text = format!("{PREFIX}{}{}", id.uuid().simple(), hex(&self.secret(purpose, id)));
        LinkToken { hash: self.secrets.hash(&text), text }
    }

    /// Reads a token of this purpose. `None` if the deployment has not issued it.
    pub(super) fn read(&self, purpose: LinkPurpose, text: &str) -> Option<LinkToken> {
        let digits = text.strip_prefix(PREFIX)?;
        let is_plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_plain || digits.len() != PARTS.0 + PARTS.1 {
            return None;
        }
        let id = AccountLinkId::new(Uuid::from_u128(u128::from_str_radix(&digits[..PARTS.0], 16).ok()?));
        let issued = self.of(purpose, id);
        self.secrets.same(&issued.hash, &self.secrets.hash(text)).then_some(issued)
    }

    /// No command and no address has a NUL, so this is the fingerprint of neither.
    fn secret(&self, purpose: LinkPurpose, id: AccountLinkId) -> [u8; 32] {
        let text = format!("account link\0{}\0{}", purpose.name(), id.uuid().simple());
        self.fingerprints.fingerprint(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn id(n: u64) -> AccountLinkId {
        AccountLinkId::new(SeqIds::nth(n))
    }

    #[test]
    fn a_link_always_has_the_same_token_and_each_link_has_another() {
        let tokens = link_tokens();
        let token = tokens.of(LinkPurpose::ResetPassword, id(3));
        assert!(token.text.starts_with(PREFIX) && token.text.len() == 106, "{}", token.text);
        assert_eq!(tokens.of(LinkPurpose::ResetPassword, id(3)).text, token.text);
        let read = tokens.read(LinkPurpose::ResetPassword, &token.text).unwrap();
        assert_eq!((read.hash, read.text), (token.hash, token.text.clone()));
        assert_ne!(tokens.of(LinkPurpose::ResetPassword, id(4)).hash, token.hash);
    }

    #[test]
    fn a_token_of_one_purpose_is_none_of_another() {
        let tokens = link_tokens();
        for issued in LinkPurpose::ALL {
            for tried in LinkPurpose::ALL {
                let token = tokens.of(*issued, id(3));
                assert_eq!(tokens.read(*tried, &token.text).is_some(), issued == tried, "{issued:?} as {tried:?}");
            }
        }
    }

    #[test]
    fn a_changed_token_is_not_one_of_the_deployment() {
        let tokens = link_tokens();
        let text = tokens.of(LinkPurpose::VerifyEmail, id(3)).text;
        let read = |text: &str| tokens.read(LinkPurpose::VerifyEmail, text);
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert!(read(&String::from_utf8(changed).unwrap()).is_none(), "byte {place}");
        }
        let digits = text.strip_prefix(PREFIX).unwrap();
        let upper = format!("{PREFIX}{}", digits.to_ascii_uppercase());
        for other in ["", PREFIX, digits, &upper, &format!("{text}0"), &format!(" {text}"), &"\u{e9}".repeat(53)] {
            assert!(read(other).is_none(), "{other:?}");
        }
    }
}
