//! The number of rows in a list, counted up to a bound. Without a bound, one request could read a whole table.

use super::{Clock, Page, PageRequest};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The number of rows on all pages of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// The number of rows, or the bound if there are more.
    pub count: u64,
    /// Whether the list has exactly `count` rows. Otherwise it has more.
    pub is_exact: bool,
}

impl Total {
    /// The bound up to which clients of the API get an exact number.
    pub const BOUND: u32 = 10_000;

    /// Makes the total from the rows that a store has found while it counted up to [`Total::most_rows`].
    #[must_use]
    pub fn of(found: u64, bound: u32) -> Self {
        let bound = u64::from(bound);
        Self { count: found.min(bound), is_exact: found <= bound }
    }

    /// The number of rows after which a store stops counting. One row more than the bound shows that there are more.
    #[must_use]
    pub fn most_rows(bound: u32) -> i64 {
        i64::from(bound) + 1
    }
}

/// Remembers for a while that a list has more rows than its bound. A page with such a total then costs as much as one
/// without.
pub struct LongList {
    clock: Arc<dyn Clock>,
    /// The largest bound that was exceeded, and the time until which this is remembered.
    exceeded: Mutex<Option<(u32, Duration)>>,
}

impl LongList {
    /// The time for which a list that has become shorter may still count as longer than its bound.
    pub const MEMORY: Duration = Duration::from_secs(10);

    /// Remembers nothing yet. All requests must be about the same rows.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, exceeded: Mutex::default() }
    }

    /// The request for the store: without a total, if the total is remembered.
    #[must_use]
    pub fn ask(&self, request: &PageRequest) -> PageRequest {
        let count_up_to = request.count_up_to.filter(|bound| !self.exceeds(*bound));
        PageRequest { count_up_to, ..request.clone() }
    }

    /// Completes the page that the store returned for `asked`, and remembers its total.
    #[must_use]
    pub fn complete<T>(&self, request: &PageRequest, asked: &PageRequest, page: Page<T>) -> Page<T> {
        let Some(bound) = request.count_up_to else { return page };
        if asked.count_up_to.is_none() {
            return Page { total: Some(Total { count: bound.into(), is_exact: false }), ..page };
        }
        if page.total.is_some_and(|total| !total.is_exact) {
            let until = self.clock.monotonic() + Self::MEMORY;
            *self.exceeded.lock().unwrap_or_else(PoisonError::into_inner) = Some((bound, until));
        }
        page
    }

    fn exceeds(&self, bound: u32) -> bool {
        let exceeded = *self.exceeded.lock().unwrap_or_else(PoisonError::into_inner);
        exceeded.is_some_and(|(known, until)| bound <= known && self.clock.monotonic() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FixedClock;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_total_is_exact_up_to_the_bound_and_then_the_bound(rows in 0_u64..30, bound in 0_u32..20) {
            let found = rows.min(u64::try_from(Total::most_rows(bound)).unwrap());
            let total = Total::of(found, bound);
            prop_assert_eq!(total.is_exact, rows <= u64::from(bound));
            prop_assert_eq!(total.count, rows.min(bound.into()));
        }
    }

    fn counted(bound: u32) -> PageRequest {
        PageRequest { count_up_to: Some(bound), ..PageRequest::default() }
    }

    /// Asks for a page of a list with as many rows. Returns its total, and whether the store had to count.
    fn page(list: &LongList, rows: u64, bound: u32) -> (Option<Total>, bool) {
        let request = counted(bound);
        let asked = list.ask(&request);
        let total = asked.count_up_to.map(|bound| Total::of(rows, bound));
        let page = Page::<()> { items: vec![], next: None, total };
        (list.complete(&request, &asked, page).total, asked.count_up_to.is_some())
    }

    #[test]
    fn a_list_that_exceeds_its_bound_is_counted_again_after_a_while() {
        let clock = Arc::new(FixedClock::default());
        let list = LongList::new(clock.clone());
        let exceeded = |count| Some(Total { count, is_exact: false });
        let exact = |count| Some(Total { count, is_exact: true });
        assert_eq!(page(&list, 5, 5), (exact(5), true));
        assert_eq!(page(&list, 6, 5), (exceeded(5), true), "an exact total is not remembered");
        assert_eq!(page(&list, 6, 5), (exceeded(5), false));
        assert_eq!(page(&list, 6, 4), (exceeded(4), false), "it exceeds a smaller bound as well");
        assert_eq!(page(&list, 6, 6), (exact(6), true), "but maybe not a larger one");
        clock.advance(LongList::MEMORY.checked_sub(Duration::from_millis(1)).unwrap());
        assert_eq!(page(&list, 5, 5), (exceeded(5), false));
        clock.advance(Duration::from_millis(1));
        assert_eq!(page(&list, 5, 5), (exact(5), true));
    }

    #[test]
    fn a_page_without_a_bound_has_no_total() {
        let list = LongList::new(Arc::new(FixedClock::default()));
        assert_eq!(page(&list, 2, 1).0.map(|total| total.count), Some(1));
        let asked = list.ask(&PageRequest::default());
        let page = Page::<()> { items: vec![], next: None, total: None };
        assert_eq!(list.complete(&PageRequest::default(), &asked, page).total, None);
    }
}
