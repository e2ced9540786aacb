//! The frame that runs commands, so that each happens once, however often it is sent and attempted.
//!
//! A command implements three steps. The frame does everything around them:
//!
//! 1. It denies what the role alone forbids, before anything is read.
//! 2. [`Command::plan`] checks values and makes ids and times, once. Every attempt is the same unit of work.
//! 3. An attempt opens a unit and claims the idempotency key. A repeat gets the stored answer if the actor may still
//!    see the resource that [`Command::load`] loads.
//! 4. After an unknown outcome, an attempt asks whether the earlier unit was stored. If so, it returns the answer of
//!    that unit.
//! 5. [`Command::load`] loads the resource. The frame authorizes the actor on it, and only then runs
//!    [`Command::write`].
//! 6. The answer is kept with the key, in the same unit. A result is committed, a refusal rolls back, and an error of
//!    the store drops the unit.
//! 7. Aborted attempts are repeated, as [`run`] describes.

use super::{
    Actor, AppError, Attempt, Authorized, Begin, Claimed, Denied, ErrorKind, Fingerprints, Guarded, IdempotencyClaim,
    IdempotencyKey, KeptAnswer, Key, KeyReused, Runtime, StoreError, TxMode, UnitOfWork,
    access::{authorize, judge},
    permit, run,
};
use serde::{Serialize, de::DeserializeOwned};
use skep_domain::shared::{Action, EventId, Timestamp};
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};
use uuid::Uuid;

/// A call of a command. Its values are made once and stay the same in every attempt.
pub struct Call<'a> {
    /// The caller that every attempt acts for.
    pub actor: &'a Actor,
    /// The time of the call, to be stored in data.
    pub now: Timestamp,
    pub(super) event_id: EventId,
    contended: Vec<Key>,
    runtime: &'a Runtime,
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("actor", self.actor).field("now", &self.now).finish_non_exhaustive()
    }
}

impl Call<'_> {
    /// Adds ids that other writers may want at the same time. Each attempt passes them to [`Begin::begin`].
    pub fn contend(&mut self, ids: impl IntoIterator<Item = Uuid>) {
        self.contended.extend(ids.into_iter().map(Key));
    }

    /// Generates an identifier.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.runtime.ids.next()
    }

    /// Generates 64 random bits.
    #[must_use]
    pub fn random_bits(&self) -> u64 {
        self.runtime.random.bits()
    }
}

/// A use case that changes something, as three steps over the unit of work of its context. The type holds the ports and
/// settings that its plan needs besides the store. [`UseCase`] runs it.
///
/// An implementation must write its unit as `&mut Self::Unit`, because `&mut dyn OrderingTx` has another lifetime.
/// `tests/own_use_case.rs` of this crate has a complete example, a command of a program that embeds Skep.
pub trait Command: Send + Sync {
    /// The unit of work of the context, for example `dyn OrderingTx`.
    type Unit: UnitOfWork + ?Sized + 'static;
    /// The caller's input. The fingerprint for idempotency keys is made from its JSON.
    type Input: Serialize + Send + Sync;
    /// The checked input, with the ids and times made before the first attempt.
    type Plan: Send + Sync;
    /// The resource that the actor is authorized on, loaded in the unit. A command that creates a resource has the
    /// `UserId` of its owner, or `()` if the role alone decides.
    type Target: Guarded;
    /// The result for the caller. Its JSON is kept with the idempotency key and then has at most [`KeptAnswer::MOST`]
    /// bytes.
    type Answer: Serialize + DeserializeOwned + Send;
    /// The refusals of this command, and the store's errors.
    type Error: AppError + From<StoreError> + From<Denied> + From<KeyReused> + Send;

    /// The name of the use case, `context.verb_entity`. Each use case has separate idempotency keys.
    const NAME: &'static str;
    /// The action that the actor must be allowed to do.
    const ACTION: Action;
    /// The action that shows the target. An actor without it gets [`Command::hidden`] and does not learn that the
    /// target exists.
    const SEEN_BY: Action = Self::ACTION;

    /// Checks values, makes ids and times, and names the ids that other writers may want at the same time
    /// ([`Call::contend`]). Nothing has been read yet, and no unit is open.
    ///
    /// # Errors
    /// A refusal that does not depend on stored data.
    fn plan(
        &self,
        call: &mut Call<'_>,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Plan, Self::Error>> + Send;

    /// Loads the resource that the actor is authorized on.
    ///
    /// # Errors
    /// `NotFound`, or the store's error.
    fn load(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
    ) -> impl Future<Output = Result<Self::Target, Self::Error>> + Send;

    /// Applies the rules and writes. A unit that changes anything records exactly one event ([`Authorized::record`]).
    ///
    /// # Errors
    /// A refusal, which undoes all changes, or the store's error.
    fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        target: Authorized<'_, Self::Target>,
    ) -> impl Future<Output = Result<Self::Answer, Self::Error>> + Send;

    /// Returns the refusal for an actor that may not see the target.
    #[must_use]
    fn hidden(denied: Denied) -> Self::Error {
        denied.into()
    }
}

/// The store, the fingerprints and the runtime that every command of a context runs on.
pub struct Commands<Tx: ?Sized> {
    store: Arc<dyn Begin<Tx>>,
    fingerprints: Arc<dyn Fingerprints>,
    runtime: Runtime,
}

impl<Tx: ?Sized> Clone for Commands<Tx> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), fingerprints: self.fingerprints.clone(), runtime: self.runtime.clone() }
    }
}

impl<Tx: UnitOfWork + ?Sized + 'static> Commands<Tx> {
    /// Prepares to run commands on this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<Tx>>, fingerprints: Arc<dyn Fingerprints>, runtime: Runtime) -> Self {
        Self { store, fingerprints, runtime }
    }
}

/// A command, and everything that is needed to run it.
pub struct UseCase<C: Command> {
    commands: Commands<C::Unit>,
    command: C,
}

/// The values that all attempts of a call share.
struct Planned<'a, C: Command> {
    call: &'a Call<'a>,
    claim: Option<IdempotencyClaim>,
    plan: C::Plan,
    /// The answer, as JSON, of an attempt that could not commit, in case the commit was stored after all.
    answered: Mutex<Option<String>>,
}

impl<C: Command> UseCase<C> {
    /// Combines a command with the store that it runs on.
    #[must_use]
    pub fn new(command: C, commands: &Commands<C::Unit>) -> Self {
        Self { command, commands: commands.clone() }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// The error of the command. Nothing was changed, unless the error is the store's `OutcomeUnknown`.
    pub async fn execute(&self, actor: &Actor, input: C::Input) -> Result<C::Answer, C::Error> {
        self.execute_once(actor, None, input).await
    }

    /// Runs the command once per key, however often it is sent. A repeat gets the same answer. Without a key it does
    /// the same as [`UseCase::execute`].
    ///
    /// # Errors
    /// The error of the command. Nothing was changed, unless the error is the store's `OutcomeUnknown`. With a key the
    /// command can then be sent again.
    pub async fn execute_once(
        &self,
        actor: &Actor,
        key: Option<&IdempotencyKey>,
        input: C::Input,
    ) -> Result<C::Answer, C::Error> {
        permit(actor, C::ACTION)?;
        let Commands { fingerprints, runtime, .. } = &self.commands;
        let (now, event_id) = (runtime.clock.now(), EventId::new(runtime.ids.next()));
        let mut call = Call { actor, now, event_id, contended: vec![], runtime };
        let claim = IdempotencyClaim::of(actor, C::NAME, key, &input, &**fingerprints, now)?;
        let plan = self.command.plan(&mut call, input).await?;
        let planned = Planned { call: &call, claim, plan, answered: Mutex::default() };
        run(runtime, actor.deadline, |attempt| self.attempt(&planned, attempt)).await
    }

    async fn attempt(&self, planned: &Planned<'_, C>, attempt: Attempt) -> Result<C::Answer, C::Error> {
        let mut unit = self.commands.store.begin(TxMode::Write, &planned.call.contended).await?;
        let answer = match self.work(planned, &mut *unit, &attempt).await {
            Ok(answer) => answer,
            Err(error) => return attempt.end(unit, Err(error)).await,
        };
        let ended: Result<(), C::Error> = attempt.end(unit, Ok(())).await;
        match ended {
            Ok(()) => Ok(answer),
            Err(error) => {
                let answer = serde_json::to_string(&answer).map_err(StoreError::unreadable)?;
                *planned.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
                Err(error)
            }
        }
    }

    async fn work(
        &self,
        planned: &Planned<'_, C>,
        unit: &mut C::Unit,
        attempt: &Attempt,
    ) -> Result<C::Answer, C::Error> {
        let Planned { call, claim, plan, answered } = planned;
        if let Some(claim) = claim {
            match unit.idempotency().claim(claim).await? {
                Claimed::New => {}
                Claimed::Mismatch => return Err(KeyReused.into()),
                Claimed::Replay(answer) => {
                    // After an unknown outcome, an earlier attempt of this call was already authorized.
                    if !attempt.after_unknown {
                        self.check_still_seen(call.actor, plan, unit).await?;
                    }
                    return Ok(serde_json::from_str(&answer.read()?).map_err(StoreError::unreadable)?);
                }
            }
        }
        // Settle before reading anything, so that no later read is older than the earlier attempt.
        let answer = if attempt.after_unknown && unit.outbox().settle(call.event_id).await? {
            let stored = answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let stored =
                stored.ok_or_else(|| StoreError::corrupt("outbox", call.event_id, "recorded by another unit"))?;
            serde_json::from_str(&stored).map_err(StoreError::unreadable)?
        } else {
            let target = self.command.load(plan, unit).await?;
            judge(call.actor, C::SEEN_BY, target.resource()).map_err(C::hidden)?;
            let authorized = authorize(call, C::ACTION, target)?;
            self.command.write(plan, unit, authorized).await?
        };
        if let Some(claim) = claim {
            let kept = KeptAnswer::of(serde_json::to_string(&answer).map_err(StoreError::unreadable)?)?;
            unit.idempotency().fill(claim, &kept).await?;
        }
        Ok(answer)
    }

    /// Checks that the actor may see the resource as it is now, because the stored answer describes it. A command that
    /// gives its target to another owner is therefore not answered again. If the target no longer exists, nothing needs
    /// protection, and the caller gets the answer again. A command that creates a resource loads none, so the actor is
    /// judged as it was the first time.
    async fn check_still_seen(&self, actor: &Actor, plan: &C::Plan, unit: &mut C::Unit) -> Result<(), C::Error> {
        match self.command.load(plan, unit).await {
            Ok(target) => judge(actor, C::SEEN_BY, target.resource()).map_err(C::hidden),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
