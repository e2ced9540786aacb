//! A list has every row once, in order, whatever is committed while its pages are read.

use super::{Listed, begin, put};
use crate::{
    check::{Checked, equal, holds, some},
    clause::{Given, clauses},
    harness::Need,
    sample,
    units::repeated,
};
use skep_application::kernel::{Page, PageRequest, Position, Scope, SortValue, Total, Transaction as _};
use skep_domain::shared::{Direction, PageLimit, Timestamp};
use std::cmp::Ordering;

// The clauses of every `Listed` entity.
clauses! { clauses<E: Listed>:
    every_row_is_on_one_page_in_every_order,
    every_row_is_on_one_page_while_rows_come_and_go,
    extreme_keys_are_sorted_and_paged,
    all_pages_are_counted,
    rows_are_counted_up_to_a_bound,
    a_page_has_at_most_its_limit,
    a_position_of_another_type_is_an_empty_page,
    a_page_takes_a_fixed_number_of_round_trips {Need::RoundTrips},
}

// The clauses of a `Listed` entity that can leave its list.
clauses! { leaving<E: Listed>:
    what_has_left_is_not_listed_nor_counted,
    a_page_starts_after_a_row_that_has_left,
}

// The clauses of a `Listed` entity whose list has a scope.
clauses! { scoped<E: Listed>:
    a_scope_applies_before_paging_and_counting,
}

const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

/// Every sort key in both directions.
fn orders<E: Listed>() -> impl Iterator<Item = (E::Sort, Direction)> {
    E::SORTS.iter().flat_map(|sort| DIRECTIONS.map(|direction| (*sort, direction)))
}

/// One order of the list, for trials in which the order does not matter.
fn an_order<E: Listed>() -> Checked<(E::Sort, Direction)> {
    some(orders::<E>().next(), "a sort key")
}

/// Compares two positions by their keys, and by their ids if the keys are equal.
fn compare(one: &Position, other: &Position) -> Ordering {
    let keys = match (&one.key, &other.key) {
        (SortValue::Time(one), SortValue::Time(other)) => one.cmp(other),
        (SortValue::Int(one), SortValue::Int(other)) => one.cmp(other),
        (SortValue::Text(one), SortValue::Text(other)) => one.as_bytes().cmp(other.as_bytes()),
        // The keys of one list have one type. If they do not, no order of the rows is right.
        _ => Ordering::Equal,
    };
    keys.then(one.id.cmp(&other.id))
}

/// The rows in the order in which the list must return them.
fn sorted<E: Listed>(entities: &[E], (sort, direction): (E::Sort, Direction)) -> Vec<E::Row> {
    let mut rows: Vec<_> = entities.iter().map(E::row).collect();
    rows.sort_by(|one, other| compare(&E::place(sort, one), &E::place(sort, other)));
    if direction == Direction::Descending {
        rows.reverse();
    }
    rows
}

/// The total of a list with so many rows.
const fn exactly(count: u64) -> Option<Total> {
    Some(Total { count, is_exact: true })
}

/// A client that reads page after page.
struct Reader<E: Listed> {
    scope: Scope,
    order: (E::Sort, Direction),
    request: PageRequest,
    rows: Vec<E::Row>,
}

impl<E: Listed> Reader<E> {
    fn new(scope: Scope, order: (E::Sort, Direction), limit: i64) -> Checked<Self> {
        let request = PageRequest { limit: PageLimit::new(limit)?, after: None, count_up_to: None };
        Ok(Self { scope, order, request, rows: vec![] })
    }

    async fn page(&self, store: &E::Store) -> Checked<Page<E::Row>> {
        let (sort, direction) = self.order;
        Ok(E::list(store, self.scope, sort, direction, &self.request).await?)
    }

    /// Reads the next page and checks it. Returns `false` if it was the last.
    async fn turn(&mut self, given: &Given<E::Store>) -> Checked<bool> {
        let page = self.page(&*given.store).await?;
        holds(page.items.len() <= self.request.limit.get(), "a page has at most its limit")?;
        equal(page.total.is_some(), self.request.count_up_to.is_some())?;
        if page.next.is_some() {
            equal(page.items.len(), self.request.limit.get())?;
            equal(page.next.clone(), page.items.last().map(|row| E::place(self.order.0, row)))?;
        }
        self.rows.extend(page.items);
        self.request.after = page.next;
        Ok(self.request.after.is_some())
    }

    async fn read_all(mut self, given: &Given<E::Store>) -> Checked<Vec<E::Row>> {
        let mut pages = 0;
        while self.turn(given).await? {
            pages += 1;
            holds(pages < 500, "the pages come to an end")?;
        }
        Ok(self.rows)
    }
}

/// Stores entities that share a few sort keys, in an order that differs from that of every key.
async fn common<E: Listed>(given: &Given<E::Store>, count: i64, change: impl Fn(&mut E)) -> Checked<Vec<E>> {
    let mut entities = Vec::new();
    for number in 0..count {
        let mut entity = E::common(&*given.store, number).await?;
        change(&mut entity);
        entities.push(entity);
    }
    put(&*given.store, &entities).await?;
    Ok(entities)
}

async fn leave<E: Listed>(given: &Given<E::Store>, entity: &E) -> Checked<bool> {
    let left = repeated(|| async {
        let mut tx = begin::<E>(&*given.store).await?;
        let left = entity.leave(&mut *tx).await?;
        tx.commit().await?;
        Ok(left)
    });
    Ok(left.await?)
}

async fn every_row_is_on_one_page_in_every_order<E: Listed>(given: &Given<E::Store>) -> Checked {
    let entities: Vec<E> = common(given, 30, |_| {}).await?;
    for order in orders::<E>() {
        let expected = sorted(&entities, order);
        for limit in [1, 4, 10, 30, 100] {
            let seen = Reader::<E>::new(Scope::All, order, limit)?.read_all(given).await?;
            holds(seen == expected, format!("{order:?} by pages of {limit}: found {seen:?}"))?;
        }
    }
    Ok(())
}

async fn every_row_is_on_one_page_while_rows_come_and_go<E: Listed>(given: &Given<E::Store>) -> Checked {
    let mut edges = E::edges(&*given.store).await?;
    let mut there: Vec<E> = Vec::new();
    for order in orders::<E>() {
        there.extend(common(given, 12, |_| {}).await?);
        let mut doomed = there.split_off(there.len() - 3);
        let expected = sorted(&there, order);
        let mut reader = Reader::<E>::new(Scope::All, order, 4)?;
        let mut pages = 0;
        while reader.turn(given).await? {
            // New rows come during the first pages only, so that the list has an end.
            if pages < 4 {
                let coming =
                    [E::common(&*given.store, pages * 11).await?, E::common(&*given.store, pages * 5 + 1).await?];
                let coming: Vec<E> = coming.into_iter().chain(edges.pop()).collect();
                put(&*given.store, &coming).await?;
                there.extend(coming);
            }
            if let Some(gone) = doomed.pop() {
                // An entity that cannot leave may be listed or not.
                leave(given, &gone).await?;
            }
            pages += 1;
            holds(pages < 500, "the pages come to an end")?;
        }
        let mut seen: Vec<_> = reader.rows.iter().map(|row| E::place(order.0, row).id).collect();
        seen.sort_unstable();
        seen.dedup();
        equal(seen.len(), reader.rows.len())?;
        let stayed: Vec<_> = reader.rows.into_iter().filter(|row| expected.contains(row)).collect();
        holds(stayed == expected, format!("{order:?}: each row that stayed all the time is listed once, in order"))?;
        for gone in &doomed {
            leave(given, gone).await?;
        }
    }
    Ok(())
}

async fn extreme_keys_are_sorted_and_paged<E: Listed>(given: &Given<E::Store>) -> Checked {
    let entities = E::edges(&*given.store).await?;
    holds(entities.len() > 2, "there is something to sort")?;
    put(&*given.store, &entities).await?;
    for order in orders::<E>() {
        let expected = sorted(&entities, order);
        // An adapter may read the first page and the later pages by different statements. The two limits try both.
        for limit in [3, 100] {
            let seen = Reader::<E>::new(Scope::All, order, limit)?.read_all(given).await?;
            holds(seen == expected, format!("{order:?} by pages of {limit}: found {seen:?}, expected {expected:?}"))?;
        }
    }
    Ok(())
}

async fn all_pages_are_counted<E: Listed>(given: &Given<E::Store>) -> Checked {
    let order = an_order::<E>()?;
    let mut reader = Reader::<E>::new(Scope::All, order, 4)?;
    reader.request.count_up_to = Some(Total::BOUND);
    let empty = reader.page(&*given.store).await?;
    equal((empty.items, empty.next, empty.total), (vec![], None, exactly(0)))?;
    common::<E>(given, 10, |_| {}).await?;
    for rows in [4, 4, 2] {
        let page = reader.page(&*given.store).await?;
        equal((page.items.len(), page.total), (rows, exactly(10)))?;
        reader.request.after = page.next;
    }
    equal(reader.request.after, None)
}

async fn rows_are_counted_up_to_a_bound<E: Listed>(given: &Given<E::Store>) -> Checked {
    let order = an_order::<E>()?;
    common::<E>(given, 10, |_| {}).await?;
    let mut reader = Reader::<E>::new(Scope::All, order, 4)?;
    for (bound, total) in [
        (11, exactly(10)),
        (10, exactly(10)),
        (9, Some(Total { count: 9, is_exact: false })),
        (1, Some(Total { count: 1, is_exact: false })),
        (0, Some(Total { count: 0, is_exact: false })),
    ] {
        reader.request.count_up_to = Some(bound);
        let page = reader.page(&*given.store).await?;
        // The page itself does not depend on the bound.
        equal((page.total, page.items.len(), page.next.is_some()), (total, 4, true))?;
    }
    Ok(())
}

async fn a_page_has_at_most_its_limit<E: Listed>(given: &Given<E::Store>) -> Checked {
    let order = an_order::<E>()?;
    common::<E>(given, 101, |_| {}).await?;
    for limit in [PageLimit::MAX, PageLimit::default(), PageLimit::new(1)?] {
        let request = PageRequest { limit, ..PageRequest::default() };
        let page = E::list(&*given.store, Scope::All, order.0, order.1, &request).await?;
        equal((page.items.len(), page.next.is_some()), (limit.get(), true))?;
    }
    Ok(())
}

async fn a_position_of_another_type_is_an_empty_page<E: Listed>(given: &Given<E::Store>) -> Checked {
    let entities: Vec<E> = common(given, 3, |_| {}).await?;
    let keys = [SortValue::Int(-1), SortValue::Text(String::new()), SortValue::Time(Timestamp::MIN)];
    for order in orders::<E>() {
        let place = E::place(order.0, &entities[0].row());
        let others = keys.iter().filter(|key| std::mem::discriminant(*key) != std::mem::discriminant(&place.key));
        for key in others {
            let mut reader = Reader::<E>::new(Scope::All, order, 100)?;
            reader.request.after = Some(Position { key: key.clone(), id: place.id });
            let page = reader.page(&*given.store).await?;
            equal((page.items, page.next), (vec![], None))?;
        }
    }
    Ok(())
}

async fn a_page_takes_a_fixed_number_of_round_trips<E: Listed>(given: &Given<E::Store>) -> Checked {
    common::<E>(given, 60, |_| {}).await?;
    for order in orders::<E>() {
        let mut taken = Vec::new();
        for limit in [1, 1, 50] {
            let reader = Reader::<E>::new(Scope::All, order, limit)?;
            let before = given.faults().round_trips();
            reader.page(&*given.store).await?;
            taken.push(given.faults().round_trips() - before);
        }
        holds(taken[2] <= taken[1] + 1, format!("1 row takes {} round trips, 50 take {}", taken[1], taken[2]))?;
    }
    Ok(())
}

async fn what_has_left_is_not_listed_nor_counted<E: Listed>(given: &Given<E::Store>) -> Checked {
    let entities: Vec<E> = common(given, 6, |_| {}).await?;
    for gone in &entities[..2] {
        holds(leave(given, gone).await?, "an entity of this kind can leave its list")?;
    }
    for order in orders::<E>() {
        let mut reader = Reader::<E>::new(Scope::All, order, 100)?;
        reader.request.count_up_to = Some(Total::BOUND);
        let page = reader.page(&*given.store).await?;
        equal((page.total, page.items), (exactly(4), sorted(&entities[2..], order)))?;
    }
    Ok(())
}

async fn a_page_starts_after_a_row_that_has_left<E: Listed>(given: &Given<E::Store>) -> Checked {
    let order = an_order::<E>()?;
    let entities: Vec<E> = common(given, 6, |_| {}).await?;
    let expected = sorted(&entities, order);
    let mut reader = Reader::<E>::new(Scope::All, order, 3)?;
    reader.turn(given).await?;
    for gone in entities.iter().filter(|entity| Some(&entity.row()) == reader.rows.last()) {
        holds(leave(given, gone).await?, "an entity of this kind can leave its list")?;
    }
    equal(reader.turn(given).await?, false)?;
    equal(reader.rows, expected)
}

async fn a_scope_applies_before_paging_and_counting<E: Listed>(given: &Given<E::Store>) -> Checked {
    let (one, other) = (sample::user_id(), sample::user_id());
    let own: Vec<E> = common(given, 7, |entity: &mut E| entity.give(one)).await?;
    let others: Vec<E> = common(given, 11, |entity: &mut E| entity.give(other)).await?;
    for order in orders::<E>() {
        let expected = sorted(&own, order);
        let mut reader = Reader::<E>::new(Scope::OwnedBy(one), order, 5)?;
        reader.request.count_up_to = Some(Total::BOUND);
        let page = reader.page(&*given.store).await?;
        equal((page.total, &page.items[..]), (exactly(7), &expected[..5]))?;
        // Each page has the total of all pages.
        reader.request.after = page.next;
        let page = reader.page(&*given.store).await?;
        equal((page.total, page.next, &page.items[..]), (exactly(7), None, &expected[5..]))?;
        let seen = Reader::<E>::new(Scope::OwnedBy(other), order, 4)?.read_all(given).await?;
        equal(seen, sorted(&others, order))?;
        for (scope, count) in [(Scope::All, 18), (Scope::None, 0)] {
            let mut reader = Reader::<E>::new(scope, order, 5)?;
            reader.request.count_up_to = Some(Total::BOUND);
            let page = reader.page(&*given.store).await?;
            equal((page.total, page.items.len()), (exactly(count), 5.min(usize::try_from(count)?)))?;
        }
    }
    Ok(())
}
