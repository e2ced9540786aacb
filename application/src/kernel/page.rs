//! Pages of lists, by keyset: a page starts after the last row of the one before, wherever that row is by now.

use skep_domain::shared::{PageLimit, Timestamp};
use uuid::Uuid;

/// The value of the sort key of a row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortValue {
    /// A time.
    Time(Timestamp),
    /// Text, compared byte by byte.
    Text(String),
    /// A number.
    Int(i64),
}

/// The place of a row in a sorted list: its sort key, and its id among equals.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// The sort key.
    pub key: SortValue,
    /// The id.
    pub id: Uuid,
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// The greatest number of rows.
    pub limit: PageLimit,
    /// The row that it starts after; none for the first page.
    pub after: Option<Position>,
    /// Whether all rows are to be counted.
    pub count: bool,
}

/// A page of a list. A row that was committed before the first page was read and whose sort key does not change is on
/// exactly one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// The last row's place, if more follow.
    pub next: Option<Position>,
    /// The number of rows on all pages, if it was asked for.
    pub total: Option<u64>,
}

impl<T> Page<T> {
    /// The page of `rows`, of which the store was asked for one more than the limit to see whether more follow.
    #[must_use]
    pub fn of(mut rows: Vec<T>, request: &PageRequest, total: Option<u64>, place: impl Fn(&T) -> Position) -> Self {
        let more = rows.len() > request.limit.get();
        rows.truncate(request.limit.get());
        let next = if more { rows.last().map(place) } else { None };
        Self { items: rows, next, total }
    }

    /// A page without rows.
    #[must_use]
    pub fn empty(request: &PageRequest) -> Self {
        Self { items: vec![], next: None, total: request.count.then_some(0) }
    }
}
