//! Ending a replay, and removing a subscriber that no program has any more.

use super::{EventsTx, KnownSubscribers};
use crate::kernel::{
    Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, refusal, use_case_error,
};
use skep_domain::{
    events::{Subscription, SubscriptionId, actions, events::SubscriptionDeleted},
    shared::Action,
};

/// Which subscription to delete, from which version.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeleteSubscriptionCommand {
    /// The subscription to delete.
    pub subscription_id: SubscriptionId,
    /// The version that the change is based on.
    pub precondition: Precondition,
}

refusal! {
    /// A program has the subscriber, so only its replays can be deleted.
    SubscriberInUse = Conflict, "subscriber_in_use";
}

use_case_error! {
    /// Why the subscription was not deleted.
    DeleteSubscriptionError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        SubscriberInUse(SubscriberInUse),
    }
}

/// Deletes a replay in any state, or the subscription of a subscriber that no program has, with the events that it holds
/// back. What it has received is forgotten by the sweep, because there may be any number of such rows.
pub struct DeleteSubscription(KnownSubscribers);

impl DeleteSubscription {
    /// Refuses to delete the subscriptions that follow the log for these subscribers.
    #[must_use]
    pub const fn new(known: KnownSubscribers) -> Self {
        Self(known)
    }
}

impl Command for DeleteSubscription {
    type Unit = dyn EventsTx;
    type Input = DeleteSubscriptionCommand;
    type Plan = DeleteSubscriptionCommand;
    type Target = Subscription;
    type Answer = ();
    type Error = DeleteSubscriptionError;

    const NAME: &'static str = "events.delete_subscription";
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
        subscription: Authorized<'_, Subscription>,
    ) -> Result<(), Self::Error> {
        plan.precondition.allow(subscription.version)?;
        let is_known = subscription.replay.is_none() && self.0.has(&subscription.subscriber);
        if is_known || subscription.is_in_use() {
            return Err(SubscriberInUse.into());
        }
        unit.deliveries().delete(&subscription).await?;
        let event = SubscriptionDeleted {
            subscription_id: subscription.id,
            subscriber: subscription.subscriber.clone(),
            position: subscription.position.get(),
            until: subscription.replay.map(|replay| replay.until.get()),
        };
        Ok(subscription.record(unit.outbox(), &event, subscription.version.next(), subscription.now()).await?)
    }
}
