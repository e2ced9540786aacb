//! Pages of lists, by keyset. A page starts after the sort key and the id of the last row of the page before.

use super::Total;
use skep_domain::shared::{Direction, PageLimit, Timestamp};
use uuid::Uuid;

/// The value of a row's sort key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortValue {
    /// A time, compared in milliseconds.
    Time(Timestamp),
    /// Text, compared byte by byte.
    Text(String),
    /// A signed integer.
    Int(i64),
}

/// The position of a row in a sorted list: its sort key, and its id among rows with the same key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// The value of the sort key.
    pub key: SortValue,
    /// The id of the row.
    pub id: Uuid,
}

/// The order of a list: by a key, and then by id. Both have the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sort<K> {
    /// The field to sort by.
    pub key: K,
    /// Ascending or descending.
    pub direction: Direction,
}

/// The part of a list that the caller wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// The largest number of rows on the page.
    pub limit: PageLimit,
    /// The row after which the page starts. `None` for the first page.
    pub after: Option<Position>,
    /// Counts the rows of all pages up to this bound. `None` does not count them.
    pub count_up_to: Option<u32>,
}

impl PageRequest {
    /// The total of a list in which a store has found so many rows, as in [`Total::of`]. `None` if the request wants
    /// no total.
    #[must_use]
    pub fn total(&self, found: u64) -> Option<Total> {
        self.count_up_to.map(|bound| Total::of(found, bound))
    }
}

/// A page of a list. A row that was committed before the first page was read and whose sort key does not change is on
/// exactly one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in the order of the list.
    pub items: Vec<T>,
    /// The position of the last row, if more rows follow.
    pub next: Option<Position>,
    /// The number of rows on all pages, if it was requested.
    pub total: Option<Total>,
}

impl<T> Page<T> {
    /// The same page with other items in the place of these.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        let Self { items, next, total } = self;
        Page { items: items.into_iter().map(change).collect(), next, total }
    }

    /// Makes a page of `rows`. The store reads one row more than the limit, which shows whether more rows follow.
    #[must_use]
    pub fn of(rows: Vec<T>, request: &PageRequest, total: Option<Total>, place: impl Fn(&T) -> Position) -> Self {
        Self::fitting(rows, request, total, place, usize::MAX, |_| 0)
    }

    /// Makes a page like [`Page::of`], for rows of very different sizes. The page ends before the sizes of its rows add
    /// up to more than `budget`, but has at least one row.
    #[must_use]
    pub fn fitting(
        mut rows: Vec<T>,
        request: &PageRequest,
        total: Option<Total>,
        place: impl Fn(&T) -> Position,
        budget: usize,
        size: impl Fn(&T) -> usize,
    ) -> Self {
        let mut left = budget;
        let fits = |row: &&T| {
            let rest = left.checked_sub(size(row));
            left = rest.unwrap_or_default();
            rest.is_some()
        };
        let count = rows.iter().take(request.limit.get()).take_while(fits).count().max(1);
        let more = rows.len() > count;
        rows.truncate(count);
        let next = if more { rows.last().map(place) } else { None };
        Self { items: rows, next, total }
    }

    /// Makes a page without rows.
    #[must_use]
    pub fn empty(request: &PageRequest) -> Self {
        Self { items: vec![], next: None, total: request.total(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(n: &i64) -> Position {
        Position { key: SortValue::Int(*n), id: Uuid::nil() }
    }

    fn request(limit: i64, count_up_to: Option<u32>) -> PageRequest {
        PageRequest { limit: PageLimit::new(limit).unwrap(), after: None, count_up_to }
    }

    #[test]
    fn a_row_beyond_the_limit_means_that_more_follow_and_is_not_on_the_page() {
        let page = Page::of(vec![1, 2, 3], &request(2, None), None, place);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(place(&2))));
        let last = Page::of(vec![1, 2], &request(2, None), None, place);
        assert_eq!((last.items, last.next), (vec![1, 2], None));
    }

    #[test]
    fn a_page_ends_before_its_rows_exceed_the_budget_but_has_at_least_one() {
        let fitting = |rows: &[i64], limit| {
            let size = |row: &i64| usize::try_from(*row).unwrap();
            let page = Page::fitting(rows.to_vec(), &request(limit, None), None, place, 10, size);
            (page.items, page.next)
        };
        assert_eq!(fitting(&[4, 6, 1], 5), (vec![4, 6], Some(place(&6))));
        assert_eq!(fitting(&[4, 6], 5), (vec![4, 6], None));
        assert_eq!(fitting(&[4, 7, 1], 5), (vec![4], Some(place(&4))), "a smaller row behind it does not move up");
        assert_eq!(fitting(&[11, 1], 5), (vec![11], Some(place(&11))));
        assert_eq!(fitting(&[11], 5), (vec![11], None));
        assert_eq!(fitting(&[1, 1, 1], 2), (vec![1, 1], Some(place(&1))));
        assert_eq!(fitting(&[], 5), (vec![], None));
    }

    #[test]
    fn an_empty_page_has_a_total_only_if_it_was_requested() {
        assert_eq!(Page::<i64>::empty(&request(1, None)).total, None);
        assert_eq!(Page::<i64>::empty(&request(1, Some(9))).total, Some(Total { count: 0, is_exact: true }));
    }

    proptest! {
        /// Following `next` from page to page returns every row once, in order, and ends.
        #[test]
        fn pages_add_up_to_the_list(
            rows in prop::collection::btree_set(any::<i64>(), 0..40), limit in 1_i64..10, budget in 0_usize..30
        ) {
            let rows: Vec<i64> = rows.into_iter().collect();
            let (mut seen, mut after) = (vec![], None);
            loop {
                let rest = rows.iter().filter(|row| after.is_none_or(|after| **row > after)).copied();
                let request = request(limit, None);
                let rows = rest.take(request.limit.get() + 1).collect();
                let size = |row: &i64| usize::from(row.to_be_bytes()[7] % 20);
                let page = Page::fitting(rows, &request, None, place, budget, size);
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
