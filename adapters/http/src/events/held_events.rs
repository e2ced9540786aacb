//! The endpoints of events that are held back, and their body.

use super::{api::Tag, dto::EVENTS};
use crate::{
    parts::{
        Done, Filter, FilterOf, Filtered, Id, IfMatch, List, Listed, RepeatKey, Sent, Shown, SignedIn, SortKey, path_of,
    },
    problem::Problem,
};
use poem_openapi::{Object, OpenApi, param::Path, registry::MetaSchema};
use serde::Serialize;
use skep_application::events::{HeldEventCommand, HeldSort, HeldSortKey};
use skep_domain::{
    events::{HeldEvent, HeldEventId, HeldState, SubscriptionId},
    shared::EventId,
};

const PARKED: &str = "/api/v1/events/parked";

#[derive(Default)]
pub(super) struct HeldEventApi;

/// An event that a subscriber could not handle yet.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ParkedEvent")]
struct HeldEventBody {
    /// The id of this entry.
    id: Id<HeldEventId>,
    /// The id of the subscription that holds the event back.
    subscription_id: Id<SubscriptionId>,
    /// The event that was not handled.
    event_id: Id<EventId>,
    /// The position of the event in the log.
    position: i64,
    /// The id of the aggregate of the event.
    aggregate_id: String,
    /// `parked` (has failed too often and needs an operator), `retryable` (has failed and is tried again), or `waiting`
    /// (waits for an earlier event of its aggregate).
    state: String,
    /// The number of failed attempts.
    attempt: u32,
    /// The earliest time of the next attempt, if there is one.
    ready_at: String,
    /// Why the last attempt failed; empty before the first one.
    message: String,
    /// The time at which the event was held back first.
    held_at: String,
    /// The paths of this entry and of its event.
    links: HeldEventLinks,
}

/// The paths of an event that is held back.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ParkedEventLinks")]
struct HeldEventLinks {
    /// The path of this entry.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    this: String,
    /// The path of the event.
    event: String,
}

impl From<HeldEvent> for HeldEventBody {
    fn from(held: HeldEvent) -> Self {
        Self {
            id: Id(held.id),
            subscription_id: Id(held.subscription_id),
            event_id: Id(held.event_id),
            position: held.position.get(),
            aggregate_id: held.aggregate_id.to_string(),
            state: held.state.name().to_owned(),
            attempt: held.attempt,
            ready_at: held.ready_at.to_string(),
            message: held.message,
            held_at: held.held_at.to_string(),
            links: HeldEventLinks { this: path_of(PARKED, held.id, ""), event: path_of(EVENTS, held.event_id, "") },
        }
    }
}

impl SortKey for HeldSortKey {
    const ALL: &'static [Self] = Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }
}

/// The state that the events of a list have.
struct State(HeldState);

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Filter for State {
    const NAME: &'static str = "state";
    const MEANING: &'static str = "Only events in this state.";

    fn schema() -> MetaSchema {
        MetaSchema {
            enum_items: HeldState::NAMES.iter().map(|name| (*name).into()).collect(),
            default: Some(HeldState::Parked.name().into()),
            ..MetaSchema::new("string")
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let known = || format!("must be one of {}", HeldState::NAMES.join(", "));
        HeldState::from_name(text).map(Self).ok_or_else(known)
    }
}

fn shown(held: HeldEvent) -> Shown<HeldEventBody> {
    Shown::of(held.version, held)
}

#[OpenApi(prefix_path = "/api/v1/events", tag = "Tag::Events")]
impl HeldEventApi {
    /// List parked events
    ///
    /// Lists the events in a state that subscribers hold back. Without `state`, these are the parked ones, which have
    /// failed too often. Needs the permission `events.event.read`. A cursor belongs to the state that it was made with.
    #[oai(path = "/parked", method = "get", operation_id = "list_parked_events")]
    async fn list(
        &self,
        caller: SignedIn,
        Sent(list): List<HeldSortKey>,
        Sent(state): FilterOf<State>,
    ) -> Result<Listed<HeldEventBody>, Problem> {
        let list = list.open_narrowed(&caller, PARKED, state.query())?;
        let Filtered(state) = state;
        let state = state.map_or(HeldState::Parked, |state| state.0);
        let sort = HeldSort { key: list.key, direction: list.direction };
        let page = caller.app().events.list_held_events.execute(&caller.actor, state, sort, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Get a parked event
    ///
    /// Returns the entry of an event that a subscriber holds back. Needs the permission `events.event.read`.
    #[oai(path = "/parked/:id", method = "get", operation_id = "get_parked_event")]
    async fn get(&self, caller: SignedIn, Path(id): Path<Id<HeldEventId>>) -> Result<Shown<HeldEventBody>, Problem> {
        Ok(shown(caller.app().events.list_held_events.get(&caller.actor, id.0).await?))
    }

    /// Retry a parked event
    ///
    /// Lets an event that is held back be tried at once, with all its attempts. Needs the permission
    /// `events.event.manage`. If it waits for an earlier event of its aggregate, the answer is 409 `held_event_waits`.
    #[oai(path = "/parked/:id/retry", method = "post", operation_id = "retry_parked_event")]
    async fn retry(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<HeldEventId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<HeldEventBody>, Problem> {
        let command = HeldEventCommand { held_event_id: id.0, precondition };
        Ok(shown(caller.app().events.retry_held_event.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Skip a parked event
    ///
    /// Gives up the delivery of an event that is held back, and deletes its entry. The next event of its aggregate is
    /// tried. Needs the permission `events.event.manage`.
    #[oai(path = "/parked/:id/skip", method = "post", operation_id = "skip_parked_event")]
    async fn skip(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<HeldEventId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = HeldEventCommand { held_event_id: id.0, precondition };
        caller.app().events.skip_held_event.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }
}
