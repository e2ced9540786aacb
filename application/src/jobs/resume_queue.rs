//! Resuming a queue.

use super::{JobsTx, QueueCommand};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, use_case_error};
use skep_domain::{
    jobs::{Queue, actions, events::QueueResumed},
    shared::Action,
};

use_case_error! {
    /// Why the queue was not resumed.
    ResumeQueueError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Resumes queues that were paused.
pub struct ResumeQueue;

impl Command for ResumeQueue {
    type Unit = dyn JobsTx;
    type Input = QueueCommand;
    type Plan = QueueCommand;
    type Target = Queue;
    type Answer = Queue;
    type Error = ResumeQueueError;

    const NAME: &'static str = "jobs.resume_queue";
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
        if queue.resume(now) {
            queue.version = unit.queues().save(&queue).await?;
            let event = QueueResumed { queue_id: queue.id, name: queue.name.clone() };
            queue.record(unit.outbox(), &event, queue.version, queue.updated_at).await?;
        }
        Ok(queue.into_target())
    }
}
