use super::*;
use crate::{
    InstanceSecret,
    testing::{CountingRandom, MemoryKeys, runtime},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use skep_application::{
    identity::{AccessClaims, AccessTokens as _, ExtraClaims},
    kernel::Fingerprints as _,
};
use skep_domain::shared::{SessionId, Timestamp, UserId};
use std::sync::Arc;
use uuid::Uuid;

fn current() -> InstanceSecret {
    InstanceSecret::generate(&CountingRandom::default())
}

fn other() -> InstanceSecret {
    InstanceSecret::from_text("0123456789abcdeffedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f0").unwrap()
}

fn secret() -> InstanceSecrets {
    current().into()
}

fn other_secret() -> InstanceSecrets {
    other().into()
}

fn claims() -> AccessClaims {
    AccessClaims {
        user_id: UserId::new(Uuid::from_u128(1)),
        session_id: SessionId::new(Uuid::from_u128(2)),
        token_id: Uuid::from_u128(3),
        issued_at: Timestamp::from_millis(1_000).unwrap(),
        expires_at: Timestamp::from_millis(9_000).unwrap(),
    }
}

/// Whether both rings hold the same keys. Compares the results of using them.
fn agree(a: &KeyRing, b: &KeyRing) -> bool {
    let (tokens_a, tokens_b) = (a.tokens("i", "a").unwrap(), b.tokens("i", "a").unwrap());
    let token = tokens_a.issue(&claims(), &ExtraClaims::default()).unwrap();
    tokens_b.verify(&token, claims().issued_at).is_ok()
        && tokens_a.jwks() == tokens_b.jwks()
        && a.cursor_key() == b.cursor_key()
        && a.fingerprints().fingerprint(b"x") == b.fingerprints().fingerprint(b"x")
}

#[tokio::test]
async fn an_empty_store_gets_one_sealed_key_per_purpose() {
    let keys = MemoryKeys::default();
    let ring = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    let stored = keys.list_keys().await.unwrap();
    let purposes: Vec<_> = stored.iter().map(|key| key.purpose).collect();
    assert_eq!(purposes, KeyPurpose::ALL);
    assert!(stored.iter().all(|key| !key.id.is_empty() && key.id.len() <= 64));
    let cursor = ring.cursor_key();
    assert!(stored.iter().all(|key| !key.sealed.windows(32).any(|window| window == cursor)));
    assert_ne!(ring.cursor_key(), ring.fingerprint_key);
}

#[tokio::test]
async fn a_later_start_finds_the_same_keys() {
    let keys = MemoryKeys::default();
    let first = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    let stored = keys.list_keys().await.unwrap();
    let second = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    assert!(agree(&first, &second));
    assert_eq!(keys.list_keys().await.unwrap(), stored, "nothing was added");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_that_start_at_once_end_with_the_same_keys() {
    let keys = Arc::new(MemoryKeys::default());
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let runtime = runtime();
    let instances: Vec<_> = (0..8)
        .map(|_| {
            let (keys, start, runtime) = (Arc::clone(&keys), Arc::clone(&start), runtime.clone());
            tokio::spawn(async move {
                start.wait().await;
                KeyRing::load_or_create(&*keys, &secret(), &runtime).await.unwrap()
            })
        })
        .collect();
    let mut rings = Vec::new();
    for instance in instances {
        rings.push(instance.await.unwrap());
    }
    assert!(rings.windows(2).all(|pair| agree(&pair[0], &pair[1])));
    assert_eq!(keys.list_keys().await.unwrap().len(), KeyPurpose::ALL.len());
}

#[tokio::test]
async fn an_instance_with_another_secret_is_refused_and_adds_nothing() {
    let keys = MemoryKeys::default();
    KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    // A missing key must not be added, either.
    keys.remove(KeyPurpose::Fingerprints);
    let stored = keys.list_keys().await.unwrap();
    let error = KeyRing::load_or_create(&keys, &other_secret(), &runtime()).await.unwrap_err();
    assert!(matches!(error, KeyRingError::OtherSecret));
    assert_eq!(error.to_string(), "this store's keys are sealed with another instance secret");
    assert_eq!(keys.list_keys().await.unwrap(), stored);
    KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
}

#[tokio::test]
async fn of_two_secrets_racing_for_an_empty_store_only_one_stores_keys() {
    let keys = MemoryKeys::default();
    // The other instance stores its first key between our read and our insert.
    keys.let_another_insert_first(
        new_key(KeyPurpose::AccessTokens, KeyState::Active, &other_secret(), &runtime()).unwrap(),
    );
    let error = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap_err();
    assert!(matches!(error, KeyRingError::OtherSecret));
    KeyRing::load_or_create(&keys, &other_secret(), &runtime()).await.unwrap();
}

/// The `kid` of the token.
fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_active_key_signs_and_the_next_and_the_retired_one_verify() {
    let (keys, runtime) = (MemoryKeys::default(), runtime());
    let first = KeyRing::load_or_create(&keys, &secret(), &runtime).await.unwrap();
    let tokens = first.tokens("i", "a").unwrap();
    let old = tokens.issue(&claims(), &ExtraClaims::default()).unwrap();
    assert!(KeyRing::add_next_key(&keys, &secret(), &runtime).await.unwrap());
    assert!(!KeyRing::add_next_key(&keys, &secret(), &runtime).await.unwrap(), "there is one");
    let next = keys.list_keys().await.unwrap().pop().unwrap();
    assert_eq!((next.purpose, next.state), (KeyPurpose::AccessTokens, KeyState::Next));

    let second = KeyRing::load_or_create(&keys, &secret(), &runtime).await.unwrap();
    assert!(second.renew(&tokens).unwrap() && !second.renew(&tokens).unwrap());
    assert_eq!(kid(&tokens.issue(&claims(), &ExtraClaims::default()).unwrap()), kid(&old));
    let published = second.tokens("i", "a").unwrap();

    assert!(keys.activate_key(&next.id, claims().expires_at).await.unwrap());
    let third = KeyRing::open(keys.list_keys().await.unwrap(), &secret()).unwrap();
    assert!(third.renew(&tokens).unwrap());
    let new = tokens.issue(&claims(), &ExtraClaims::default()).unwrap();
    assert_eq!(kid(&new), next.id);
    for token in [&old, &new] {
        assert!(tokens.verify(token, claims().issued_at).is_ok());
        assert!(published.verify(token, claims().issued_at).is_ok(), "an instance that has not read the change yet");
    }

    assert_eq!(keys.delete_expired_keys(claims().expires_at).await.unwrap(), 1);
    KeyRing::open(keys.list_keys().await.unwrap(), &secret()).unwrap().renew(&tokens).unwrap();
    assert!(tokens.verify(&old, claims().issued_at).is_err());
    assert!(tokens.verify(&new, claims().issued_at).is_ok());
}

#[tokio::test]
async fn a_next_key_is_not_added_with_another_secret_or_to_an_empty_store() {
    let keys = MemoryKeys::default();
    let added = KeyRing::add_next_key(&keys, &secret(), &runtime()).await;
    assert!(matches!(added, Err(KeyRingError::Missing { purpose: KeyPurpose::AccessTokens })));
    KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    let stored = keys.list_keys().await.unwrap();
    let added = KeyRing::add_next_key(&keys, &other_secret(), &runtime()).await;
    assert!(matches!(added, Err(KeyRingError::OtherSecret)));
    assert_eq!(keys.list_keys().await.unwrap(), stored);
}

#[tokio::test]
async fn keys_survive_the_replacement_of_the_secret() {
    let (keys, runtime) = (MemoryKeys::default(), runtime());
    let before = KeyRing::load_or_create(&keys, &secret(), &runtime).await.unwrap();
    assert_eq!(KeyRing::reseal(&keys, &secret()).await.unwrap(), 0);
    let stored = keys.list_keys().await.unwrap();
    assert!(matches!(KeyRing::reseal(&keys, &other_secret()).await, Err(KeyRingError::OtherSecret)));
    assert_eq!(keys.list_keys().await.unwrap(), stored);

    let both = InstanceSecrets::new(other(), Some(current()));
    assert!(agree(&before, &KeyRing::load_or_create(&keys, &both, &runtime).await.unwrap()));
    assert_eq!(keys.list_keys().await.unwrap(), stored, "a start seals nothing again");
    assert_eq!(KeyRing::reseal(&keys, &both).await.unwrap(), 3);
    assert_eq!(KeyRing::reseal(&keys, &both).await.unwrap(), 0);
    let after = KeyRing::open(keys.list_keys().await.unwrap(), &other_secret()).unwrap();
    assert_eq!(after.cursor_key(), before.cursor_key());
    assert!(KeyRing::open(keys.list_keys().await.unwrap(), &secret()).is_err(), "the old secret opens nothing");
}

#[tokio::test]
async fn no_next_key_is_added_while_a_key_is_sealed_with_the_previous_secret() {
    let (keys, runtime) = (MemoryKeys::default(), runtime());
    KeyRing::load_or_create(&keys, &secret(), &runtime).await.unwrap();
    let stored = keys.list_keys().await.unwrap();
    let both = InstanceSecrets::new(other(), Some(current()));
    let refused = KeyRing::add_next_key(&keys, &both, &runtime).await.unwrap_err();
    assert!(matches!(&refused, KeyRingError::PreviousSecret { id } if *id == stored[0].id));
    assert!(refused.to_string().contains("skep keys reseal"));
    // An instance that has only the previous secret still reads the keys.
    assert!(KeyRing::open(keys.list_keys().await.unwrap(), &secret()).is_ok());

    KeyRing::reseal(&keys, &both).await.unwrap();
    assert!(KeyRing::add_next_key(&keys, &both, &runtime).await.unwrap());
}

#[tokio::test]
async fn the_active_cursor_key_is_used() {
    let keys = MemoryKeys::default();
    let before = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    let sealed = secret().seal(&context(KeyPurpose::Cursors, "newer"), &[9; 32]).unwrap();
    let (purpose, state, created_at) = (KeyPurpose::Cursors, KeyState::Next, runtime().clock.now());
    keys.push(SealedKey { id: "newer".to_owned(), purpose, state, sealed, created_at });
    let ring = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    assert_eq!(ring.cursor_key(), before.cursor_key());
    keys.activate_key("newer", created_at).await.unwrap();
    let ring = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    assert_eq!(ring.cursor_key(), [9; 32]);
}

#[tokio::test]
async fn a_damaged_or_swapped_key_is_named() {
    let damage: [fn(&mut Vec<SealedKey>); 3] = [
        |keys| *keys[1].sealed.last_mut().unwrap() ^= 1,
        |keys| keys[1].sealed = keys[2].sealed.clone(),
        |keys| keys[1].sealed = secret().seal(&context(keys[1].purpose, &keys[1].id), b"too short").unwrap(),
    ];
    for change in damage {
        let keys = MemoryKeys::default();
        KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
        let id = keys.list_keys().await.unwrap()[1].id.clone();
        keys.change(change);
        let error = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap_err();
        assert!(matches!(&error, KeyRingError::Unusable { id: named, .. } if *named == id), "{error:?}");
    }
}

#[tokio::test]
async fn a_store_that_fails_or_loses_keys_is_reported() {
    let keys = MemoryKeys::default();
    keys.fail();
    let error = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap_err();
    assert!(matches!(error, KeyRingError::Store(StoreError::Unavailable(_))));

    let keys = MemoryKeys::default();
    keys.forget_inserts();
    let error = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap_err();
    assert!(matches!(error, KeyRingError::Missing { purpose: KeyPurpose::AccessTokens }));
}

#[tokio::test]
async fn debug_shows_no_key() {
    let ring = KeyRing::load_or_create(&MemoryKeys::default(), &secret(), &runtime()).await.unwrap();
    let shown = format!("{ring:?}");
    assert!(shown.starts_with("KeyRing { signing: SigningKey { id: "), "{shown}");
    assert!(!shown.contains("key: ["), "{shown}");
}
