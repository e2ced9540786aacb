//! `OrderQueries`.

use crate::{
    check::{Checked, equal, holds},
    clause::{Given, clauses},
    harness::Need,
    sample,
    units::commit,
};
use skep_application::{
    kernel::{PageRequest, Position, Scope, SortValue},
    ordering::OrderView,
};
use skep_domain::{
    ordering::{Order, Trigger},
    shared::{Direction, OrderId, PageLimit, UserId},
};

clauses! { "order_queries":
    an_order_is_shown_as_stored,
    a_scope_hides_other_customers,
    pages_hold_every_order_once,
    pages_hold_every_order_once_while_orders_come,
    a_scope_applies_before_paging_and_counting,
    a_page_has_at_most_its_limit ["OrderQueries 1"],
    a_page_has_at_most_a_thousand_lines_but_one_order ["OrderQueries 1"],
    pages_of_great_orders_hold_every_order_once ["OrderQueries 1"],
    a_position_of_another_type_is_an_empty_page,
    a_page_takes_a_fixed_number_of_round_trips {Need::RoundTrips},
}

/// Orders of a customer, three at each moment, of which ids break the tie.
async fn some_orders(given: &Given, customer: UserId, count: i64) -> Checked<Vec<Order>> {
    let mut orders = Vec::new();
    for number in 0..count {
        let lines = vec![sample::line(&sample::product()?, 1)?, sample::line(&sample::product()?, 2)?];
        orders.push(sample::order_of(customer, lines, sample::at(number / 3 * 10))?);
    }
    // Not stored in the order in which they are listed.
    orders.sort_by_key(|order| order.number.clone());
    commit!(given.store, ordering, tx => {
        for order in &orders {
            tx.orders().insert(order).await?;
        }
    })?;
    orders.sort_by_key(|order| (order.created_at, order.id));
    Ok(orders)
}

fn ids<'a>(orders: impl IntoIterator<Item = &'a Order>) -> Vec<OrderId> {
    orders.into_iter().map(|order| order.id).collect()
}

/// A reader who turns page after page.
struct Reader {
    scope: Scope,
    direction: Direction,
    request: PageRequest,
    rows: Vec<OrderView>,
}

impl Reader {
    fn new(scope: Scope, direction: Direction, limit: i64) -> Checked<Self> {
        let request = PageRequest { limit: PageLimit::new(limit)?, after: None, count: false };
        Ok(Self { scope, direction, request, rows: vec![] })
    }

    /// Reads a page; `false` if it was the last.
    async fn turn(&mut self, given: &Given) -> Checked<bool> {
        let page = given.store.list_orders(self.scope, self.direction, &self.request).await?;
        holds(page.items.len() <= self.request.limit.get(), "a page has at most its limit")?;
        equal(page.total, None)?;
        if page.next.is_some() {
            equal(page.items.len(), self.request.limit.get())?;
            equal(page.next.clone(), page.items.last().map(OrderView::position))?;
        }
        self.rows.extend(page.items);
        self.request.after = page.next;
        Ok(self.request.after.is_some())
    }

    async fn read_all(mut self, given: &Given) -> Checked<Vec<OrderView>> {
        while self.turn(given).await? {}
        Ok(self.rows)
    }
}

async fn an_order_is_shown_as_stored(given: &Given) -> Checked {
    let mut order = sample::order()?;
    equal(given.store.find_order(Scope::All, order.id).await?, None)?;
    sample::file(&*given.store, &order).await?;
    equal(given.store.find_order(Scope::All, order.id).await?, Some(OrderView::from(&order)))?;
    order.apply(Trigger::Cancel, sample::at(9_000))?;
    order.version = commit!(given.store, ordering, tx => tx.orders().save(&order).await?)?;
    equal(given.store.find_order(Scope::All, order.id).await?, Some(OrderView::from(&order)))?;
    let page = given.store.list_orders(Scope::All, Direction::Descending, &PageRequest::default()).await?;
    equal(page.items, vec![OrderView::from(&order)])
}

async fn a_scope_hides_other_customers(given: &Given) -> Checked {
    let (one, other) = (sample::order()?, sample::order()?);
    sample::file(&*given.store, &one).await?;
    sample::file(&*given.store, &other).await?;
    let own = Scope::OwnedBy(one.customer_id);
    equal(given.store.find_order(own, one.id).await?.map(|order| order.id), Some(one.id))?;
    equal(given.store.find_order(own, other.id).await?, None)?;
    equal(given.store.find_order(Scope::None, one.id).await?, None)?;
    let listed = given.store.list_orders(own, Direction::Ascending, &PageRequest::default()).await?;
    equal(listed.items.iter().map(|order| order.id).collect::<Vec<_>>(), vec![one.id])?;
    let nothing = PageRequest { count: true, ..PageRequest::default() };
    let listed = given.store.list_orders(Scope::None, Direction::Ascending, &nothing).await?;
    equal((listed.items, listed.next, listed.total), (vec![], None, Some(0)))
}

async fn pages_hold_every_order_once(given: &Given) -> Checked {
    let orders = some_orders(given, sample::user_id(), 20).await?;
    for limit in [1, 3, 7, 10, 20, 100] {
        let rows = Reader::new(Scope::All, Direction::Ascending, limit)?.read_all(given).await?;
        equal(rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids(&orders))?;
        holds(rows.iter().zip(&orders).all(|(row, order)| *row == OrderView::from(order)), "rows are whole")?;
        let rows = Reader::new(Scope::All, Direction::Descending, limit)?.read_all(given).await?;
        equal(rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids(orders.iter().rev()))?;
    }
    Ok(())
}

async fn pages_hold_every_order_once_while_orders_come(given: &Given) -> Checked {
    for direction in [Direction::Ascending, Direction::Descending] {
        let customer = sample::user_id();
        let mut orders = some_orders(given, customer, 20).await?;
        let mut reader = Reader::new(Scope::OwnedBy(customer), direction, 3)?;
        let mut pages = 0;
        while reader.turn(given).await? {
            // Before, among and after those that were there, some at the same moment; in the end nothing comes any more.
            let coming: &[i64] = if pages < 8 { &[-5, 10, 15, 1_000_000] } else { &[] };
            for millis in coming {
                let lines = vec![sample::line(&sample::product()?, 1)?];
                let placed = sample::at(millis + pages * 10);
                sample::file(&*given.store, &sample::order_of(customer, lines, placed)?).await?;
            }
            pages += 1;
            holds(pages < 50, "the pages come to an end")?;
        }
        if direction == Direction::Descending {
            orders.reverse();
        }
        let seen: Vec<OrderId> = reader.rows.iter().map(|row| row.id).collect();
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        equal(once.len(), seen.len())?;
        let before = ids(&orders);
        equal(seen.into_iter().filter(|id| before.contains(id)).collect::<Vec<_>>(), before)?;
    }
    Ok(())
}

async fn a_scope_applies_before_paging_and_counting(given: &Given) -> Checked {
    let (one, other) = (sample::user_id(), sample::user_id());
    let own = some_orders(given, one, 7).await?;
    some_orders(given, other, 11).await?;
    let first = PageRequest { limit: PageLimit::new(5)?, after: None, count: true };
    let page = given.store.list_orders(Scope::OwnedBy(one), Direction::Ascending, &first).await?;
    equal(page.total, Some(7))?;
    equal(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), ids(&own[..5]))?;
    // The count is of all pages, whichever is read.
    let rest = PageRequest { after: page.next, ..first.clone() };
    let page = given.store.list_orders(Scope::OwnedBy(one), Direction::Ascending, &rest).await?;
    equal((page.total, page.next), (Some(7), None))?;
    equal(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), ids(&own[5..]))?;
    let page = given.store.list_orders(Scope::All, Direction::Ascending, &first).await?;
    equal(page.total, Some(18))?;
    let rows = Reader::new(Scope::OwnedBy(other), Direction::Descending, 4)?.read_all(given).await?;
    holds(rows.len() == 11 && rows.iter().all(|row| row.customer_id == other), "only the own orders are listed")
}

async fn a_page_has_at_most_its_limit(given: &Given) -> Checked {
    some_orders(given, sample::user_id(), 101).await?;
    for limit in [PageLimit::MAX, PageLimit::default(), PageLimit::new(1)?] {
        let request = PageRequest { limit, ..PageRequest::default() };
        let page = given.store.list_orders(Scope::All, Direction::Ascending, &request).await?;
        equal((page.items.len(), page.next.is_some()), (limit.get(), true))?;
    }
    Ok(())
}

/// Orders with so many lines, one after the other.
async fn with_lines(given: &Given, customer: UserId, numbers: &[usize]) -> Checked<Vec<Order>> {
    let mut orders = Vec::new();
    for (lines, place) in numbers.iter().zip(0..) {
        let lines = (0..*lines).map(|_| sample::line(&sample::product()?, 1)).collect::<Checked<_>>()?;
        let order = sample::order_of(customer, lines, sample::at(place))?;
        sample::file(&*given.store, &order).await?;
        orders.push(order);
    }
    Ok(orders)
}

/// How many orders each page has.
async fn lengths(given: &Given, scope: Scope, direction: Direction, limit: i64) -> Checked<Vec<usize>> {
    let mut request = PageRequest { limit: PageLimit::new(limit)?, after: None, count: true };
    let mut lengths = Vec::new();
    loop {
        let page = given.store.list_orders(scope, direction, &request).await?;
        lengths.push(page.items.len());
        holds(lengths.len() < 50, "the pages come to an end")?;
        let last = page.items.last().map(OrderView::position);
        request.after = page.next;
        match &request.after {
            None => return Ok(lengths),
            after => equal(after.clone(), last)?,
        }
    }
}

async fn a_page_has_at_most_a_thousand_lines_but_one_order(given: &Given) -> Checked {
    let customer = sample::user_id();
    let own = Scope::OwnedBy(customer);
    with_lines(given, customer, &[600, 400, 1, 999, 1_000, 500, 501, 2, 3]).await?;
    for scope in [own, Scope::All] {
        equal(lengths(given, scope, Direction::Ascending, 100).await?, vec![2, 2, 1, 1, 3])?;
        equal(lengths(given, scope, Direction::Descending, 100).await?, vec![3, 1, 1, 2, 2])?;
        equal(lengths(given, scope, Direction::Ascending, 2).await?, vec![2, 2, 1, 1, 2, 1])?;
        equal(lengths(given, scope, Direction::Ascending, 1).await?, vec![1; 9])?;
    }
    let first = PageRequest { limit: PageLimit::MAX, after: None, count: true };
    equal(given.store.list_orders(own, Direction::Ascending, &first).await?.total, Some(9))
}

async fn pages_of_great_orders_hold_every_order_once(given: &Given) -> Checked {
    let orders = with_lines(given, sample::user_id(), &[700, 1, 1_000, 1, 1, 998, 400, 600]).await?;
    for limit in [1, 2, 3, 100] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut request = PageRequest { limit: PageLimit::new(limit)?, after: None, count: false };
            let mut rows = Vec::new();
            loop {
                let page = given.store.list_orders(Scope::All, direction, &request).await?;
                rows.extend(page.items);
                request.after = page.next;
                holds(rows.len() <= orders.len(), "no order comes twice")?;
                if request.after.is_none() {
                    break;
                }
            }
            if direction == Direction::Descending {
                rows.reverse();
            }
            holds(rows.len() == orders.len(), "every order is there")?;
            holds(rows.iter().zip(&orders).all(|(row, order)| *row == OrderView::from(order)), "rows are whole")?;
        }
    }
    Ok(())
}

async fn a_position_of_another_type_is_an_empty_page(given: &Given) -> Checked {
    let orders = some_orders(given, sample::user_id(), 3).await?;
    for key in [SortValue::Int(0), SortValue::Text(String::new())] {
        let after = Some(Position { key, id: orders[0].id.uuid() });
        let request = PageRequest { after, ..PageRequest::default() };
        let page = given.store.list_orders(Scope::All, Direction::Ascending, &request).await?;
        equal((page.items, page.next), (vec![], None))?;
    }
    Ok(())
}

async fn a_page_takes_a_fixed_number_of_round_trips(given: &Given) -> Checked {
    some_orders(given, sample::user_id(), 60).await?;
    let mut taken = Vec::new();
    for limit in [1, 1, 50] {
        let request = PageRequest { limit: PageLimit::new(limit)?, ..PageRequest::default() };
        let before = given.instance.round_trips();
        given.store.list_orders(Scope::All, Direction::Ascending, &request).await?;
        taken.push(given.instance.round_trips() - before);
    }
    holds(taken[2] <= taken[1] + 1, format!("1 order takes {} round trips, 50 take {}", taken[1], taken[2]))?;
    with_lines(given, sample::user_id(), &[400; 5]).await?;
    let request = PageRequest { limit: PageLimit::new(50)?, ..PageRequest::default() };
    let before = given.instance.round_trips();
    let page = given.store.list_orders(Scope::All, Direction::Ascending, &request).await?;
    let cut = given.instance.round_trips() - before;
    holds(page.next.is_some(), "the page is cut")?;
    holds(cut <= taken[1] + 1, format!("1 order takes {} round trips, a page that is cut takes {cut}", taken[1]))
}
