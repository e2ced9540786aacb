use super::{keys::REMEMBERED, *};
use proptest::prelude::*;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

const NOW: i64 = 1_790_000_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

struct Key {
    id: &'static str,
    document: Vec<u8>,
    pair: Ed25519KeyPair,
}

impl Key {
    fn new(id: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref().to_vec();
        let pair = Ed25519KeyPair::from_pkcs8(&document).unwrap();
        Self { id, document, pair }
    }

    fn signing(&self) -> SigningKey {
        SigningKey::from_pkcs8(self.id, &self.document).unwrap()
    }

    /// A token with a valid signature over any header and claims.
    fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

fn tokens(key: &Key) -> EdDsaTokens {
    EdDsaTokens::new("https://skep.test", "skep", key.signing(), &[]).unwrap()
}

fn claims() -> AccessClaims {
    AccessClaims {
        user_id: UserId::new(Uuid::from_u128(1)),
        session_id: SessionId::new(Uuid::from_u128(2)),
        token_id: Uuid::from_u128(3),
        issued_at: at(NOW),
        expires_at: at(NOW + 600_000),
    }
}

fn header() -> Value {
    json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "k1" })
}

fn payload() -> Value {
    json!({
        "iss": "https://skep.test", "aud": "skep", "iat": NOW / 1_000, "exp": NOW / 1_000 + 600,
        "sub": Uuid::from_u128(1), "sid": Uuid::from_u128(2), "jti": Uuid::from_u128(3),
    })
}

fn with(mut object: Value, name: &str, value: Value) -> String {
    object[name] = value;
    object.to_string()
}

fn without(mut object: Value, name: &str) -> String {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object.to_string()
}

fn is_invalid(tokens: &EdDsaTokens, token: &str) -> bool {
    matches!(tokens.verify(token, at(NOW)), Err(TokenError::Invalid))
}

#[test]
fn a_token_holds_the_issued_claims_to_the_second() {
    let tokens = tokens(&Key::new("k1"));
    let token = tokens
        .issue(
            &AccessClaims { issued_at: at(NOW + 999), expires_at: at(NOW + 600_999), ..claims() },
            &ExtraClaims::default(),
        )
        .unwrap();
    assert_eq!(tokens.verify(&token, at(NOW)).unwrap(), claims());
    assert_eq!(tokens.verify(&token, at(NOW)).unwrap(), claims(), "remembered");

    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    assert_eq!(serde_json::from_slice::<Value>(&parts.next().unwrap()).unwrap(), header());
    assert_eq!(serde_json::from_slice::<Value>(&parts.next().unwrap()).unwrap(), payload());
}

#[test]
fn a_token_is_valid_until_it_expires_whatever_the_time_of_its_issue() {
    let tokens = tokens(&Key::new("k1"));
    let token = tokens.issue(&claims(), &ExtraClaims::default()).unwrap();
    // Twice, because the time of a cached token must be checked again.
    for _ in 0..2 {
        assert!(tokens.verify(&token, at(NOW - 10_000)).is_ok(), "the clock of another instance may be ahead");
        assert!(tokens.verify(&token, at(NOW - 3_600_000)).is_ok(), "the clock may be set back");
        assert!(tokens.verify(&token, at(NOW + 599_999)).is_ok());
        assert!(matches!(tokens.verify(&token, at(NOW + 600_000)), Err(TokenError::Expired)));
        assert!(matches!(tokens.verify(&token, Timestamp::MAX), Err(TokenError::Expired)));
    }
}

#[test]
fn tokens_of_older_keys_are_verified_and_those_of_dropped_keys_are_not() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let before = tokens(&old).issue(&claims(), &ExtraClaims::default()).unwrap();
    let rotated =
        EdDsaTokens::new("https://skep.test", "skep", new.signing(), &[old.signing().verifying_key(None)]).unwrap();
    assert_eq!(rotated.verify(&before, at(NOW)).unwrap(), claims());
    let after = rotated.issue(&claims(), &ExtraClaims::default()).unwrap();
    assert_eq!(rotated.verify(&after, at(NOW)).unwrap(), claims());
    assert!(is_invalid(&tokens(&new), &before));
    assert!(is_invalid(&tokens(&old), &after));
}

#[test]
fn a_retired_key_verifies_until_it_expires() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let token = tokens(&old).issue(&claims(), &ExtraClaims::default()).unwrap();
    let retired = old.signing().verifying_key(Some(at(NOW + 300_000)));
    let tokens = EdDsaTokens::new("https://skep.test", "skep", new.signing(), &[retired]).unwrap();
    // Twice, because the key of a cached token expires, too.
    for _ in 0..2 {
        assert_eq!(tokens.verify(&token, at(NOW + 299_999)).unwrap(), claims());
        assert!(matches!(tokens.verify(&token, at(NOW + 300_000)), Err(TokenError::Invalid)));
    }
}

#[test]
fn replaced_keys_are_used_at_once_and_tokens_of_dropped_keys_are_forgotten() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let tokens = tokens(&old);
    let before = tokens.issue(&claims(), &ExtraClaims::default()).unwrap();
    assert!(tokens.verify(&before, at(NOW)).is_ok());
    let verifies = |key: &Key| [key.signing().verifying_key(None)];
    assert!(!tokens.replace_keys(old.signing(), &[]).unwrap(), "the same keys");
    assert_eq!(cached(&tokens), 1);

    assert!(tokens.replace_keys(old.signing(), &verifies(&new)).unwrap());
    assert!(tokens.jwks().contains("new"));
    assert!(tokens.replace_keys(new.signing(), &verifies(&old)).unwrap());
    let after = tokens.issue(&claims(), &ExtraClaims::default()).unwrap();
    for token in [&before, &after] {
        assert!(tokens.verify(token, at(NOW)).is_ok());
    }
    assert!(is_invalid(&self::tokens(&old), &after), "signed with the new key");

    assert!(tokens.replace_keys(new.signing(), &verifies(&new)).is_err(), "two keys with one id");
    assert!(tokens.verify(&before, at(NOW)).is_ok(), "the keys stay after an error");
    assert!(tokens.replace_keys(new.signing(), &[]).unwrap());
    assert!(is_invalid(&tokens, &before), "although it was in the cache");
    assert!(tokens.verify(&after, at(NOW)).is_ok());
}

#[test]
fn tokens_of_another_issuer_or_for_another_audience_are_invalid() {
    let key = Key::new("k1");
    let tokens = tokens(&key);
    for (issuer, audience) in [("https://other.test", "skep"), ("https://skep.test", "other"), ("", "")] {
        let other = EdDsaTokens::new(issuer, audience, key.signing(), &[]).unwrap();
        assert!(is_invalid(&tokens, &other.issue(&claims(), &ExtraClaims::default()).unwrap()), "{issuer} {audience}");
    }
}

#[test]
fn a_foreign_signature_is_invalid_whatever_the_header_offers() {
    let (key, foreign) = (Key::new("k1"), Key::new("k1"));
    let tokens = tokens(&key);
    let x = URL_SAFE_NO_PAD.encode(foreign.pair.public_key());
    assert!(is_invalid(&tokens, &foreign.sign(&header().to_string(), &payload().to_string())));
    for (name, value) in [
        ("jwk", json!({ "kty": "OKP", "crv": "Ed25519", "x": x })),
        ("jku", json!("https://evil.test/jwks.json")),
        ("x5u", json!("https://evil.test/cert")),
        ("x5c", json!(["MAo="])),
        ("crit", json!(["exp"])),
    ] {
        let header = with(header(), name, value);
        assert!(is_invalid(&tokens, &foreign.sign(&header, &payload().to_string())), "{name}");
        assert!(is_invalid(&tokens, &key.sign(&header, &payload().to_string())), "{name} with a valid signature");
    }
}

#[test]
fn another_type_algorithm_or_key_id_is_invalid_even_with_a_valid_signature() {
    let key = Key::new("k1");
    let tokens = tokens(&key);
    let payload = payload().to_string();
    assert!(tokens.verify(&key.sign(&header().to_string(), &payload), at(NOW)).is_ok());
    let headers = [
        without(header(), "typ"),
        with(header(), "typ", json!("JWT")),
        with(header(), "typ", json!("AT+JWT")),
        with(header(), "typ", Value::Null),
        without(header(), "alg"),
        with(header(), "alg", json!("none")),
        with(header(), "alg", json!("nOnE")),
        with(header(), "alg", json!("HS256")),
        with(header(), "alg", json!("ES256")),
        without(header(), "kid"),
        with(header(), "kid", json!("k2")),
        with(header(), "kid", json!("../../dev/null")),
        with(header(), "kid", json!("' or 1=1 --")),
        with(header(), "kid", json!("k".repeat(65_536))),
        r#"{"typ":"at+jwt","alg":"EdDSA","alg":"EdDSA","kid":"k1"}"#.to_owned(),
        r#"{"typ":"at+jwt","typ":"at+jwt","alg":"EdDSA","kid":"k1"}"#.to_owned(),
        "[]".to_owned(),
        String::new(),
    ];
    for header in headers {
        assert!(is_invalid(&tokens, &key.sign(&header, &payload)), "{:.80}", header);
    }
}

#[test]
fn a_token_without_signature_or_signed_with_the_public_key_is_invalid() {
    let key = Key::new("k1");
    let tokens = tokens(&key);
    let token = tokens.issue(&claims(), &ExtraClaims::default()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let payload = message.split_once('.').unwrap().1;
    for alg in ["none", "None", "nOnE"] {
        let head = URL_SAFE_NO_PAD.encode(with(header(), "alg", json!(alg)));
        for end in ["", signature] {
            assert!(is_invalid(&tokens, &format!("{head}.{payload}.{end}")));
        }
    }
    assert!(is_invalid(&tokens, message));
    assert!(is_invalid(&tokens, &format!("{message}.")));

    let public = key.pair.public_key().as_ref();
    for secret in [public.to_vec(), URL_SAFE_NO_PAD.encode(public).into_bytes(), tokens.jwks().into_bytes()] {
        let head = URL_SAFE_NO_PAD.encode(with(header(), "alg", json!("HS256")));
        let message = format!("{head}.{payload}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        assert!(is_invalid(&tokens, &format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))));
    }
}

#[test]
fn missing_doubled_or_malformed_claims_are_invalid_even_with_a_valid_signature() {
    let key = Key::new("k1");
    let tokens = tokens(&key);
    let header = header().to_string();
    let mut payloads: Vec<String> =
        ["iss", "aud", "sub", "sid", "jti", "iat", "exp"].map(|name| without(payload(), name)).into();
    for name in ["iss", "aud", "sub", "sid", "jti", "iat", "exp"] {
        payloads.push(with(payload(), name, Value::Null));
        // The same member a second time.
        let whole = payload();
        payloads.push(format!("{{\"{name}\":{},{}", whole[name], &whole.to_string()[1..]));
    }
    for exp in [json!("9999999999"), json!(-1), json!(9_999_999_999.5), json!(i64::MAX), json!(0)] {
        payloads.push(with(payload(), "exp", exp));
    }
    payloads.push(payload().to_string().replace(&format!("\"exp\":{}", NOW / 1_000 + 600), "\"exp\":1e400"));
    payloads.push(payload().to_string().replace(&format!("\"exp\":{}", NOW / 1_000 + 600), "\"exp\":1e11"));
    payloads.push(with(payload(), "exp", json!(NOW / 1_000)));
    payloads.push(with(payload(), "iat", json!(-1)));
    payloads.push(with(payload(), "nbf", json!(NOW / 1_000 + 301)));
    payloads.push(with(payload(), "nbf", json!("soon")));
    payloads.push(with(payload(), "aud", json!(["skep"])));
    payloads.push(with(payload(), "aud", json!(["other", "skep"])));
    payloads.push(with(payload(), "iss", json!(["https://skep.test"])));
    payloads.push(with(payload(), "sub", json!("not an id")));
    payloads.push(with(payload(), "sid", json!(7)));
    payloads.push("null".to_owned());
    for payload in payloads {
        assert!(is_invalid(&tokens, &key.sign(&header, &payload)), "{payload}");
    }
    let mut made_later = payload();
    made_later["exp"] = json!(NOW / 1_000 + 7_200);
    for payload in [
        with(payload(), "nbf", json!(NOW / 1_000)),
        with(payload(), "nbf", json!(NOW / 1_000 + 300)),
        with(made_later, "iat", json!(NOW / 1_000 + 3_600)),
    ] {
        assert!(tokens.verify(&key.sign(&header, &payload), at(NOW)).is_ok(), "{payload}");
    }
}

#[test]
fn a_token_with_any_changed_character_is_invalid() {
    let tokens = tokens(&Key::new("k1"));
    let token = tokens.issue(&claims(), &ExtraClaims::default()).unwrap();
    tokens.verify(&token, at(NOW)).unwrap();
    for place in 0..token.len() {
        for other in [b'A', b'B', b'_', b'.', b'=', b' ', b'\n'] {
            let mut changed = token.clone().into_bytes();
            if changed[place] != other {
                changed[place] = other;
                assert!(is_invalid(&tokens, std::str::from_utf8(&changed).unwrap()), "{place}");
            }
        }
    }
    // The last character of 64 bytes carries 2 bits and the other 4 must be zero, so no other spelling is valid.
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
        let spelling = format!("{}{last}", &token[..token.len() - 1]);
        assert!(spelling == token || is_invalid(&tokens, &spelling));
    }
}

#[test]
fn a_text_that_is_not_a_token_is_invalid() {
    let tokens = tokens(&Key::new("k1"));
    let token = tokens.issue(&claims(), &ExtraClaims::default()).unwrap();
    for text in [
        String::new(),
        ".".into(),
        "..".into(),
        "....".into(),
        "a.b.c".into(),
        "é.é.é".into(),
        format!("{token}="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}.{token}"),
        format!("{token}.a.b"),
        "a".repeat(100 * 1_024),
        format!("{token}{}", "A".repeat(100 * 1_024)),
    ] {
        assert!(is_invalid(&tokens, &text), "{text:.80}");
    }
}

/// The number of cached tokens.
fn cached(tokens: &EdDsaTokens) -> u64 {
    let keys = tokens.keys();
    keys.verified.run_pending_tasks();
    keys.verified.entry_count()
}

#[test]
fn a_refused_token_is_not_cached() {
    let key = Key::new("k1");
    let tokens = tokens(&key);
    let token = tokens.issue(&claims(), &ExtraClaims::default()).unwrap();
    assert!(tokens.verify(&token, at(NOW + 600_000)).is_err());
    assert!(is_invalid(&tokens, &format!("{token}A")));
    assert_eq!(cached(&tokens), 0);
    tokens.verify(&token, at(NOW)).unwrap();
    assert_eq!(cached(&tokens), 1);
}

#[test]
fn the_number_of_cached_tokens_is_bounded() {
    let tokens = tokens(&Key::new("k1"));
    let verified = VerifiedToken { claims: claims(), not_before: Some(at(NOW)), key_expires_at: None };
    for number in 0..3 * REMEMBERED {
        tokens.keys().verified.insert(secret_hash(&number.to_be_bytes()), verified);
    }
    assert!(cached(&tokens) <= REMEMBERED);
}

#[test]
fn the_key_set_holds_every_public_key_and_nothing_private() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let tokens =
        EdDsaTokens::new("https://skep.test", "skep", new.signing(), &[old.signing().verifying_key(None)]).unwrap();
    let member = |key: &Key| {
        json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "kid": key.id, "x": URL_SAFE_NO_PAD.encode(key.pair.public_key()),
        })
    };
    let set: Value = serde_json::from_str(&tokens.jwks()).unwrap();
    assert_eq!(set, json!({ "keys": [member(&new), member(&old)] }));
}

#[test]
fn two_keys_with_one_id_and_documents_without_a_key_are_refused() {
    let (a, b) = (Key::new("k1"), Key::new("k1"));
    assert!(EdDsaTokens::new("i", "a", a.signing(), &[b.signing().verifying_key(None)]).is_err());
    assert_eq!(SigningKey::from_pkcs8("k", b"no").unwrap_err(), InvalidKey);
    let shown = format!("{:?}", a.signing());
    assert_eq!(shown, r#"SigningKey { id: "k1", .. }"#);
}

proptest! {
    #[test]
    fn verifying_anything_never_panics(text in "\\PC{0,80}", parts in proptest::array::uniform3("[A-Za-z0-9_-]{0,60}")) {
        let tokens = tokens(&Key::new("k1"));
        prop_assert!(is_invalid(&tokens, &text));
        prop_assert!(is_invalid(&tokens, &parts.join(".")));
    }

    #[test]
    fn every_issued_token_is_verified(
        user in any::<u128>(), session in any::<u128>(), id in any::<u128>(), issued in 0_i64..200_000_000_000, lifetime in 1_i64..100_000
    ) {
        let tokens = tokens(&Key::new("k1"));
        let claims = AccessClaims {
            user_id: UserId::new(Uuid::from_u128(user)),
            session_id: SessionId::new(Uuid::from_u128(session)),
            token_id: Uuid::from_u128(id),
            issued_at: at(issued * 1_000),
            expires_at: at((issued + lifetime) * 1_000),
        };
        let token = tokens.issue(&claims, &ExtraClaims::default()).unwrap();
        prop_assert_eq!(tokens.verify(&token, claims.issued_at).unwrap(), claims);
        prop_assert!(matches!(tokens.verify(&token, claims.expires_at), Err(TokenError::Expired)));
    }
}

#[test]
fn a_token_has_the_claims_of_the_program_beside_its_own() {
    let tokens = tokens(&Key::new("k1"));
    let extra =
        [("https://shop.example/tenant".to_owned(), json!({ "id": 7 })), ("long".to_owned(), json!("x".repeat(600)))];
    let token = tokens.issue(&claims(), &ExtraClaims::new(extra).unwrap()).unwrap();
    assert_eq!(tokens.verify(&token, at(NOW)).unwrap(), claims(), "Skep reads its own claims and no other");
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["https://shop.example/tenant"], json!({ "id": 7 }));
    assert_eq!(payload["sub"], json!(claims().user_id));
    assert_eq!(payload.as_object().unwrap().len(), 7 + 2);
    assert!(token.len() < LONGEST_TOKEN);
}
