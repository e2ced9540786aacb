use super::*;
use crate::{
    operations::{KeyPurpose, MockInstanceKeys},
    testing::*,
};
use mockall::{Sequence, predicate::eq};
use proptest::prelude::*;
use std::collections::BTreeMap;

const MINUTE: Duration = Duration::from_secs(60);
const LIFETIME: Duration = Duration::from_secs(60 * 60);
const ROTATION: KeyRotation = KeyRotation { token_lifetime: LIFETIME };

fn key(id: &str, state: KeyState, created_at: Timestamp) -> SealedKey {
    SealedKey { id: id.to_owned(), purpose: KeyPurpose::AccessTokens, state, sealed: vec![1], created_at }
}

fn start() -> Timestamp {
    fixed_runtime().0.clock.now()
}

#[test]
fn a_state_is_read_from_its_name_and_time() {
    let states = [KeyState::Next, KeyState::Active, KeyState::Retired { expires_at: start() }];
    for state in states {
        assert_eq!(KeyState::from_parts(state.name(), state.expires_at()), Some(state));
    }
    for (name, expires_at) in [("next", Some(start())), ("active", Some(start())), ("retired", None), ("lost", None)] {
        assert_eq!(KeyState::from_parts(name, expires_at), None, "{name}");
    }
}

#[test]
fn a_key_is_published_before_it_is_used() {
    let keys = [key("a", KeyState::Active, start()), key("b", KeyState::Next, start())];
    let ripe = later(start(), KeyRotation::PUBLISHED_FOR);
    assert_eq!(ROTATION.due(&keys, ripe.plus_millis(-1)), []);
    let expires_at = later(ripe, LIFETIME + KeyRotation::PUBLISHED_FOR);
    assert_eq!(ROTATION.due(&keys, ripe), [KeyStep::Activate { id: "b".to_owned(), expires_at }]);
}

#[test]
fn a_retired_key_is_deleted_once_it_has_expired() {
    let keys = [key("a", KeyState::Retired { expires_at: start() }, start()), key("b", KeyState::Active, start())];
    assert_eq!(ROTATION.due(&keys, start().plus_millis(-1)), []);
    assert_eq!(ROTATION.due(&keys, start()), [KeyStep::DeleteExpired]);
}

#[test]
fn tokens_of_a_longer_lifetime_keep_their_key() {
    assert_eq!(KeyRotation::new(MINUTE), ROTATION, "tokens of an earlier configuration may live for an hour");
    assert_eq!(KeyRotation::new(LIFETIME * 24).token_lifetime, LIFETIME * 24);
}

fn advance(keys: MockInstanceKeys) -> AdvanceKeys {
    AdvanceKeys::new(Arc::new(keys), ROTATION, fixed_runtime().0)
}

#[tokio::test]
async fn without_a_step_the_keys_are_only_read() {
    let mut keys = MockInstanceKeys::new();
    keys.expect_list_keys().once().returning(|| Ok(vec![key("a", KeyState::Active, start())]));
    assert_eq!(advance(keys).execute().await.unwrap(), [key("a", KeyState::Active, start())]);
}

/// Keys with a step that is due, before and after it.
fn with_a_step(keys: &mut MockInstanceKeys, order: &mut Sequence) {
    let old = start().plus_millis(-3_600_000);
    let before = vec![key("a", KeyState::Active, old), key("b", KeyState::Next, old)];
    keys.expect_list_keys().once().in_sequence(order).returning(move || Ok(before.clone()));
}

#[tokio::test]
async fn a_step_is_repeated_until_it_is_certain() {
    let (mut keys, mut order) = (MockInstanceKeys::new(), Sequence::new());
    with_a_step(&mut keys, &mut order);
    let expires_at = later(start(), LIFETIME + KeyRotation::PUBLISHED_FOR);
    for error in [StoreError::Retry("collision".into()), StoreError::OutcomeUnknown("lost".into())] {
        let activate = keys.expect_activate_key().with(eq("b"), eq(expires_at)).once().in_sequence(&mut order);
        activate.return_once(|_, _| Err(error));
    }
    // Another instance, or the attempt with the unknown outcome, has activated the key.
    keys.expect_activate_key().once().in_sequence(&mut order).returning(|_, _| Ok(false));
    let after = vec![key("b", KeyState::Active, start())];
    keys.expect_list_keys().once().in_sequence(&mut order).return_once(move || Ok(after));
    assert_eq!(advance(keys).execute().await.unwrap(), [key("b", KeyState::Active, start())]);
}

#[tokio::test]
async fn an_error_of_the_store_is_returned() {
    let (mut keys, mut order) = (MockInstanceKeys::new(), Sequence::new());
    with_a_step(&mut keys, &mut order);
    keys.expect_activate_key().once().returning(|_, _| Err(away()));
    assert_eq!(code(&advance(keys).execute().await), "store_unavailable");
}

/// The keys in the store of a deployment, without their content.
#[derive(Default)]
struct Stored(Vec<SealedKey>);

impl Stored {
    fn rotate(&mut self, now: Timestamp) {
        if !self.0.iter().any(|key| key.state == KeyState::Next) {
            self.0.push(key(&now.as_millis().to_string(), KeyState::Next, now));
        }
    }

    fn advance(&mut self, now: Timestamp) {
        for step in ROTATION.due(&self.0, now) {
            match step {
                KeyStep::Activate { id, expires_at } => {
                    for key in &mut self.0 {
                        match key.state {
                            KeyState::Active => key.state = KeyState::Retired { expires_at },
                            KeyState::Next if key.id == id => key.state = KeyState::Active,
                            KeyState::Next | KeyState::Retired { .. } => {}
                        }
                    }
                }
                KeyStep::DeleteExpired => {
                    self.0.retain(|key| key.state.expires_at().is_none_or(|expires_at| expires_at > now));
                }
            }
        }
    }
}

/// What one instance does in a minute.
#[derive(Debug, Clone, Copy)]
struct Doing {
    /// Whether the operator rotates the key.
    rotates: bool,
    /// Which instances read the keys. One that has missed four reads in a row reads them anyway.
    reads: [bool; 3],
}

fn doing() -> impl Strategy<Value = Doing> {
    let rotates = prop::bool::weighted(0.1);
    (rotates, any::<[bool; 3]>()).prop_map(|(rotates, reads)| Doing { rotates, reads })
}

proptest! {
    /// Three instances read the keys late and sign a token every minute. Each of them, and the list of public keys that
    /// a client has read from any of them up to five minutes before, verifies every token as long as it is valid.
    #[test]
    fn no_valid_token_is_refused_while_keys_change(minutes in prop::collection::vec(doing(), 1..250)) {
        let mut now = start();
        let mut stored = Stored(vec![key("first", KeyState::Active, now)]);
        let mut views = [(); 3].map(|()| (0, stored.0.clone()));
        let mut cached: Vec<Vec<SealedKey>> = vec![];
        // For each key, when the last token that it has signed expires.
        let mut tokens: BTreeMap<String, Timestamp> = BTreeMap::new();
        for Doing { rotates, reads } in minutes {
            now = later(now, MINUTE);
            if rotates {
                stored.rotate(now);
            }
            for ((age, view), reads) in views.iter_mut().zip(reads) {
                *age += 1;
                if reads || *age > 4 {
                    stored.advance(now);
                    (*age, *view) = (0, stored.0.clone());
                }
                let active: Vec<_> = view.iter().filter(|key| key.state == KeyState::Active).collect();
                prop_assert_eq!(active.len(), 1);
                tokens.insert(active[0].id.clone(), later(now, LIFETIME));
            }
            tokens.retain(|_, expires_at| *expires_at > now);
            for key_id in tokens.keys() {
                for (_, view) in &views {
                    let verifies = |key: &SealedKey| key.state.expires_at().is_none_or(|expires_at| expires_at > now);
                    prop_assert!(view.iter().any(|key| key.id == *key_id && verifies(key)));
                }
                for list in &cached {
                    prop_assert!(list.iter().any(|key| key.id == *key_id));
                }
            }
            // Lists that are read now are used for up to five minutes. Tokens that are signed then must be in them.
            cached.extend(views.iter().map(|(_, view)| view.clone()));
            cached.drain(..cached.len().saturating_sub(15));
        }
        // Keys do not pile up: one is active, one next, and a retirement takes ten minutes at least.
        prop_assert!(stored.0.len() <= 12, "{}", stored.0.len());
    }
}
