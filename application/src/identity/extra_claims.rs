//! The claims that a program adds to access tokens.

use serde_json::{Map, Value};

/// The names that JSON Web Tokens, access tokens (RFC 7519, RFC 9068) and Skep give a meaning. No program sets them.
const RESERVED: [&str; 21] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "typ",
    "client_id",
    "scope",
    "auth_time",
    "auth_epoch",
    "acr",
    "amr",
    "cnf",
    "act",
    "may_act",
    "roles",
    "groups",
    "entitlements",
];

/// Further claims of an access token. They are few and short, because each request carries the token.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct ExtraClaims(Map<String, Value>);

/// Why claims cannot be added to a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaims {
    /// There are too many.
    #[error("a token has at most {} further claims", ExtraClaims::MOST)]
    Count,
    /// They are too long together.
    #[error("the further claims of a token have at most {} bytes as JSON", ExtraClaims::MOST_BYTES)]
    Size,
    /// The name is empty or too long, or has other characters than letters and digits of ASCII, and `_-.:/`.
    #[error("{0:?} is no name of a claim")]
    Name(String),
    /// The name has a meaning already.
    #[error("the claim {0} has a meaning already")]
    Reserved(String),
}

impl ExtraClaims {
    /// The greatest number of claims.
    pub const MOST: usize = 16;
    /// The greatest length of all claims as JSON, in bytes.
    pub const MOST_BYTES: usize = 768;
    /// The greatest length of a name.
    pub const MOST_NAME: usize = 64;

    /// Checks the claims.
    ///
    /// # Errors
    /// [`InvalidClaims`].
    pub fn new(claims: impl IntoIterator<Item = (String, Value)>) -> Result<Self, InvalidClaims> {
        let mut checked = Map::new();
        for (name, value) in claims {
            let is_name = (1..=Self::MOST_NAME).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte));
            if !is_name {
                return Err(InvalidClaims::Name(name));
            }
            // Readers may not distinguish capital letters.
            if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(&name)) {
                return Err(InvalidClaims::Reserved(name));
            }
            checked.insert(name, value);
            if checked.len() > Self::MOST {
                return Err(InvalidClaims::Count);
            }
        }
        // A value of JSON can always be written.
        let length = serde_json::to_vec(&checked).map_or(usize::MAX, |json| json.len());
        if length > Self::MOST_BYTES { Err(InvalidClaims::Size) } else { Ok(Self(checked)) }
    }

    /// Whether the token gets no further claim.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn one(name: &str, value: Value) -> Result<ExtraClaims, InvalidClaims> {
        ExtraClaims::new([(name.to_owned(), value)])
    }

    #[test]
    fn no_claim_takes_the_place_of_one_that_has_a_meaning() {
        for name in RESERVED.into_iter().chain(["SUB", "Exp"]) {
            assert_eq!(one(name, json!(1)), Err(InvalidClaims::Reserved(name.to_owned())));
        }
        for name in ["", " ", "a b", "ä", "a\"", &"a".repeat(65)] {
            assert_eq!(one(name, json!(1)), Err(InvalidClaims::Name(name.to_owned())));
        }
        for name in ["tenant", "https://shop.example/tenant", &"a".repeat(64)] {
            assert_eq!(one(name, json!({"id": 7})).unwrap().get(name), Some(&json!({"id": 7})));
        }
    }

    #[test]
    fn claims_are_few_and_short() {
        let many = |count: usize| ExtraClaims::new((0..count).map(|n| (format!("c{n}"), json!(n))));
        assert!(many(ExtraClaims::MOST).is_ok());
        assert_eq!(many(ExtraClaims::MOST + 1), Err(InvalidClaims::Count));
        // {"a":"…"}
        let long = |length: usize| one("a", json!("x".repeat(length)));
        assert!(long(ExtraClaims::MOST_BYTES - 8).is_ok());
        assert_eq!(long(ExtraClaims::MOST_BYTES - 7), Err(InvalidClaims::Size));
        assert!(ExtraClaims::new([]).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_within_the_bounds(
            claims in prop::collection::btree_map("[a-zA-Z_.]{0,70}", "\\PC{0,100}", 0..20)
        ) {
            if let Ok(accepted) = ExtraClaims::new(claims.into_iter().map(|(name, value)| (name, json!(value)))) {
                prop_assert!(accepted.0.len() <= ExtraClaims::MOST);
                prop_assert!(serde_json::to_vec(&accepted).unwrap().len() <= ExtraClaims::MOST_BYTES);
                prop_assert!(RESERVED.iter().all(|name| accepted.get(name).is_none()));
            }
        }
    }
}
