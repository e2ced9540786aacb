//! Pausing and resuming a queue.

use super::{JobsTx, QueueCommand};
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Unmet, use_case_error};
use skep_domain::{
    jobs::{
        Queue, actions,
        events::{QueuePaused, QueueResumed},
    },
    shared::Action,
};

use_case_error! {
    /// Why the queue was neither paused nor resumed.
    SwitchQueueError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Pauses queues, or resumes them.
#[derive(Default)]
pub struct SwitchQueue<const PAUSES: bool>;

/// Pauses queues: no worker claims their jobs. Jobs that run go on.
pub type PauseQueue = SwitchQueue<true>;
/// Resumes queues that were paused.
pub type ResumeQueue = SwitchQueue<false>;

impl<const PAUSES: bool> Command for SwitchQueue<PAUSES> {
    type Unit = dyn JobsTx;
    type Input = QueueCommand;
    type Plan = QueueCommand;
    type Target = Queue;
    type Answer = Queue;
    type Error = SwitchQueueError;

    const NAME: &'static str = if PAUSES { "jobs.pause_queue" } else { "jobs.resume_queue" };
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
        let switched = if PAUSES { queue.pause(now) } else { queue.resume(now) };
        if switched {
            queue.version = unit.queues().save(&queue).await?;
            let (queue_id, name, version, at) = (queue.id, queue.name.clone(), queue.version, queue.updated_at);
            if PAUSES {
                queue.record(unit.outbox(), &QueuePaused { queue_id, name }, version, at).await?;
            } else {
                queue.record(unit.outbox(), &QueueResumed { queue_id, name }, version, at).await?;
            }
        }
        Ok(queue.into_target())
    }
}
