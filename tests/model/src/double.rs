//! A system in memory: the model behind a lock, with or without a planted flaw.

use crate::{
    call::{Answer, Call, Failure, Fresh, Now, System},
    context::CONTEXTS,
    model::Model,
    sequential::Trouble,
    state::EndState,
    world::ModelClock,
};
use async_trait::async_trait;
use skep_application::{
    kernel::{Clock as _, IdGenerator as _},
    testing::SeqIds,
};
use skep_domain::shared::Timestamp;
use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A bug that a store or a use case could have.
#[derive(Debug, Clone, Copy)]
pub enum Flaw {
    /// Idempotency keys are not stored.
    ForgetsKeys,
    /// A used key with another command is not refused.
    ConfusesKeys,
    /// A change is accepted with any version.
    IgnoresVersions,
    /// A following page starts one row too late.
    SkipsRows,
    /// A change goes to a copy, which later overwrites the changes of other calls.
    LosesUpdates,
    /// Two concurrent commands with the same key are both executed.
    RacesKeys,
    /// A read does not see the latest change.
    ReadsStale,
    /// A mistake that only a use case of one context can make.
    Own(OwnFlaw),
}

impl Flaw {
    /// The flaws that a single caller can meet.
    pub fn alone() -> impl Iterator<Item = Self> {
        let shared = [Self::ForgetsKeys, Self::ConfusesKeys, Self::IgnoresVersions, Self::SkipsRows];
        shared.into_iter().chain(Self::own())
    }

    /// The flaws that appear with several callers or concurrent calls.
    pub fn together() -> impl Iterator<Item = Self> {
        [Self::LosesUpdates, Self::RacesKeys, Self::ReadsStale].into_iter().chain(Self::own())
    }

    fn own() -> impl Iterator<Item = Self> {
        CONTEXTS.iter().flat_map(|context| context.flaws()).copied().map(Self::Own)
    }
}

/// A mistake that only a use case of one context can make.
#[derive(Clone, Copy)]
pub struct OwnFlaw {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// Spoils the model after a call and returns the answer. The arguments are the model before the call, the model
    /// after it, the call with its circumstances, and the right answer.
    pub(crate) plant: fn(&Model, &mut Model, &Call, &Now<'_>, Answer) -> Answer,
}

impl fmt::Debug for OwnFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The model as a system under test, with or without a flaw.
#[derive(Default)]
pub struct Double {
    model: Mutex<Model>,
    before: Mutex<Model>,
    clock: ModelClock,
    ids: SeqIds,
    flaw: Option<Flaw>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Double {
    /// A system without a flaw.
    #[must_use]
    pub fn honest() -> Self {
        Self::default()
    }

    /// A system with this flaw.
    #[must_use]
    pub fn with(flaw: Flaw) -> Self {
        Self { flaw: Some(flaw), ..Self::default() }
    }

    /// Makes the generated values for an answer.
    fn fresh(&self, model: &Model, call: &Call, at: Timestamp) -> Fresh {
        let fresh = Fresh::id(self.ids.next());
        let text = call.command.draw(model, &call.now(at, &fresh));
        Fresh { text, ..fresh }
    }

    /// The call without its idempotency key.
    fn keyless(call: &Call) -> Call {
        Call { key: None, ..call.clone() }
    }

    fn step(&self, model: &mut Model, call: &Call) -> Answer {
        let at = self.now();
        let fresh = self.fresh(model, call, at);
        let before = model.clone();
        let answer = match self.flaw {
            Some(Flaw::ForgetsKeys) => model.step_with(&Self::keyless(call), at, &fresh),
            Some(Flaw::IgnoresVersions) => {
                let careless = Call { command: call.command.careless(), ..call.clone() };
                model.step_with(&careless, at, &fresh)
            }
            _ => model.step_with(call, at, &fresh),
        };
        match self.flaw {
            Some(Flaw::ConfusesKeys) if Failure::is_code(&answer, "idempotency_key_reused") => {
                model.step_with(&Self::keyless(call), at, &fresh)
            }
            Some(Flaw::Own(flaw)) => (flaw.plant)(&before, model, call, &call.now(at, &fresh), answer),
            Some(Flaw::SkipsRows) => call.command.skip_row(answer),
            _ => answer,
        }
    }
}

#[async_trait]
impl System for Double {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn wait(&self, millis: i64) {
        self.clock.wait(millis);
    }

    async fn call(&self, call: &Call) -> Answer {
        // Lets the tasks take turns, so that a call can run while others are half done.
        tokio::task::yield_now().await;
        match self.flaw {
            Some(Flaw::LosesUpdates) => {
                let mut copy = lock(&self.model).clone();
                tokio::task::yield_now().await;
                let answer = self.step(&mut copy, call);
                tokio::task::yield_now().await;
                *lock(&self.model) = copy;
                answer
            }
            Some(Flaw::RacesKeys) if call.key.is_some() => {
                let known = {
                    let mut copy = lock(&self.model).clone();
                    let keys = copy.kept_keys();
                    drop(self.step(&mut copy, call));
                    copy.kept_keys() == keys
                };
                tokio::task::yield_now().await;
                let mut model = lock(&self.model);
                let call = if known { call.clone() } else { Self::keyless(call) };
                let answer = self.step(&mut model, &call);
                drop(model);
                answer
            }
            Some(Flaw::ReadsStale) => {
                if call.command.reads() {
                    return self.step(&mut lock(&self.before), call);
                }
                let mut model = lock(&self.model);
                lock(&self.before).clone_from(&model);
                self.step(&mut model, call)
            }
            _ => self.step(&mut lock(&self.model), call),
        }
    }

    async fn end_state(&self) -> Result<EndState, Trouble> {
        Ok(lock(&self.model).end_state().clone())
    }
}
