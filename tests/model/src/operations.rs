//! The sweep of all contexts.

use crate::{
    call::{Answers, Command, Commands, Now, Outcome},
    context::{Context, Share},
    desk::Desk,
    model::Model,
    step::{Caller, Operation, steps},
};
use async_trait::async_trait;
use proptest::prelude::Just;
use skep_application::{
    App,
    kernel::{Actor, IdempotencyKey, Swept as Counts},
};

/// The context of the sweep.
pub(crate) struct Operations;

impl Context for Operations {
    fn steps(&self) -> Vec<Share> {
        vec![(4, steps(Just(Caller::System), Just(SweepExpired), Just(None)))]
    }

    fn expected(&self) -> &'static [&'static str] {
        &["SweepExpired Swept"]
    }
}

/// Deletes expired keys and sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SweepExpired;

/// How many rows were deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Swept(Counts);

impl Answers for Swept {}

impl Operation for SweepExpired {
    fn command(&self, _desk: &Desk) -> Command {
        Command::new(*self)
    }
}

#[async_trait]
impl Commands for SweepExpired {
    type Answer = Swept;

    fn reads(&self) -> bool {
        false
    }

    async fn execute(self, app: &App, _actor: &Actor, _key: Option<&IdempotencyKey>) -> Outcome<Swept> {
        let swept = app.sweep_expired.execute().await;
        swept.map(Swept).map_err(|unfinished| crate::call::Failure::of(unfinished.source))
    }

    fn step(&self, model: &mut Model, now: &Now<'_>) -> Outcome<Swept> {
        Ok(Swept(model.sweep(now.at)))
    }
}
