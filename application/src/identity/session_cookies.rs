//! The values of the cookies of sessions, and the tokens against forged requests.

use super::{
    DeviceToken, OneTimeSecrets,
    sealed_texts::{Kind, SealedText, SealedTexts},
};
use crate::kernel::{Fingerprints, hex};
use skep_domain::{identity::CookieHash, shared::SessionId};
use std::{sync::Arc, time::Duration};

const KIND: Kind = Kind { prefix: "skep_cs_", name: "session cookie" };
/// What every token against forged requests begins with.
const CSRF_PREFIX: &str = "skep_csrf_";

/// The answer with the cookie of a new session: to a login or a new password.
#[derive(Clone, PartialEq, Eq)]
pub struct CookieAnswer {
    /// The value of the cookie.
    pub cookie: String,
    /// The token that changes by this cookie need.
    pub csrf_token: String,
    /// How long the session lasts if it is not used.
    pub expires_in: Duration,
    /// How long the session lasts at most.
    pub lifetime: Duration,
    /// The token of the device, for the next login on it.
    pub device: DeviceToken,
}

impl std::fmt::Debug for CookieAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CookieAnswer").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Makes and reads the values of cookies, and the tokens against forged requests.
///
/// A page of another site can make a browser send a request with the cookie, and cannot read the answers to such
/// requests. So a change needs a token that only a reader of answers has. It follows from the id of the session by a
/// keyed function of the deployment: nothing is stored, and the token of one session is worth nothing in another one,
/// which includes the next session of the same user.
#[derive(Clone)]
pub struct SessionCookies(SealedTexts);

/// The value of a cookie that the deployment has issued.
pub(super) struct CookieValue {
    pub(super) session_id: SessionId,
    pub(super) hash: CookieHash,
    pub(super) text: String,
}

impl SessionCookies {
    /// `secrets` makes and hashes values. `fingerprints` derives and seals.
    #[must_use]
    pub fn new(secrets: Arc<dyn OneTimeSecrets>, fingerprints: Arc<dyn Fingerprints>) -> Self {
        Self(SealedTexts::new(KIND, secrets, fingerprints))
    }

    /// A new value for the cookie of this session.
    pub(super) fn make(&self, session_id: SessionId) -> CookieValue {
        self.0.first(session_id).into()
    }

    /// Reads a value. `None` if the deployment has not issued it.
    pub(super) fn read(&self, text: &str) -> Option<CookieValue> {
        self.0.read(text).map(Into::into)
    }

    /// Whether the two hashes are the same. It takes the same time whatever they are.
    pub(super) fn is_same(&self, one: CookieHash, other: CookieHash) -> bool {
        self.0.secrets.same(&one.0, &other.0)
    }

    /// The token that changes by the cookie of this session need.
    pub(super) fn csrf_token(&self, session_id: SessionId) -> String {
        let digits = hex(&self.0.keyed("csrf", &session_id.uuid().simple().to_string()));
        format!("{CSRF_PREFIX}{digits}")
    }

    /// Whether this is the token of this session. It takes the same time for every text.
    pub(super) fn is_csrf_token(&self, session_id: SessionId, text: &str) -> bool {
        let right = self.0.secrets.hash(&self.csrf_token(session_id));
        self.0.secrets.same(&right, &self.0.secrets.hash(text))
    }
}

impl From<SealedText> for CookieValue {
    fn from(SealedText { session_id, hash, text }: SealedText) -> Self {
        Self { session_id, hash: CookieHash(hash), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn session(n: u64) -> SessionId {
        SessionId::new(SeqIds::nth(n))
    }

    #[test]
    fn a_value_is_read_back_and_each_is_different() {
        let cookies = session_cookies();
        let (one, other) = (cookies.make(session(3)), cookies.make(session(3)));
        assert!(one.text.starts_with(KIND.prefix) && one.text.len() == 136, "{}", one.text);
        assert_ne!(one.text, other.text);
        let read = cookies.read(&one.text).unwrap();
        assert_eq!((read.session_id, read.hash), (session(3), one.hash));
        assert!(cookies.is_same(read.hash, one.hash) && !cookies.is_same(read.hash, other.hash));
    }

    #[test]
    fn a_changed_value_is_not_one_of_the_deployment() {
        let cookies = session_cookies();
        let text = cookies.make(session(3)).text;
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert!(cookies.read(&String::from_utf8(changed).unwrap()).is_none(), "byte {place}");
        }
        for other in ["", KIND.prefix, &text[..135], &format!("{text}0"), &format!(" {text}")] {
            assert!(cookies.read(other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_refresh_token_is_not_the_value_of_a_cookie_and_the_other_way_round() {
        let (cookies, tokens) = (session_cookies(), refresh_tokens());
        let (cookie, token) = (cookies.make(session(3)).text, tokens.first(session(3)).text);
        let digits = |text: &str| text.rsplit('_').next().unwrap_or_default().to_owned();
        assert!(cookies.read(&token).is_none() && tokens.read(&cookie).is_none());
        assert!(cookies.read(&format!("{}{}", KIND.prefix, digits(&token))).is_none());
        assert!(tokens.read(&format!("skep_rt_{}", digits(&cookie))).is_none());
    }

    #[test]
    fn a_csrf_token_belongs_to_one_session() {
        let cookies = session_cookies();
        let (one, other) = (cookies.csrf_token(session(3)), cookies.csrf_token(session(4)));
        assert!(cookies.is_csrf_token(session(3), &one) && !cookies.is_csrf_token(session(3), &other));
        let cookie = cookies.make(session(3)).text;
        for text in ["", CSRF_PREFIX, &cookie, &one[..one.len() - 1], &format!("{one}0"), &one.to_ascii_uppercase()] {
            assert!(!cookies.is_csrf_token(session(3), text), "{text:?}");
        }
    }

    #[test]
    fn no_secret_is_in_the_debug_form() {
        let (cookie, csrf_token) = ("skep_cs_1".to_owned(), "skep_csrf_1".to_owned());
        let device = DeviceToken { text: "skep_dt_1".to_owned(), expires_in: Duration::ZERO };
        let answer = CookieAnswer { cookie, csrf_token, expires_in: Duration::ZERO, lifetime: Duration::ZERO, device };
        assert!(!format!("{answer:?}").contains("skep_"));
    }
}
