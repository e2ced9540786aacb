//! Delivering events to a subscriber again.

use super::EventsTx;
use crate::kernel::{Authorized, Call, Command, Denied, KeyReused, NotFound, refusal, use_case_error};
use skep_domain::{
    events::{EventPosition, Replay, SubscriberName, Subscription, SubscriptionId, actions, events::ReplayStarted},
    shared::Action,
};

/// Which events to deliver to which subscriber again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StartReplayCommand {
    /// The subscriber.
    pub subscriber: SubscriberName,
    /// The replay begins with the event after this position.
    pub after: EventPosition,
    /// Only counts the events, and starts nothing.
    pub dry_run: bool,
}

refusal! {
    /// Events after the position are no longer kept. The message names the earliest position that a replay can begin
    /// after.
    EventsGone {
        /// The earliest position that a replay can begin after.
        pub earliest: i64,
    } = Gone, "events_gone", "events after this position are no longer kept; a replay can begin after {earliest}";
}

use_case_error! {
    /// Why the replay was not started.
    StartReplayError {
        Denied(Denied),
        NotFound(NotFound),
        KeyReused(KeyReused),
        EventsGone(EventsGone),
    }
}

/// A replay, or what it would be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StartedReplay {
    /// The subscription of the replay; `None` if nothing was started.
    pub subscription_id: Option<SubscriptionId>,
    /// The number of events between the position and the end of the log, of every kind.
    pub events: u64,
    /// The position of the last of these events.
    pub until: EventPosition,
}

/// Starts replays. A replay is a subscription of its own, so the effects of its events happen again.
pub struct StartReplay;

/// The values that every attempt uses.
pub struct StartReplayPlan {
    id: SubscriptionId,
    command: StartReplayCommand,
}

impl Command for StartReplay {
    type Unit = dyn EventsTx;
    type Input = StartReplayCommand;
    type Plan = StartReplayPlan;
    type Target = Subscription;
    type Answer = StartedReplay;
    type Error = StartReplayError;

    const NAME: &'static str = "events.start_replay";
    const ACTION: Action = actions::MANAGE_EVENT;

    async fn plan(&self, call: &mut Call<'_>, command: Self::Input) -> Result<Self::Plan, Self::Error> {
        Ok(StartReplayPlan { id: SubscriptionId::new(call.new_id()), command })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Subscription, Self::Error> {
        let live = unit.deliveries().find_live(&plan.command.subscriber).await?;
        Ok(live.ok_or(NotFound("subscriber"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        live: Authorized<'_, Subscription>,
    ) -> Result<StartedReplay, Self::Error> {
        let StartReplayPlan { id, command } = plan;
        // Keeps the events from being deleted until the replay is stored.
        let ends = unit.log().lock().await?;
        if command.after < ends.swept {
            return Err(EventsGone { earliest: ends.swept.get() }.into());
        }
        let (events, until) = (ends.last.since(command.after), ends.last);
        if command.dry_run || events == 0 {
            return Ok(StartedReplay { subscription_id: None, events, until });
        }
        let now = live.now();
        let replay = Subscription::create(*id, live.subscriber.clone(), command.after, Some(Replay { until }), now);
        unit.deliveries().insert(&replay).await?;
        let (subscriber, after) = (live.subscriber.clone(), command.after.get());
        let event = ReplayStarted { subscription_id: *id, subscriber, after, until: until.get() };
        live.record(unit.outbox(), &event, replay.version, now).await?;
        Ok(StartedReplay { subscription_id: Some(*id), events, until })
    }
}
