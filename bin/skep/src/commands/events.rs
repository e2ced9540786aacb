//! `skep events`.

use super::{json, of_arguments, output::table};
use crate::{Skep, config::Config};
use clap::{
    Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use skep_application::{
    events::{
        DeleteSubscriptionCommand, HeldEventCommand, HeldSort, HeldSortKey, PlacedEvent, ResumeSubscriptionCommand,
        StartReplayCommand, SubscriptionView,
    },
    kernel::{Actor, BoxError, PageRequest, Precondition},
};
use skep_domain::{
    events::{EventPosition, HeldEvent, HeldEventId, HeldState, SubscriberName, SubscriptionId},
    shared::{Direction, EventId, PageLimit},
};
use skep_http::EventBody;

/// What to do with events and their subscribers.
#[derive(Debug, Subcommand)]
pub(super) enum Events {
    /// Show events of the log, one per line.
    List {
        /// Only events after this position.
        #[arg(long, value_name = "POSITION", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
        /// How many events to show, at most 100.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=100))]
        limit: i64,
    },
    /// Show an event as JSON, in the envelope of CloudEvents.
    Show {
        /// The id of the event.
        id: EventId,
    },
    /// Deliver events to a subscriber again. Their effects happen a second time.
    ///
    /// Without --after and --after-time, the replay begins with the first event that is kept.
    Replay {
        /// The name of the subscriber.
        #[arg(value_parser = SubscriberName::parse)]
        subscriber: SubscriberName,
        /// Begin with the event after this position.
        #[arg(long, value_name = "POSITION", conflicts_with = "after_time")]
        after: Option<i64>,
        /// Begin with the first event that was made at or after this time (RFC 3339).
        #[arg(long, value_name = "TIME")]
        after_time: Option<String>,
        /// Only count the events.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the subscribers and their replays, with the numbers of events that they hold back.
    Subscribers,
    /// Let a subscriber or a replay get events again that was broken off, because it was too far behind.
    Resume {
        /// The id of the subscription, which `subscribers` shows.
        id: SubscriptionId,
    },
    /// End a replay, or remove a subscriber that no program has any more. The events that it holds back are not delivered.
    Delete {
        /// The id of the subscription, which `subscribers` shows.
        id: SubscriptionId,
    },
    /// Show the oldest events that subscribers hold back, one per line.
    Parked {
        /// Only events in this state.
        #[arg(
            long,
            default_value = HeldState::Parked.name(),
            value_parser = PossibleValuesParser::new(HeldState::NAMES).try_map(|name| state(&name)),
        )]
        state: HeldState,
        /// How many events to show, at most 100.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=100))]
        limit: i64,
    },
    /// Let an event that is held back be tried at once, with all its attempts.
    Retry {
        /// The id of the entry, which `parked` shows.
        id: HeldEventId,
    },
    /// Give up an event that is held back, so that the next one of its aggregate is tried.
    Skip {
        /// The id of the entry, which `parked` shows.
        id: HeldEventId,
    },
}

fn state(name: &str) -> Result<HeldState, &'static str> {
    HeldState::from_name(name).ok_or("unknown")
}

pub(super) async fn run(config: &Config, command: Events) -> Result<(), BoxError> {
    let skep = Skep::builder().config(config.clone()).start().await?;
    let done = with(&skep, command).await;
    skep.close().await;
    done
}

async fn with(skep: &Skep, command: Events) -> Result<(), BoxError> {
    let (events, actor) = (&skep.app.events, Actor::system("skep events"));
    let held = |id| HeldEventCommand { held_event_id: id, precondition: Precondition::Missing };
    match command {
        Events::List { after, limit } => {
            let after = EventPosition::new(after).unwrap_or(EventPosition::START);
            let view = events.read_events.after(&actor, after, PageLimit::new(limit)?).await?;
            Ok(table(["position", "id", "type", "subject", "time"], view.events.iter().map(row))?)
        }
        Events::Show { id } => {
            let event = events.read_events.get(&actor, id).await?;
            json(&serde_json::to_value(EventBody::of(event, &skep.source))?)
        }
        Events::Replay { subscriber, after, after_time, dry_run } => {
            let command = StartReplayCommand { subscriber, after, after_time, dry_run };
            let replay = events.start_replay.execute(&actor, command).await;
            let replay = replay.map_err(|error| of_arguments(error, "subscriber"))?;
            let (count, after, until) = (replay.events, replay.after.get(), replay.until.get());
            match replay.subscription_id {
                Some(id) => tell!("the replay {id} of {count} events after {after} up to {until} has started"),
                None => tell!("nothing was started: there are {count} events after {after} up to {until}"),
            }?;
            Ok(())
        }
        Events::Subscribers => {
            let views = events.list_subscriptions.execute(&actor).await?;
            Ok(table(
                ["subscriber", "id", "state", "position", "lag", "replay until", "held"],
                views.iter().map(subscriber),
            )?)
        }
        Events::Resume { id } => {
            let command = ResumeSubscriptionCommand { subscription_id: id, precondition: Precondition::Missing };
            let resumed = events.resume_subscription.execute(&actor, command).await?;
            let (name, position) = (resumed.subscriber, resumed.position.get());
            Ok(tell!("{name} is {} and goes on after {position}", resumed.state.name())?)
        }
        Events::Delete { id } => {
            let command = DeleteSubscriptionCommand { subscription_id: id, precondition: Precondition::Missing };
            events.delete_subscription.execute(&actor, command).await?;
            Ok(tell!("the subscription {id} is deleted")?)
        }
        Events::Parked { state, limit } => {
            let sort = HeldSort { key: HeldSortKey::HeldAt, direction: Direction::Ascending };
            let page = PageRequest { limit: PageLimit::new(limit)?, ..PageRequest::default() };
            let page = events.list_held_events.execute(&actor, state, sort, &page).await?;
            Ok(table(
                ["id", "event", "position", "state", "attempt", "held since", "message"],
                page.items.iter().map(entry),
            )?)
        }
        Events::Retry { id } => {
            let retried = events.retry_held_event.execute(&actor, held(id)).await?;
            Ok(tell!("the entry {id} is {}", retried.state.name())?)
        }
        Events::Skip { id } => {
            events.skip_held_event.execute(&actor, held(id)).await?;
            Ok(tell!("the event of the entry {id} is not delivered")?)
        }
    }
}

fn row(PlacedEvent { position, event }: &PlacedEvent) -> [String; 5] {
    let (subject, time) = (event.aggregate_id.to_string(), event.occurred_at.to_string());
    [position.get().to_string(), event.id.to_string(), event.name.clone(), subject, time]
}

fn subscriber(SubscriptionView { subscription, lag, held }: &SubscriptionView) -> [String; 7] {
    let until = subscription.replay.map_or_else(|| "-".to_owned(), |replay| replay.until.get().to_string());
    let held: Vec<_> = held.iter().map(|(state, count)| format!("{count} {}", state.name())).collect();
    let (name, id) = (subscription.subscriber.to_string(), subscription.id.to_string());
    let state = subscription.state.name().to_owned();
    [name, id, state, subscription.position.get().to_string(), lag.to_string(), until, held.join(", ")]
}

/// A message may have line breaks, which would break the table.
fn entry(held: &HeldEvent) -> [String; 7] {
    let message: String = held.message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect();
    let (event, position) = (held.event_id.to_string(), held.position.get().to_string());
    let (state, attempt, since) = (held.state.name().to_owned(), held.attempt.to_string(), held.held_at.to_string());
    [held.id.to_string(), event, position, state, attempt, since, message]
}
