//! Pages of rows in memory.

use skep_application::kernel::{Page, PageRequest, Position, SortValue};
use skep_domain::shared::Direction;
use std::cmp::Ordering;

/// Compares two sort keys. Returns `None` if their types differ.
fn compare(one: &SortValue, other: &SortValue) -> Option<Ordering> {
    match (one, other) {
        (SortValue::Time(one), SortValue::Time(other)) => Some(one.cmp(other)),
        (SortValue::Text(one), SortValue::Text(other)) => Some(one.as_bytes().cmp(other.as_bytes())),
        (SortValue::Int(one), SortValue::Int(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

/// Sorts the rows by `place` and returns the requested page. The sizes of its rows add up to at most `budget`, but it
/// has at least one row if there is one. Pass `usize::MAX` and `|_| 0` for rows without a size. The page is empty if
/// the key of the requested position has another type than the keys of the rows.
pub fn page<T>(
    rows: impl IntoIterator<Item = T>,
    place: impl Fn(&T) -> Position,
    direction: Direction,
    request: &PageRequest,
    budget: usize,
    size: impl Fn(&T) -> usize,
) -> Page<T> {
    let turned = |order: Ordering| if direction == Direction::Descending { order.reverse() } else { order };
    let order = |one: &Position, other: &Position| {
        compare(&one.key, &other.key).map(|order| turned(order.then(one.id.cmp(&other.id))))
    };
    let mut rows: Vec<(Position, T)> = rows.into_iter().map(|row| (place(&row), row)).collect();
    rows.sort_by(|(one, _), (other, _)| order(one, other).unwrap_or(Ordering::Equal));
    let total = request.total(rows.len() as u64);
    if let Some(after) = &request.after {
        rows.retain(|(place, _)| order(place, after) == Some(Ordering::Greater));
    }
    let page = Page::fitting(rows, request, total, |(place, _)| place.clone(), budget, |(_, row)| size(row));
    Page { items: page.items.into_iter().map(|(_, row)| row).collect(), next: page.next, total: page.total }
}
