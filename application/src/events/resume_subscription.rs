//! Starting a subscriber again that was broken off.

use super::EventsTx;
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, use_case_error};
use skep_domain::{
    events::{SubscriberName, Subscription, actions, events::SubscriptionResumed},
    shared::Action,
};

/// Which subscriber to start again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ResumeSubscriptionCommand {
    /// The name that the subscriber is registered with.
    pub subscriber: SubscriberName,
    /// The version that the change is based on.
    pub precondition: Precondition,
}

use_case_error! {
    /// Why the subscriber was not started again.
    ResumeSubscriptionError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Lets a subscriber get events again that was so far behind that it was broken off. It goes on with the first event that
/// is kept; those that were deleted are lost to it.
pub struct ResumeSubscription;

impl Command for ResumeSubscription {
    type Unit = dyn EventsTx;
    type Input = ResumeSubscriptionCommand;
    type Plan = ResumeSubscriptionCommand;
    type Target = Subscription;
    type Answer = Subscription;
    type Error = ResumeSubscriptionError;

    const NAME: &'static str = "events.resume_subscription";
    const ACTION: Action = actions::MANAGE_EVENT;

    async fn plan(&self, _: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Subscription, Self::Error> {
        Ok(unit.deliveries().find_live(&plan.subscriber).await?.ok_or(NotFound("subscriber"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut live: Authorized<'_, Subscription>,
    ) -> Result<Subscription, Self::Error> {
        plan.precondition.allow(live.version)?;
        // Keeps the events from being deleted until the new position is stored.
        let ends = unit.log().lock().await?;
        let (now, before) = (live.now(), live.position);
        if live.resume(ends.swept, now) {
            live.version = unit.deliveries().save(&live).await?;
            let (subscription_id, subscriber) = (live.id, live.subscriber.clone());
            let (position, after) = (before.get(), live.position.get());
            let event = SubscriptionResumed { subscription_id, subscriber, position, after };
            live.record(unit.outbox(), &event, live.version, now).await?;
        }
        Ok(live.into_target())
    }
}
