//! Pages of lists, by keyset: a page starts after the last row of the one before, wherever that row is by now.

use skep_domain::shared::{Direction, PageLimit, Timestamp};
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

/// How a list is sorted: by a key, and by id among equals, both in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sort<K> {
    /// By what.
    pub key: K,
    /// Which way.
    pub direction: Direction,
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
    pub fn of(rows: Vec<T>, request: &PageRequest, total: Option<u64>, place: impl Fn(&T) -> Position) -> Self {
        Self::fitting(rows, request, total, place, usize::MAX, |_| 0)
    }

    /// The same, for rows of which some are much greater than others: it ends before the sizes of its rows add up to
    /// more than `budget`, but has one row at least.
    #[must_use]
    pub fn fitting(
        mut rows: Vec<T>,
        request: &PageRequest,
        total: Option<u64>,
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
    fn a_page_ends_before_its_rows_add_up_to_more_than_the_budget_but_has_one() {
        let fitting = |rows: &[i64], limit| {
            let size = |row: &i64| usize::try_from(*row).unwrap();
            let page = Page::fitting(rows.to_vec(), &request(limit, false), None, place, 10, size);
            (page.items, page.next)
        };
        assert_eq!(fitting(&[4, 6, 1], 5), (vec![4, 6], Some(place(&6))));
        assert_eq!(fitting(&[4, 6], 5), (vec![4, 6], None));
        assert_eq!(fitting(&[4, 7, 1], 5), (vec![4], Some(place(&4))), "what comes behind does not move up");
        assert_eq!(fitting(&[11, 1], 5), (vec![11], Some(place(&11))));
        assert_eq!(fitting(&[11], 5), (vec![11], None));
        assert_eq!(fitting(&[1, 1, 1], 2), (vec![1, 1], Some(place(&1))));
        assert_eq!(fitting(&[], 5), (vec![], None));
    }

    #[test]
    fn an_empty_page_counts_only_if_asked() {
        assert_eq!(Page::<i64>::empty(&request(1, false)).total, None);
        assert_eq!(Page::<i64>::empty(&request(1, true)).total, Some(0));
    }

    proptest! {
        /// Following `next` from page to page shows every row once, in order, and ends.
        #[test]
        fn pages_add_up_to_the_list(rows in prop::collection::btree_set(any::<i64>(), 0..40), limit in 1_i64..10, budget in 0_usize..30) {
            let rows: Vec<i64> = rows.into_iter().collect();
            let (mut seen, mut after) = (vec![], None);
            loop {
                let rest = rows.iter().filter(|row| after.is_none_or(|after| **row > after)).copied();
                let request = request(limit, false);
                let rows = rest.take(request.limit.get() + 1).collect();
                let page = Page::fitting(rows, &request, None, place, budget, |row| usize::from(row.to_be_bytes()[7] % 20));
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
