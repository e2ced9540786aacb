//! The frame of every command: what happens once, however often it is sent and attempted.
//!
//! A command has three steps of its own. Everything around them is here:
//!
//! 1. What a role alone forbids is denied before anything is read.
//! 2. [`Command::plan`] checks values and makes ids and times, once. Every attempt is the same unit of work.
//! 3. An attempt opens a unit, claims the idempotency key, and answers a repeat with the stored answer, if the resource
//!    that [`Command::load`] names may still be seen as it is now.
//! 4. After an unknown outcome an attempt asks whether the earlier unit was stored. If so, its answer is given.
//! 5. [`Command::load`] names the resource. The actor is judged on it, and only then [`Command::write`] runs.
//! 6. The answer is kept with the key, in the same unit. A result is committed; a refusal rolls back; an error of the
//!    store drops the unit.
//! 7. Aborted attempts are repeated, as [`run`] says.

use super::{
    Actor, AppError, Attempt, Authorized, Begin, Claimed, Denied, ErrorKind, Fingerprints, Guarded, IdempotencyClaim,
    IdempotencyKey, Key, KeyReused, Runtime, StoreError, TxMode, UnitOfWork,
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

/// A call of a command: what is made once and stays the same in every attempt.
pub struct Call<'a> {
    /// The caller.
    pub actor: &'a Actor,
    /// The time of the call, for data.
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
    /// Names ids that other writers may want at the same time. Each attempt passes them to [`Begin::begin`].
    pub fn contend(&mut self, ids: impl IntoIterator<Item = Uuid>) {
        self.contended.extend(ids.into_iter().map(Key));
    }

    /// A new identifier.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.runtime.ids.next()
    }

    /// 64 random bits.
    #[must_use]
    pub fn random_bits(&self) -> u64 {
        self.runtime.random.bits()
    }
}

/// A use case that changes something: three steps over the unit of work of its context. The type holds the ports and
/// settings that its plan needs beside the store. [`UseCase`] runs it.
///
/// An implementation writes its unit as `&mut Self::Unit`: the lifetime of `&mut dyn OrderingTx` would be another one.
/// `tests/own_use_case.rs` of this crate is a whole example: a command of a program that embeds Skep.
pub trait Command: Send + Sync {
    /// The unit of work of the context, for example `dyn OrderingTx`.
    type Unit: UnitOfWork + ?Sized + 'static;
    /// What the caller says. Its JSON is the fingerprint of the command for idempotency keys.
    type Input: Serialize + Send + Sync;
    /// What is made of it before the first attempt.
    type Plan: Send + Sync;
    /// What the actor is judged on, loaded in the unit; `()` for a command that makes something new.
    type Target: Guarded;
    /// The answer. Its JSON is kept with the idempotency key.
    type Answer: Serialize + DeserializeOwned + Send;
    /// Why it is refused.
    type Error: AppError + From<StoreError> + From<Denied> + From<KeyReused> + Send;

    /// The name of the use case, `context.verb_entity`. Idempotency keys of different use cases are different keys.
    const NAME: &'static str;
    /// The action that the actor must be allowed.
    const ACTION: Action;
    /// The action that shows the target. Without it the actor learns [`Command::hidden`], not that the target exists.
    const SEEN_BY: Action = Self::ACTION;

    /// Checks values, makes ids and times, hashes a password, and names the ids that others may want at the same time
    /// ([`Call::contend`]). Nothing has been read, and the unit is not open yet.
    ///
    /// # Errors
    /// A refusal that needs no look at what is stored.
    fn plan(
        &self,
        call: &mut Call<'_>,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Plan, Self::Error>> + Send;

    /// Loads what the actor is judged on.
    ///
    /// # Errors
    /// `NotFound`; the store's.
    fn load(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
    ) -> impl Future<Output = Result<Self::Target, Self::Error>> + Send;

    /// Applies the rules and writes. A unit that changes anything records exactly one event ([`Authorized::record`]).
    ///
    /// # Errors
    /// A refusal, and then nothing is changed; the store's.
    fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        target: Authorized<'_, Self::Target>,
    ) -> impl Future<Output = Result<Self::Answer, Self::Error>> + Send;

    /// The refusal of an actor who may not see the target.
    #[must_use]
    fn hidden(denied: Denied) -> Self::Error {
        denied.into()
    }
}

/// What every command of a context is run on.
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
    /// Runs commands on this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<Tx>>, fingerprints: Arc<dyn Fingerprints>, runtime: Runtime) -> Self {
        Self { store, fingerprints, runtime }
    }
}

/// A command that can be carried out.
pub struct UseCase<C: Command> {
    commands: Commands<C::Unit>,
    command: C,
}

/// What all attempts of a call share.
struct Planned<'a, C: Command> {
    call: &'a Call<'a>,
    claim: Option<IdempotencyClaim>,
    plan: C::Plan,
    /// The answer of an attempt whose commit failed, as JSON, in case the commit was stored after all.
    answered: Mutex<Option<String>>,
}

impl<C: Command> UseCase<C> {
    /// The use case of a command.
    #[must_use]
    pub fn new(command: C, commands: &Commands<C::Unit>) -> Self {
        Self { command, commands: commands.clone() }
    }

    /// Carries the command out.
    ///
    /// # Errors
    /// The error of the command. Nothing was changed, unless it is the store's `OutcomeUnknown`.
    pub async fn execute(&self, actor: &Actor, input: C::Input) -> Result<C::Answer, C::Error> {
        self.execute_once(actor, None, input).await
    }

    /// Carries the command out once per key, however often it is sent: a repeat gets the same answer. Without a key it is
    /// [`UseCase::execute`].
    ///
    /// # Errors
    /// The error of the command. Nothing was changed, unless it is the store's `OutcomeUnknown`; with a key the command
    /// can then be sent again.
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
                    // The attempt whose outcome was unknown was authorized, in this very call.
                    if !attempt.after_unknown {
                        self.check_still_seen(call.actor, plan, unit).await?;
                    }
                    return Ok(serde_json::from_str(&answer).map_err(StoreError::unreadable)?);
                }
            }
        }
        // Settled before anything is read: what is read after it is not older than the earlier attempt.
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
            let kept = serde_json::to_string(&answer).map_err(StoreError::unreadable)?;
            unit.idempotency().fill(claim, &kept).await?;
        }
        Ok(answer)
    }

    /// A stored answer tells of the resource that the command loads, so it is given again only to an actor who may see
    /// that resource as it is now. A command that gives its target away is therefore not answered again. If the target is
    /// gone, nothing is left to be seen, and the caller gets the answer that it had. A command that makes something new
    /// loads nothing: its caller is judged by role alone, as the first time.
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
