//! Pages of lists.

use skep_application::kernel::{Page, PageRequest, Position, SortValue, Total};
use skep_domain::shared::Direction;
use std::cmp::Ordering;

/// Compares two positions of a list. Returns `None` if they belong to different lists.
fn compare(a: &Position, b: &Position) -> Option<Ordering> {
    let keys = match (&a.key, &b.key) {
        (SortValue::Time(a), SortValue::Time(b)) => a.cmp(b),
        (SortValue::Text(a), SortValue::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (SortValue::Int(a), SortValue::Int(b)) => a.cmp(b),
        _ => return None,
    };
    Some(keys.then(a.id.cmp(&b.id)))
}

/// Whether the position has the kind of sort key that this list has. Otherwise it belongs to another list.
pub(crate) fn same_kind(after: &Option<Position>, sample: &SortValue) -> bool {
    after.as_ref().is_none_or(|after| std::mem::discriminant(&after.key) == std::mem::discriminant(sample))
}

/// The total of a list with so many rows, which are always fewer than the bound.
pub(crate) fn total(rows: usize, request: &PageRequest) -> Option<Total> {
    let count = u64::try_from(rows).unwrap_or(u64::MAX);
    request.count_up_to.map(|_| Total { count, is_exact: true })
}

/// Sorts all rows and returns the requested page.
pub(crate) fn page<T: Clone>(all: Vec<(Position, T)>, direction: Direction, request: &PageRequest) -> Page<T> {
    let total = total(all.len(), request);
    let mut rows = all;
    rows.sort_by(|(a, _), (b, _)| {
        let up = compare(a, b).unwrap_or(Ordering::Equal);
        if direction == Direction::Ascending { up } else { up.reverse() }
    });
    let wanted = if direction == Direction::Ascending { Ordering::Greater } else { Ordering::Less };
    if let Some(after) = &request.after {
        rows.retain(|(place, _)| compare(place, after) == Some(wanted));
    }
    let more = rows.len() > request.limit.get();
    rows.truncate(request.limit.get());
    let next = rows.last().filter(|_| more).map(|(place, _)| place.clone());
    Page { items: rows.into_iter().map(|(_, row)| row).collect(), next, total }
}

/// Removes the first row of a page that follows another one.
pub(crate) fn skip_first<T>(request: &PageRequest, page: &mut Page<T>) {
    if request.after.is_some() && !page.items.is_empty() {
        page.items.remove(0);
    }
}
