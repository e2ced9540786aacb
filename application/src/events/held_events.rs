//! Retrying and skipping events that are held back.

use super::{EventsTx, subscriber::release};
use crate::kernel::{
    Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, refusal, use_case_error,
};
use skep_domain::{
    events::{
        HeldEvent, HeldEventId, HeldState, actions,
        events::{HeldEventRetried, HeldEventSkipped},
    },
    shared::Action,
};

/// Which event that is held back to retry or skip, from which version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HeldEventCommand {
    /// The entry of the event.
    pub held_event_id: HeldEventId,
    /// The version that the change is based on.
    pub precondition: Precondition,
}

refusal! {
    /// The event waits for an earlier one of its aggregate. Retry or skip that one.
    HeldEventWaits = Conflict, "held_event_waits";
}

use_case_error! {
    /// Why the event was not retried or skipped.
    HeldEventError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        HeldEventWaits(HeldEventWaits),
    }
}

/// Lets an event be tried at once, with all its attempts.
pub struct RetryHeldEvent;

impl Command for RetryHeldEvent {
    type Unit = dyn EventsTx;
    type Input = HeldEventCommand;
    type Plan = HeldEventCommand;
    type Target = HeldEvent;
    type Answer = HeldEvent;
    type Error = HeldEventError;

    const NAME: &'static str = "events.retry_held_event";
    const ACTION: Action = actions::MANAGE_EVENT;

    async fn plan(&self, _: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<HeldEvent, Self::Error> {
        Ok(unit.deliveries().find_held(plan.held_event_id).await?.ok_or(NotFound("held event"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut held: Authorized<'_, HeldEvent>,
    ) -> Result<HeldEvent, Self::Error> {
        plan.precondition.allow(held.version)?;
        if held.state == HeldState::Waiting {
            let next = unit.deliveries().next_held(held.subscription_id, held.aggregate_id).await?;
            if next.is_none_or(|next| next.id != held.id) {
                return Err(HeldEventWaits.into());
            }
        }
        let now = held.now();
        held.retry(now);
        held.version = unit.deliveries().save_held(&held).await?;
        let (held_event_id, subscription_id, event_id) = (held.id, held.subscription_id, held.event_id);
        let event = HeldEventRetried { held_event_id, subscription_id, event_id };
        held.record(unit.outbox(), &event, held.version, now).await?;
        Ok(held.into_target())
    }
}

/// Gives up an event, and lets the next one of its aggregate be tried.
pub struct SkipHeldEvent;

impl Command for SkipHeldEvent {
    type Unit = dyn EventsTx;
    type Input = HeldEventCommand;
    type Plan = HeldEventCommand;
    type Target = HeldEvent;
    type Answer = ();
    type Error = HeldEventError;

    const NAME: &'static str = "events.skip_held_event";
    const ACTION: Action = actions::MANAGE_EVENT;

    async fn plan(&self, _: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<HeldEvent, Self::Error> {
        Ok(unit.deliveries().find_held(plan.held_event_id).await?.ok_or(NotFound("held event"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        held: Authorized<'_, HeldEvent>,
    ) -> Result<(), Self::Error> {
        plan.precondition.allow(held.version)?;
        let now = held.now();
        // A delivery that holds back a later event of the aggregate at the same time waits for this unit, or collides with
        // it. Otherwise that event would wait for one that is gone.
        if let Some(subscription) = unit.deliveries().find(held.subscription_id).await? {
            unit.deliveries().save(&subscription).await?;
        }
        release(unit.deliveries(), &held, now).await?;
        let (held_event_id, subscription_id, event_id) = (held.id, held.subscription_id, held.event_id);
        let event = HeldEventSkipped { held_event_id, subscription_id, event_id };
        Ok(held.record(unit.outbox(), &event, held.version.next(), now).await?)
    }
}
