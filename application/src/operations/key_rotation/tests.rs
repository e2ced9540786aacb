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
    assert_eq!(ROTATION.due(&keys, ripe.plus_millis(-1), MINUTE * 10), []);
    let step = |at| KeyStep::Activate { id: "b".to_owned(), expires_at: later(at, MINUTE * 130) };
    assert_eq!(ROTATION.due(&keys, ripe, MINUTE * 10), [step(ripe)]);
    // The clock of the instance that stored it may have been behind.
    assert_eq!(ROTATION.due(&keys, ripe, MINUTE * 8), []);
    let certain = later(ripe, MINUTE * 60);
    assert_eq!(ROTATION.due(&keys, certain, MINUTE), [step(certain)]);
}

#[test]
fn a_retired_key_is_deleted_once_it_has_expired() {
    let keys = [key("a", KeyState::Retired { expires_at: start() }, start()), key("b", KeyState::Active, start())];
    let certain = later(start(), MINUTE * 60);
    assert_eq!(ROTATION.due(&keys, certain.plus_millis(-1), MINUTE), []);
    assert_eq!(ROTATION.due(&keys, certain, MINUTE), [KeyStep::DeleteExpired]);
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
    let old = start().plus_millis(-2 * 3_600_000);
    let before = vec![key("a", KeyState::Active, old), key("b", KeyState::Next, old)];
    keys.expect_list_keys().once().in_sequence(order).returning(move || Ok(before.clone()));
}

#[tokio::test]
async fn a_step_is_repeated_until_it_is_certain() {
    let (mut keys, mut order) = (MockInstanceKeys::new(), Sequence::new());
    with_a_step(&mut keys, &mut order);
    let expires_at = later(start(), MINUTE * 130);
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
async fn a_clock_that_steps_forward_activates_no_key_early() {
    let (runtime, clock) = fixed_runtime();
    let mut keys = MockInstanceKeys::new();
    keys.expect_list_keys()
        .returning(|| Ok(vec![key("a", KeyState::Active, start()), key("b", KeyState::Next, start())]));
    let activated = Arc::new(Mutex::new(0));
    let count = activated.clone();
    keys.expect_activate_key().returning(move |_, _| {
        *count.lock().unwrap() += 1;
        Ok(true)
    });
    let advance = AdvanceKeys::new(Arc::new(keys), ROTATION, runtime);
    advance.execute().await.unwrap();
    clock.jump_to(later(start(), MINUTE * 60));
    for _ in 0..9 {
        assert_eq!(*activated.lock().unwrap(), 0);
        clock.advance(MINUTE);
        advance.execute().await.unwrap();
    }
    assert_eq!(*activated.lock().unwrap(), 1);
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
            self.0.push(key(&format!("{} of {}", self.0.len(), now.as_millis()), KeyState::Next, now));
        }
    }

    fn advance(&mut self, now: Timestamp, known_for: Duration) {
        for step in ROTATION.due(&self.0, now, known_for) {
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
                    let until = KeyRotation::deletes_until(now);
                    self.0.retain(|key| key.state.expires_at().is_none_or(|expires_at| expires_at > until));
                }
            }
        }
    }
}

/// An instance, with the keys as it has read them.
struct Instance {
    keys: Vec<SealedKey>,
    /// The minutes since then.
    age: u32,
    /// How far its clock is ahead.
    ahead: Duration,
    /// The next key, and when it has read it first.
    known: Option<(String, Timestamp)>,
}

impl Instance {
    fn read(&mut self, stored: &mut Stored, now: Timestamp) {
        let next = stored.0.iter().find(|key| key.state == KeyState::Next).map(|key| key.id.clone());
        let known = self.known.take();
        self.known = next.map(|next| known.filter(|(id, _)| *id == next).unwrap_or((next, now)));
        let since = self.known.as_ref().map_or(now, |(_, since)| *since);
        let known_for = u64::try_from(now.as_millis() - since.as_millis()).unwrap();
        stored.advance(later(now, self.ahead), Duration::from_millis(known_for));
        (self.age, self.keys) = (0, stored.0.clone());
    }
}

/// What happens in a minute.
#[derive(Debug, Clone, Copy)]
struct Doing {
    /// Whether the operator rotates the key, on the machine of one of the instances.
    rotates: Option<usize>,
    /// Which instances read the keys. One that has missed four reads in a row reads them anyway.
    reads: [bool; 3],
    /// The clock of an instance steps, and is then so many minutes ahead of the one that is most behind.
    steps: Option<(usize, u32)>,
}

fn doing() -> impl Strategy<Value = Doing> {
    let rotates = prop::option::weighted(0.1, 0..3_usize);
    let steps = prop::option::weighted(0.1, (0..3_usize, 0..=60_u32));
    (rotates, any::<[bool; 3]>(), steps).prop_map(|(rotates, reads, steps)| Doing { rotates, reads, steps })
}

proptest! {
    /// Three instances read the keys late and sign a token every minute. Their clocks step, and are up to an hour apart.
    /// Each instance, and the list of public keys that a client has read from any of them up to five minutes before,
    /// verifies every token as long as it is valid by the clock of the one that verifies it.
    #[test]
    fn no_valid_token_is_refused_while_keys_change(minutes in prop::collection::vec(doing(), 1..400)) {
        let mut now = start();
        let mut stored = Stored(vec![key("first", KeyState::Active, now)]);
        let mut instances =
            [(); 3].map(|()| Instance { keys: stored.0.clone(), age: 0, ahead: Duration::ZERO, known: None });
        let mut cached: Vec<Vec<SealedKey>> = vec![];
        // For each key, when the last token that it has signed expires.
        let mut tokens: BTreeMap<String, Timestamp> = BTreeMap::new();
        for Doing { rotates, reads, steps } in minutes {
            now = later(now, MINUTE);
            if let Some((instance, ahead)) = steps {
                instances[instance].ahead = MINUTE * ahead;
            }
            if let Some(instance) = rotates {
                stored.rotate(later(now, instances[instance].ahead));
            }
            for (instance, reads) in instances.iter_mut().zip(reads) {
                instance.age += 1;
                if reads || instance.age > 4 {
                    instance.read(&mut stored, now);
                }
                let active: Vec<_> = instance.keys.iter().filter(|key| key.state == KeyState::Active).collect();
                prop_assert_eq!(active.len(), 1);
                let expires_at = later(later(now, instance.ahead), LIFETIME);
                let last = tokens.entry(active[0].id.clone()).or_insert(expires_at);
                *last = expires_at.not_before(*last);
            }
            tokens.retain(|_, expires_at| *expires_at > now);
            for (key_id, last) in &tokens {
                for Instance { keys, ahead, .. } in &instances {
                    let now = later(now, *ahead);
                    let verifies = |key: &SealedKey| key.state.expires_at().is_none_or(|expires_at| expires_at > now);
                    prop_assert!(*last <= now || keys.iter().any(|key| key.id == *key_id && verifies(key)));
                }
                for list in &cached {
                    prop_assert!(list.iter().any(|key| key.id == *key_id));
                }
            }
            // Lists that are read now are used for up to five minutes. Tokens that are signed then must be in them.
            cached.extend(instances.iter().map(|instance| instance.keys.clone()));
            cached.drain(..cached.len().saturating_sub(15));
        }
        // Keys do not pile up: one is active, one next, and a retirement takes nine minutes at least.
        prop_assert!(stored.0.len() <= 32, "{}", stored.0.len());
    }
}
