//! Changing the settings of a queue.

use super::JobsTx;
use crate::kernel::{
    Authorized, Call, Command, Denied, Invalid, KeyReused, NotFound, Precondition, Unmet, use_case_error,
};
use skep_domain::{
    jobs::{Concurrency, Queue, QueueName, actions, events::QueueChanged},
    shared::{Action, Patch},
};

/// Which queue to change, from which version, and how. An absent field stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChangeQueueCommand {
    /// The name of the queue.
    pub name: QueueName,
    /// The version that the change is based on.
    pub precondition: Precondition,
    /// How many of its jobs run at a time, over all processes. Cleared, only the workers limit that.
    pub concurrency: Patch<i64>,
}

use_case_error! {
    /// Why the queue was not changed.
    ChangeQueueError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
    }
}

/// Changes queues. A lower limit stops no running job: none is claimed until enough of them have ended.
pub struct ChangeQueue;

/// A checked change.
pub struct ChangeQueuePlan {
    name: QueueName,
    precondition: Precondition,
    /// `write` reports invalid values only after it has compared the version of the queue.
    concurrency: Result<Patch<Concurrency>, Invalid>,
}

impl Command for ChangeQueue {
    type Unit = dyn JobsTx;
    type Input = ChangeQueueCommand;
    type Plan = ChangeQueuePlan;
    type Target = Queue;
    type Answer = Queue;
    type Error = ChangeQueueError;

    const NAME: &'static str = "jobs.change_queue";
    const ACTION: Action = actions::MANAGE_QUEUE;

    async fn plan(&self, _: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let ChangeQueueCommand { name, precondition, concurrency } = input;
        Ok(ChangeQueuePlan { name, precondition, concurrency: checked(concurrency) })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Queue, Self::Error> {
        Ok(unit.queues().find(&plan.name).await?.ok_or(NotFound("queue"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut queue: Authorized<'_, Queue>,
    ) -> Result<Queue, Self::Error> {
        plan.precondition.require(queue.version)?;
        let concurrency = match plan.concurrency.clone()? {
            Patch::Keep => queue.concurrency,
            Patch::Clear => None,
            Patch::Set(limit) => Some(limit),
        };
        let now = queue.now();
        if queue.limit(concurrency, now) {
            queue.version = unit.queues().save(&queue).await?;
            let event = QueueChanged { queue_id: queue.id, name: queue.name.clone(), concurrency };
            queue.record(unit.outbox(), &event, queue.version, queue.updated_at).await?;
        }
        Ok(queue.into_target())
    }
}

fn checked(concurrency: Patch<i64>) -> Result<Patch<Concurrency>, Invalid> {
    match concurrency {
        Patch::Keep => Ok(Patch::Keep),
        Patch::Clear => Ok(Patch::Clear),
        Patch::Set(number) => Concurrency::new(number).map(Patch::Set).ok_or_else(|| {
            let range = format!("must be {} to {}", Concurrency::MIN, Concurrency::MAX);
            Invalid::one("/concurrency", "out_of_range", range)
        }),
    }
}
