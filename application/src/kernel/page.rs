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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(n: &i64) -> Position {
        Position { key: SortValue::Int(*n), id: Uuid::nil() }
    }

    fn request(limit: i64, count: bool) -> PageRequest {
        PageRequest { limit: PageLimit::new(limit).unwrap(), after: None, count }
    }

    #[test]
    fn a_row_more_than_the_limit_means_that_more_follow_and_is_not_shown() {
        let page = Page::of(vec![1, 2, 3], &request(2, false), None, place);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(place(&2))));
        let last = Page::of(vec![1, 2], &request(2, true), Some(2), place);
        assert_eq!((last.items, last.next, last.total), (vec![1, 2], None, Some(2)));
    }

    #[test]
    fn an_empty_page_counts_only_if_asked() {
        assert_eq!(Page::<i64>::empty(&request(1, false)).total, None);
        assert_eq!(Page::<i64>::empty(&request(1, true)).total, Some(0));
    }

    proptest! {
        /// Following `next` from page to page shows every row once, in order, and ends.
        #[test]
        fn pages_add_up_to_the_list(rows in prop::collection::btree_set(any::<i64>(), 0..40), limit in 1_i64..10) {
            let rows: Vec<i64> = rows.into_iter().collect();
            let (mut seen, mut after) = (vec![], None);
            loop {
                let rest = rows.iter().filter(|row| after.is_none_or(|after| **row > after)).copied();
                let page = Page::of(rest.take(request(limit, false).limit.get() + 1).collect(), &request(limit, false), None, place);
                seen.extend(page.items);
                match page.next {
                    Some(Position { key: SortValue::Int(last), .. }) => after = Some(last),
                    _ => break,
                }
            }
            prop_assert_eq!(seen, rows);
        }
    }
}
