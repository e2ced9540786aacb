//! The queries of the double, and its operations.

use super::{Done, Double, Flaw};
use async_trait::async_trait;
use skep_application::{
    kernel::{OutboxEvent, OutboxQueries, Page, PageRequest, Position, SortValue, StoreError},
    operations::{InstanceKeys, SealedKey, StoreHealth},
    ordering::LINES_PER_PAGE,
};
use skep_domain::shared::{Direction, EventId};
use std::cmp::Ordering;

/// The keys of one sort are of one type; `None` for others.
fn compare(one: &SortValue, other: &SortValue) -> Option<Ordering> {
    match (one, other) {
        (SortValue::Time(one), SortValue::Time(other)) => Some(one.cmp(other)),
        (SortValue::Text(one), SortValue::Text(other)) => Some(one.as_bytes().cmp(other.as_bytes())),
        (SortValue::Int(one), SortValue::Int(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

/// A page of these rows.
pub(crate) fn page<T>(
    mut rows: Vec<T>,
    place: impl Fn(&T) -> Position,
    lines: impl Fn(&T) -> usize,
    direction: Direction,
    request: &PageRequest,
    flaw: Flaw,
) -> Page<T> {
    let turned = |order: Ordering| if direction == Direction::Descending { order.reverse() } else { order };
    let order = |one: &Position, other: &Position| {
        compare(&one.key, &other.key).map(|order| turned(order.then(one.id.cmp(&other.id))))
    };
    rows.sort_by(|one, other| order(&place(one), &place(other)).unwrap());
    let mut total = request.count.then_some(rows.len() as u64);
    if let Some(after) = &request.after {
        rows.retain(|row| {
            let place = place(row);
            let behind = if flaw == Flaw::SkipsEquals {
                compare(&place.key, &after.key).map(turned)
            } else {
                order(&place, after)
            };
            behind == Some(Ordering::Greater)
        });
    }
    if flaw == Flaw::CountsThePage {
        total = total.map(|_| rows.len().min(request.limit.get()) as u64);
    }
    let more = rows.len() > request.limit.get();
    let budget = if flaw == Flaw::ListsEveryLine { usize::MAX } else { LINES_PER_PAGE };
    let page = Page::fitting(rows, request, total, place, budget, lines);
    if flaw == Flaw::EndsAtTheCut && !more { Page { next: None, ..page } } else { page }
}

#[async_trait]
impl OutboxQueries for Double {
    async fn list_events(&self, after: Option<EventId>, limit: u32) -> Done<Vec<OutboxEvent>> {
        let state = self.seen();
        let later = state.events.values().filter(|event| after.is_none_or(|after| event.id > after));
        Ok(later.take(usize::try_from(limit).unwrap()).cloned().collect())
    }
}

#[async_trait]
impl InstanceKeys for Double {
    async fn list_keys(&self) -> Done<Vec<SealedKey>> {
        let mut keys = self.seen().instance_keys;
        keys.sort_by_key(|key| key.created_at);
        Ok(keys)
    }
    async fn insert_first_key(&self, key: &SealedKey) -> Done<bool> {
        let keys = &mut self.shared.state.write().unwrap().instance_keys;
        if keys.iter().any(|other| other.purpose == key.purpose) && self.flaw != Flaw::KeepsEveryKey {
            return Ok(false);
        }
        if keys.iter().any(|other| other.id == key.id) {
            return Err(StoreError::Duplicate {
                constraint: skep_application::operations::constraints::INSTANCE_KEY_ID,
            });
        }
        keys.push(key.clone());
        Ok(true)
    }
}

#[async_trait]
impl StoreHealth for Double {
    async fn check(&self) -> Done<()> {
        Ok(())
    }
}
