use super::*;
use crate::{kernel::Actor, testing::*};

fn claim_of(actor: &Actor, command: &serde_json::Value) -> IdempotencyClaim {
    let now = Timestamp::from_millis(5).unwrap();
    IdempotencyClaim::of(actor, "test.case", Some(&key()), command, &*fingerprints(), now).unwrap().unwrap()
}

fn claim() -> IdempotencyClaim {
    claim_of(&user(1), &serde_json::json!({}))
}

#[test]
fn a_key_is_1_to_255_printable_ascii_characters() {
    for text in ["a", " ~", &"k".repeat(255)] {
        assert_eq!(IdempotencyKey::parse(text).unwrap().as_str(), text);
    }
    for text in ["", "é", "a\n", "a\u{7f}", "a\0", &"k".repeat(256)] {
        assert_eq!(IdempotencyKey::parse(text), Err(InvalidIdempotencyKey), "{text:?}");
    }
}

#[test]
fn a_key_belongs_to_its_principal_and_is_kept_for_a_day() {
    let claim = claim();
    assert_eq!((claim.principal, claim.use_case), (user(1).principal_id(), "test.case"));
    assert_ne!(claim.principal, claim_of(&user(2), &serde_json::json!({})).principal);
    assert_eq!(claim_of(&visitor(), &serde_json::json!({})).principal, Uuid::nil());
    assert_eq!(claim.expires_at().as_millis(), 5 + 24 * 60 * 60 * 1000);
}

#[test]
fn the_fingerprint_depends_on_the_command() {
    let (one, two) = (serde_json::json!({ "n": 1 }), serde_json::json!({ "n": 2 }));
    let of = |command| claim_of(&user(1), command).fingerprint;
    assert_eq!(of(&one), of(&one));
    assert_ne!(of(&one), of(&two));
}

#[test]
fn without_a_key_there_is_no_claim_and_nothing_is_computed() {
    let fingerprints = MockFingerprints::new();
    let claim = IdempotencyClaim::of(&user(1), "test.case", None, &(), &fingerprints, Timestamp::MIN);
    assert_eq!(claim.unwrap(), None);
}
