//! The application over a real store, as a system under test.

use crate::{
    call::{Answer, Call, System},
    sequential::Trouble,
    state::{self, EndState},
    world::{self, ModelClock, NoFields, NoLimits, NoSecrets, PlainFingerprints, PlainHasher, PlainTokens},
};
use async_trait::async_trait;
use skep_application::{
    App, Policies, Ports, Store,
    events::EventPolicy,
    kernel::{Actor, Clock as _, StoreError},
    testing,
};
use skep_domain::shared::Timestamp;
use std::{sync::Arc, time::Duration};

/// How often the end state is read at most.
const READS: u32 = 20;
/// The pause after a read that failed.
const PAUSE: Duration = Duration::from_millis(50);

/// The use cases over a store, and the clock that they share with the test.
pub struct Application {
    app: App,
    clock: Arc<ModelClock>,
    patience: Option<Duration>,
}

/// The defaults, except that events are kept: the end state finds rows by the events about them.
fn policies() -> Policies {
    Policies { events: EventPolicy { lifetime: None, ..EventPolicy::default() }, ..Policies::default() }
}

impl Application {
    /// Wires the application over a migrated store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(ModelClock::default());
        let ports = Ports {
            hasher: Arc::new(PlainHasher),
            tokens: Arc::new(PlainTokens),
            fingerprints: Arc::new(PlainFingerprints),
            fields: Arc::new(NoFields),
            link_key: Arc::new(PlainFingerprints),
            secrets: Arc::new(NoSecrets),
            limits: Arc::new(NoLimits),
            renderer: testing::renderer(),
            blobs: Arc::new(testing::Shelves::default()),
            ..testing::mock_ports(store, world::runtime(clock.clone()))
        };
        Self { app: App::new(ports, policies()), clock, patience: None }
    }

    /// Sweeps once. The first sweep of a store builds the index of search, so a server that has run for a while is past
    /// it. Later sweeps index nothing, because each product is indexed with its change.
    ///
    /// # Errors
    /// The reason why the sweep did not end.
    pub async fn prepare(&self) -> Result<(), Trouble> {
        Box::pin(self.app.sweep_expired.execute()).await.map_err(|unfinished| Trouble::Away(unfinished.to_string()))?;
        Ok(())
    }

    /// Sets how long callers wait for an answer.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Makes a second instance with another connection to the same data. It shares the clock, the ids and the
    /// randomness.
    #[must_use]
    pub fn beside(&self, store: Arc<dyn Store>) -> Self {
        let ports = Ports { store, ..self.app.ports.clone() };
        Self { app: App::new(ports, policies()), clock: self.clock.clone(), patience: None }
    }
}

#[async_trait]
impl System for Application {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn wait(&self, millis: i64) {
        self.clock.wait(millis);
    }

    async fn call(&self, call: &Call) -> Answer {
        let deadline = self.patience.map(|patience| self.clock.monotonic() + patience);
        let actor = Actor { deadline, ..call.actor.clone() };
        call.command.execute(&self.app, &actor, call.key.as_ref()).await
    }

    /// Reads until nothing changes between two reads: a commit whose answer was lost may still come, and the reads of one
    /// end state are several units.
    async fn end_state(&self) -> Result<EndState, Trouble> {
        let (mut before, mut reason) = (None, String::from("it changes all the time"));
        for _ in 0..READS {
            match state::read(&*self.app.ports.store).await {
                Ok(state) if before.as_ref() == Some(&state) => return Ok(state),
                Ok(state) => before = Some(state),
                Err(error @ (StoreError::Retry(_) | StoreError::Unavailable(_))) => {
                    reason = format!("{error:?}");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(Trouble::Differs(format!("the end state cannot be read: {error:?}"))),
            }
        }
        Err(Trouble::Away(format!("the end state cannot be read: {reason}")))
    }
}
