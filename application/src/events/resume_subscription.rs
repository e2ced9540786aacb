//! Starting a subscription again that was broken off.

use super::EventsTx;
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, use_case_error};
use skep_domain::{
    events::{Subscription, SubscriptionId, actions, events::SubscriptionResumed},
    shared::Action,
};

/// Which subscription to start again, from which version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ResumeSubscriptionCommand {
    /// The subscription to start again.
    pub subscription_id: SubscriptionId,
    /// The version that the change is based on.
    pub precondition: Precondition,
}

use_case_error! {
    /// Why the subscription was not started again.
    ResumeSubscriptionError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
    }
}

/// Lets a subscription get events again that was so far behind that it was broken off. It goes on with the first event that
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
        Ok(unit.deliveries().find(plan.subscription_id).await?.ok_or(NotFound("subscription"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut broken: Authorized<'_, Subscription>,
    ) -> Result<Subscription, Self::Error> {
        plan.precondition.allow(broken.version)?;
        // Keeps the events from being deleted until the new position is stored.
        let ends = unit.log().lock().await?;
        let (now, before) = (broken.now(), broken.position);
        if broken.resume(ends.swept, now) {
            broken.version = unit.deliveries().save(&broken).await?;
            let (subscription_id, subscriber) = (broken.id, broken.subscriber.clone());
            let (position, after) = (before.get(), broken.position.get());
            let event = SubscriptionResumed { subscription_id, subscriber, position, after };
            broken.record(unit.outbox(), &event, broken.version, now).await?;
        }
        Ok(broken.into_target())
    }
}
