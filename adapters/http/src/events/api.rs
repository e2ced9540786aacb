//! The endpoints of events.

use super::dto::{EVENTS, EventBody, EventListBody};
use crate::{
    parts::{Answer, Filter, FilterOf, Id, ListLinks, Sent, SignedIn},
    problem::Problem,
};
use poem_openapi::{ApiResponse, OpenApi, Tags, param::Path, registry::MetaSchema};
use skep_application::events::EventsView;
use skep_domain::{
    events::EventPosition,
    shared::{EventId, PageLimit},
};

#[derive(Tags)]
pub(super) enum Tag {
    /// Events and their subscribers, for operators.
    Events,
}

#[derive(Default)]
pub(super) struct EventApi;

/// The position after which a list of events begins.
struct After(EventPosition);

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.get().fmt(f)
    }
}

impl Filter for After {
    const NAME: &'static str = "after";
    const MEANING: &'static str = "Only events after this position.";

    fn schema() -> MetaSchema {
        let default = Some(0.into());
        MetaSchema { minimum: Some(0.0), default, ..MetaSchema::new_with_format("integer", "int64") }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let position = digits.and_then(|digits| digits.parse().ok()).and_then(EventPosition::new);
        position.map(Self).ok_or_else(|| "must be a position of the log, from 0".to_owned())
    }
}

/// 200 with events of the log.
#[derive(ApiResponse)]
enum Read {
    /// Events of the log.
    #[oai(status = 200)]
    Ok(Answer<EventListBody>),
}

/// 200 with an event, which never changes.
#[derive(ApiResponse)]
enum Found {
    /// The event.
    #[oai(status = 200)]
    Ok(Answer<EventBody>),
}

fn page_after(after: EventPosition, limit: PageLimit) -> String {
    format!("{EVENTS}?after={}&limit={}", after.get(), limit.get())
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Events")]
impl EventApi {
    /// List events
    ///
    /// Lists the events after a position of the log, as CloudEvents, in the order of their positions. Needs the
    /// permission `events.event.read`. An event gets its position a moment after the change that it reports. Positions
    /// never change, and later events have higher ones, so a reader that remembers the last position misses nothing. If
    /// `log.deleted` is greater than `after`, events between the two are no longer kept.
    #[oai(path = "/events", method = "get", operation_id = "list_events")]
    async fn list(
        &self,
        caller: SignedIn,
        Sent(after): FilterOf<After>,
        Sent(limit): Sent<PageLimit>,
    ) -> Result<Read, Problem> {
        let after = after.0.map_or(EventPosition::START, |after| after.0);
        let read = &caller.app().events.read_events;
        let EventsView { events, ends } = read.after(&caller.actor, after, limit).await?;
        let last = events.last().map_or(ends.last, |event| event.position);
        let links =
            ListLinks { this: page_after(after, limit), next: (last < ends.last).then(|| page_after(last, limit)) };
        let data = events.into_iter().map(|event| EventBody::of(event, &caller.state.source)).collect();
        Ok(Read::Ok(Answer(EventListBody { data, log: ends.into(), links })))
    }

    /// Get an event
    ///
    /// Returns the event as a CloudEvent. Needs the permission `events.event.read`. An event that has no position yet
    /// is answered 404.
    #[oai(path = "/events/:id", method = "get", operation_id = "get_event")]
    async fn get(&self, caller: SignedIn, Path(id): Path<Id<EventId>>) -> Result<Found, Problem> {
        let event = caller.app().events.read_events.get(&caller.actor, id.0).await?;
        Ok(Found::Ok(Answer(EventBody::of(event, &caller.state.source))))
    }
}
