//! Pausing a queue.

use super::{JobsTx, QueueCommand};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, use_case_error};
use skep_domain::{
    jobs::{Queue, actions, events::QueuePaused},
    shared::Action,
};

use_case_error! {
    /// Why the queue was not paused.
    PauseQueueError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Pauses queues: no worker claims their jobs. Jobs that run go on.
pub struct PauseQueue;

impl Command for PauseQueue {
    type Unit = dyn JobsTx;
    type Input = QueueCommand;
    type Plan = QueueCommand;
    type Target = Queue;
    type Answer = Queue;
    type Error = PauseQueueError;

    const NAME: &'static str = "jobs.pause_queue";
    const ACTION: Action = actions::MANAGE_QUEUE;

    async fn plan(&self, _: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        Ok(input)
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
        plan.precondition.allow(queue.version)?;
        let now = queue.now();
        if queue.pause(now) {
            queue.version = unit.queues().save(&queue).await?;
            let event = QueuePaused { queue_id: queue.id, name: queue.name.clone() };
            queue.record(unit.outbox(), &event, queue.version, queue.updated_at).await?;
        }
        Ok(queue.into_target())
    }
}
