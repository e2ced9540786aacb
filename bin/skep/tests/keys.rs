//! The key of access tokens is replaced while several instances run.
#![expect(clippy::unwrap_used, reason = "a test's helper fails its test by panicking")]

use serde_json::Value;
use skep::{Skep, config::Config};
use skep_application::{
    identity::{AccessClaims, ExtraClaims},
    kernel::Runtime,
    testing::FixedClock,
};
use skep_domain::shared::{SessionId, Timestamp, UserId};
use skep_local::{OsRandom, TokioSleeper, UuidV7};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use uuid::Uuid;

const MINUTE: Duration = Duration::from_secs(60);
/// The lifetime of a token, in milliseconds.
const HOUR: i64 = 3_600_000;

/// Instances on one store, with one clock.
struct Deployment {
    folder: TempDir,
    clock: Arc<FixedClock>,
}

impl Deployment {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Arc::default() }
    }

    async fn instance(&self) -> Instance {
        let config = Config { data_dir: self.folder.path().join("data"), ..Config::default() };
        let ids = Arc::new(UuidV7::new(self.clock.clone()));
        let runtime =
            Runtime { clock: self.clock.clone(), ids, random: Arc::new(OsRandom), sleeper: Arc::new(TokioSleeper) };
        Instance(Skep::builder().config(config).runtime(runtime).start().await.unwrap())
    }
}

struct Instance(Skep);

impl Instance {
    fn now(&self) -> Timestamp {
        self.0.app.ports.runtime.clock.now()
    }

    /// A token that is valid from now on, for an hour.
    fn issue(&self) -> String {
        let claims = AccessClaims {
            user_id: UserId::new(Uuid::from_u128(1)),
            session_id: SessionId::new(Uuid::from_u128(2)),
            token_id: Uuid::from_u128(3),
            issued_at: self.now(),
            expires_at: self.now().plus_millis(HOUR),
        };
        self.0.app.ports.tokens.issue(&claims, &ExtraClaims::default()).unwrap()
    }

    fn accepts(&self, token: &str) -> bool {
        self.0.app.ports.tokens.verify(token, self.now()).is_ok()
    }

    /// The number of public keys.
    fn published(&self) -> usize {
        let set: Value = serde_json::from_str(&self.0.app.ports.tokens.jwks()).unwrap();
        set["keys"].as_array().unwrap().len()
    }

    async fn refresh(&self) {
        self.0.keys.refresh().await.unwrap();
    }
}

/// The header of a token. It names the key.
fn header(token: &str) -> &str {
    token.split('.').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_refused_while_the_key_is_replaced() {
    let deployment = Deployment::new();
    let (prompt, late) = (deployment.instance().await, deployment.instance().await);
    let first = late.issue();
    assert!(prompt.0.keys.rotate().await.unwrap());
    assert!(!late.0.keys.rotate().await.unwrap(), "one key waits already");

    deployment.clock.advance(MINUTE);
    for instance in [&prompt, &late] {
        instance.refresh().await;
        assert_eq!(instance.published(), 2);
        assert_eq!(header(&instance.issue()), header(&first), "the next key does not sign yet");
    }

    deployment.clock.advance(MINUTE * 9);
    prompt.refresh().await;
    let second = prompt.issue();
    assert_ne!(header(&second), header(&first), "the next key is active now");
    let signed_late = late.issue();
    assert_eq!(header(&signed_late), header(&first), "this instance has not read the change yet");
    for instance in [&prompt, &late, &deployment.instance().await] {
        for token in [&first, &second, &signed_late] {
            assert!(instance.accepts(token));
        }
    }

    late.refresh().await;
    assert_eq!(header(&late.issue()), header(&second));
    deployment.clock.advance(MINUTE * 59);
    let started = deployment.instance().await;
    for instance in [&prompt, &late, &started] {
        instance.refresh().await;
        assert!(instance.accepts(&signed_late) && instance.accepts(&second));
        assert!(!instance.accepts(&first), "an hour has passed");
    }

    // The clocks of other instances may be an hour behind that of the one that has retired the key, or of this one.
    for (minutes, published) in [(11, 2), (119, 2), (1, 1)] {
        deployment.clock.advance(MINUTE * minutes);
        for instance in [&late, &prompt] {
            instance.refresh().await;
            assert_eq!(instance.published(), published);
        }
    }
    assert!(late.0.keys.rotate().await.unwrap(), "the next rotation");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_read_leave_those_before_in_use() {
    let deployment = Deployment::new();
    let instance = deployment.instance().await;
    let token = instance.issue();
    let store = instance.0.app.ports.store.clone();
    let mut damaged = store.list_keys().await.unwrap().remove(0);
    damaged.id = "damaged".to_owned();
    damaged.state = skep_application::operations::KeyState::Next;
    assert!(store.insert_key(&damaged).await.unwrap());
    assert!(instance.0.keys.refresh().await.unwrap_err().to_string().contains("key damaged of this store"));
    assert!(instance.accepts(&token) && instance.accepts(&instance.issue()));
}
