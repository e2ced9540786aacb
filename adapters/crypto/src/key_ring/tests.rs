use super::*;
use crate::testing::{CountingRandom, MemoryKeys, runtime};
use skep_application::{
    identity::{AccessClaims, AccessTokens as _},
    kernel::Fingerprints as _,
};
use skep_domain::shared::{SessionId, Timestamp, UserId};
use std::sync::Arc;
use uuid::Uuid;

fn secret() -> InstanceSecret {
    InstanceSecret::generate(&CountingRandom::default())
}

fn other_secret() -> InstanceSecret {
    InstanceSecret::from_text("0123456789abcdeffedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f0").unwrap()
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
    let token = tokens_a.issue(&claims()).unwrap();
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
    keys.let_another_insert_first(new_key(KeyPurpose::AccessTokens, &other_secret(), &runtime()).unwrap());
    let error = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap_err();
    assert!(matches!(error, KeyRingError::OtherSecret));
    KeyRing::load_or_create(&keys, &other_secret(), &runtime()).await.unwrap();
}

#[tokio::test]
async fn the_newest_token_key_signs_and_older_ones_verify() {
    let keys = MemoryKeys::default();
    let before = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    let old_token = before.tokens("i", "a").unwrap().issue(&claims()).unwrap();
    let mut newer = new_key(KeyPurpose::AccessTokens, &secret(), &runtime()).unwrap();
    let opened = secret().open(&context(newer.purpose, &newer.id), &newer.sealed).unwrap();
    newer.id = "newer".to_owned();
    newer.sealed = secret().seal(&context(newer.purpose, &newer.id), &opened).unwrap();
    keys.push(newer);

    let after = KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    let tokens = after.tokens("i", "a").unwrap();
    assert!(tokens.verify(&old_token, claims().issued_at).is_ok());
    let new_token = tokens.issue(&claims()).unwrap();
    assert!(before.tokens("i", "a").unwrap().verify(&new_token, claims().issued_at).is_err());
}

#[tokio::test]
async fn the_newest_cursor_key_is_used() {
    let keys = MemoryKeys::default();
    KeyRing::load_or_create(&keys, &secret(), &runtime()).await.unwrap();
    let sealed = secret().seal(&context(KeyPurpose::Cursors, "newer"), &[9; 32]).unwrap();
    let created_at = runtime().clock.now();
    keys.push(SealedKey { id: "newer".to_owned(), purpose: KeyPurpose::Cursors, sealed, created_at });
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
    assert!(matches!(error, KeyRingError::Vanished { purpose: KeyPurpose::AccessTokens }));
}

#[tokio::test]
async fn debug_shows_no_key() {
    let ring = KeyRing::load_or_create(&MemoryKeys::default(), &secret(), &runtime()).await.unwrap();
    let shown = format!("{ring:?}");
    assert!(shown.starts_with("KeyRing { signing: SigningKey { id: "), "{shown}");
    assert!(!shown.contains("key: ["), "{shown}");
}
