//! The endpoints of subscribers and their replays, and their bodies.

use super::api::Tag;
use crate::{
    body::Strict,
    parts::{Answer, Done, Id, IfMatch, Listed, RepeatKey, Sent, Shown, SignedIn},
    problem::Problem,
};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path};
use serde::{Deserialize, Serialize};
use skep_application::events::{
    DeleteSubscriptionCommand, ResumeSubscriptionCommand, StartReplayCommand, StartedReplay, SubscriptionView,
};
use skep_domain::events::{HeldState, SubscriberName, Subscription, SubscriptionId};

const SUBSCRIBERS: &str = "/api/v1/events/subscribers";

#[derive(Default)]
pub(super) struct SubscriberApi;

/// How far a subscriber, or a replay of one, has come.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Subscriber")]
struct SubscriberBody {
    /// The name of the subscriber.
    name: String,
    /// The id of this subscription. A replay has its own.
    subscription_id: Id<SubscriptionId>,
    /// The position of the last event of a replay; absent for the subscription that follows the log.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_until: Option<i64>,
    /// `active` (gets events), `finished` (a replay that has come to its end), or `broken` (was so far behind that events
    /// were deleted before it got them).
    state: String,
    /// Each event up to this position was handled, is held back, or was not wanted.
    position: i64,
    /// The number of events that it has not passed, of every kind. Only the list has it.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<u64>,
    /// The numbers of events that it holds back. Only the list has them.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<HeldCounts>,
    /// The time at which it was made.
    created_at: String,
    /// The time at which its position or its state last changed.
    updated_at: String,
}

/// The numbers of events that a subscriber holds back. At most 10,000 are counted.
#[derive(Debug, Default, Object, Serialize)]
struct HeldCounts {
    /// Those that have failed and are tried again.
    retryable: u64,
    /// Those that wait for an earlier event of their aggregate.
    waiting: u64,
    /// Those that have failed too often, and need an operator.
    parked: u64,
}

impl From<Subscription> for SubscriberBody {
    fn from(subscription: Subscription) -> Self {
        Self {
            name: subscription.subscriber.into_string(),
            subscription_id: Id(subscription.id),
            replay_until: subscription.replay.map(|replay| replay.until.get()),
            state: subscription.state.name().to_owned(),
            position: subscription.position.get(),
            lag: None,
            held: None,
            created_at: subscription.created_at.to_string(),
            updated_at: subscription.updated_at.to_string(),
        }
    }
}

impl From<SubscriptionView> for SubscriberBody {
    fn from(SubscriptionView { subscription, lag, held }: SubscriptionView) -> Self {
        let mut counts = HeldCounts::default();
        for (state, count) in held {
            *match state {
                HeldState::Retryable => &mut counts.retryable,
                HeldState::Waiting => &mut counts.waiting,
                HeldState::Parked => &mut counts.parked,
            } = count;
        }
        Self { lag: Some(lag), held: Some(counts), ..Self::from(subscription) }
    }
}

/// Which events to deliver again. Without `after` and `after_time`, the replay begins with the first event that is kept.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartReplayRequest {
    /// The name of a subscriber.
    subscriber: String,
    /// The replay begins with the event after this position.
    #[oai(nullable)]
    #[serde(default)]
    after: Option<i64>,
    /// The replay begins with the first event that was made at or after this time (RFC 3339), but not before the first
    /// event that is kept. Do not send it together with `after`.
    #[oai(nullable)]
    #[serde(default)]
    after_time: Option<String>,
    /// Only counts the events, and starts nothing.
    #[serde(default)]
    #[oai(default)]
    dry_run: bool,
}

/// A replay, or what it would be.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Replay")]
struct ReplayBody {
    /// The id of the subscription of the replay; absent if nothing was started: for a dry run, or without events.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_id: Option<Id<SubscriptionId>>,
    /// The replay begins with the event after this position.
    after: i64,
    /// The position of its last event.
    until: i64,
    /// The number of events, of every kind. The subscriber gets those of the kinds that it wants.
    events: u64,
}

impl From<StartedReplay> for ReplayBody {
    fn from(StartedReplay { subscription_id, after, events, until }: StartedReplay) -> Self {
        Self { subscription_id: subscription_id.map(Id), after: after.get(), until: until.get(), events }
    }
}

/// 200 with a replay.
#[derive(ApiResponse)]
enum Started {
    /// The replay, or what it would be.
    #[oai(status = 200)]
    Ok(Answer<ReplayBody>),
}

/// The name in a request. A text that is not a name becomes the empty name, which no subscriber has, so that it gets the
/// same authorization check and the same answer as an unknown name.
fn subscriber_name(text: &str) -> SubscriberName {
    SubscriberName::parse(text).unwrap_or_else(|_| SubscriberName::stored(String::new()))
}

fn shown(subscription: Subscription) -> Shown<SubscriberBody> {
    Shown::of(subscription.version, subscription)
}

#[OpenApi(prefix_path = "/api/v1/events", tag = "Tag::Events")]
impl SubscriberApi {
    /// Replay events
    ///
    /// Delivers events to a subscriber again, up to the event that is the last one now. Needs the permission
    /// `events.event.manage`. **The effects of the events happen a second time**: for example, mails are sent again.
    /// The replay is listed with the subscribers, and runs beside the subscription that follows the log. If events
    /// after the position are no longer kept, the answer is 410 `events_gone`, which names the earliest position.
    #[oai(path = "/replay", method = "post", operation_id = "start_replay")]
    async fn replay(
        &self,
        caller: SignedIn,
        Sent(key): RepeatKey,
        body: Strict<StartReplayRequest>,
    ) -> Result<Started, Problem> {
        let StartReplayRequest { subscriber, after, after_time, dry_run } = body.0;
        let command = StartReplayCommand { subscriber: subscriber_name(&subscriber), after, after_time, dry_run };
        let started = caller.app().events.start_replay.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Started::Ok(Answer(started.into())))
    }

    /// List subscribers
    ///
    /// Lists the subscribers, and then their replays, each newest first, on one page of at most 100. Needs the
    /// permission `events.event.read`.
    #[oai(path = "/subscribers", method = "get", operation_id = "list_subscribers")]
    async fn list(&self, caller: SignedIn) -> Result<Listed<SubscriberBody>, Problem> {
        let views = caller.app().events.list_subscriptions.execute(&caller.actor).await?;
        Ok(Listed::whole(SUBSCRIBERS, views.into_iter().map(Into::into).collect()))
    }

    /// Get a subscriber
    ///
    /// Returns the subscription of a subscriber, or of a replay, without the numbers that the list has. Needs the
    /// permission `events.event.read`. Its `ETag` changes with each delivery.
    #[oai(path = "/subscribers/:id", method = "get", operation_id = "get_subscriber")]
    async fn get(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<SubscriptionId>>,
    ) -> Result<Shown<SubscriberBody>, Problem> {
        Ok(shown(caller.app().events.list_subscriptions.get(&caller.actor, id.0).await?))
    }

    /// Delete a subscriber
    ///
    /// Ends a replay in any state, or removes a subscriber that no program has any more. Needs the permission
    /// `events.event.manage`. The events that it holds back are not delivered. If a program has the subscriber, the
    /// answer is 409 `subscriber_in_use`. A program that has it and does not run now begins at the end of the log when
    /// it starts again.
    #[oai(path = "/subscribers/:id", method = "delete", operation_id = "delete_subscriber")]
    async fn delete(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<SubscriptionId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = DeleteSubscriptionCommand { subscription_id: id.0, precondition };
        caller.app().events.delete_subscription.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }

    /// Resume a subscriber
    ///
    /// Lets a subscriber or a replay get events again that was broken off, because it was so far behind that events
    /// were deleted before it got them. Needs the permission `events.event.manage`. It goes on with the first event
    /// that is kept; the deleted ones are lost to it. One that is not broken off is returned unchanged.
    #[oai(path = "/subscribers/:id/resume", method = "post", operation_id = "resume_subscriber")]
    async fn resume(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<SubscriptionId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<SubscriberBody>, Problem> {
        let command = ResumeSubscriptionCommand { subscription_id: id.0, precondition };
        let resumed =
            caller.app().events.resume_subscription.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(shown(resumed))
    }
}
