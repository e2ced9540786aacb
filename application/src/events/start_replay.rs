//! Delivering events to a subscriber again.

use super::EventsTx;
use crate::kernel::{Authorized, Call, Command, Denied, Invalid, KeyReused, refusal, use_case_error};
use skep_domain::{
    events::{EventPosition, Replay, SubscriberName, Subscription, SubscriptionId, actions, events::ReplayStarted},
    shared::{Action, Timestamp},
};

/// Which events to deliver to which subscriber again, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StartReplayCommand {
    /// The name that the subscriber is registered with.
    pub subscriber: SubscriberName,
    /// The replay begins with the event after this position.
    pub after: Option<i64>,
    /// The replay begins with the first event that was made at or after this time. Without it and without a position, it
    /// begins with the first event that is kept.
    pub after_time: Option<String>,
    /// Only counts the events, and starts nothing.
    pub dry_run: bool,
}

/// Where a replay begins.
enum Start {
    /// With the first event that is kept.
    First,
    /// With the event after this position.
    After(EventPosition),
    /// With the first event that was made at or after this time, or with the first one that is kept.
    Since(Timestamp),
}

impl Start {
    /// Reads the beginning.
    ///
    /// # Errors
    /// [`Invalid`].
    fn of(command: &StartReplayCommand) -> Result<Self, Invalid> {
        let mut invalid = Invalid::default();
        let start = match (command.after, &command.after_time) {
            (None, None) => Some(Self::First),
            (Some(after), None) => {
                let after = EventPosition::new(after).ok_or("must not be negative");
                invalid.check("/after", "out_of_range", after).map(Self::After)
            }
            (None, Some(time)) => invalid.check("/after_time", "invalid_time", time.parse()).map(Self::Since),
            (Some(_), Some(_)) => {
                let both = Err("must not be sent together with after");
                invalid.check::<Self, _>("/after_time", "invalid_value", both)
            }
        };
        Ok(invalid.finish(start)?.unwrap_or(Self::First))
    }
}

refusal! {
    /// Events after the position are no longer kept. The message names the earliest position that a replay can begin
    /// after.
    EventsGone {
        /// The earliest position that a replay can begin after.
        pub earliest: i64,
    } = Gone, "events_gone", "events after this position are no longer kept; a replay can begin after {earliest}";
}

/// The greatest number of replays that are not finished, those that were broken off included. Each reads the log, and keeps
/// its events from being deleted.
pub const REPLAYS_MAX: u32 = 100;

refusal! {
    /// So many replays are not finished that no further one is started. Wait for them, or delete some.
    TooManyReplays = Conflict, "too_many_replays";
}

use_case_error! {
    /// Why the replay was not started.
    StartReplayError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        EventsGone(EventsGone),
        TooManyReplays(TooManyReplays),
    }
}

/// A replay, or what it would be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StartedReplay {
    /// The subscription of the replay; `None` if nothing was started.
    pub subscription_id: Option<SubscriptionId>,
    /// The replay begins with the event after this position.
    pub after: EventPosition,
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
    subscriber: SubscriberName,
    start: Start,
    dry_run: bool,
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
        let (id, start) = (SubscriptionId::new(call.new_id()), Start::of(&command)?);
        Ok(StartReplayPlan { id, subscriber: command.subscriber, start, dry_run: command.dry_run })
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Subscription, Self::Error> {
        let live = unit.deliveries().find_live(&plan.subscriber).await?;
        Ok(live.ok_or_else(|| Invalid::one("/subscriber", "unknown_subscriber", "there is no such subscriber"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        live: Authorized<'_, Subscription>,
    ) -> Result<StartedReplay, Self::Error> {
        let StartReplayPlan { id, start, dry_run, .. } = plan;
        // Keeps the events from being deleted until the replay is stored.
        let ends = unit.log().lock().await?;
        let after = match *start {
            Start::First => ends.swept,
            Start::After(after) if after < ends.swept => {
                return Err(EventsGone { earliest: ends.swept.get() }.into());
            }
            Start::After(after) => after,
            Start::Since(time) => unit.log().last_before(time).await?.max(ends.swept),
        };
        let (events, until) = (ends.last.since(after), ends.last);
        if *dry_run || events == 0 {
            return Ok(StartedReplay { subscription_id: None, after, events, until });
        }
        if unit.deliveries().count_replays(REPLAYS_MAX).await? >= u64::from(REPLAYS_MAX) {
            return Err(TooManyReplays.into());
        }
        let now = live.now();
        let replay = Subscription::create(*id, live.subscriber.clone(), after, Some(Replay { until }), now);
        unit.deliveries().insert(&replay).await?;
        let subscriber = live.subscriber.clone();
        let event = ReplayStarted { subscription_id: *id, subscriber, after: after.get(), until: until.get() };
        live.record(unit.outbox(), &event, replay.version, now).await?;
        Ok(StartedReplay { subscription_id: Some(*id), after, events, until })
    }
}
