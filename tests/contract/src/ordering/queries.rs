//! `OrderQueries`: pages of large orders.

use super::Orders;
use crate::{
    check::{Checked, equal, holds},
    clause::{self, clauses},
    harness::Need,
    laws::put,
    sample,
    units::commit,
};
use skep_application::{
    kernel::{PageRequest, Scope, Total},
    ordering::{OrderView, Overdue},
};
use skep_domain::{
    ordering::{Order, Trigger},
    shared::{Direction, PageLimit, UserId},
};

clauses! { clauses of "order_queries" on dyn Orders:
    a_page_has_at_most_a_thousand_lines_but_one_order ["OrderQueries 1"],
    pages_of_great_orders_hold_every_order_once ["OrderQueries 1"],
    overdue_orders_are_listed_and_no_others ["OrderQueries 2"],
    a_list_of_overdue_orders_goes_on_after_an_order ["OrderQueries 3"],
    a_page_that_is_cut_takes_no_more_round_trips {Need::RoundTrips},
}

type Given = clause::Given<dyn Orders>;

/// Stores an order for each number of lines, each one millisecond later than the one before.
async fn with_lines(given: &Given, customer: UserId, numbers: &[usize]) -> Checked<Vec<Order>> {
    let mut orders = Vec::new();
    for (lines, place) in numbers.iter().zip(0..) {
        let lines = (0..*lines).map(|_| sample::line(&sample::product()?, 1)).collect::<Checked<_>>()?;
        let order = sample::order_of(customer, lines, sample::at(place))?;
        put(&*given.store, std::slice::from_ref(&order)).await?;
        orders.push(order);
    }
    Ok(orders)
}

/// The number of orders on each page.
async fn lengths(given: &Given, scope: Scope, direction: Direction, limit: i64) -> Checked<Vec<usize>> {
    let mut request = PageRequest { limit: PageLimit::new(limit)?, after: None, count_up_to: None };
    let mut lengths = Vec::new();
    loop {
        let page = given.store.queries().list_orders(scope, direction, &request).await?;
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
    let first = PageRequest { limit: PageLimit::MAX, after: None, count_up_to: Some(Total::BOUND) };
    let first = given.store.queries().list_orders(own, Direction::Ascending, &first).await?;
    equal(first.total, Some(Total { count: 9, is_exact: true }))
}

async fn pages_of_great_orders_hold_every_order_once(given: &Given) -> Checked {
    let orders = with_lines(given, sample::user_id(), &[700, 1, 1_000, 1, 1, 998, 400, 600]).await?;
    for limit in [1, 2, 3, 100] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut request = PageRequest { limit: PageLimit::new(limit)?, after: None, count_up_to: None };
            let mut rows = Vec::new();
            loop {
                let page = given.store.queries().list_orders(Scope::All, direction, &request).await?;
                rows.extend(page.items);
                request.after = page.next;
                holds(rows.len() <= orders.len(), "no order is listed twice")?;
                if request.after.is_none() {
                    break;
                }
            }
            if direction == Direction::Descending {
                rows.reverse();
            }
            holds(rows.len() == orders.len(), "every order is listed")?;
            holds(rows.iter().zip(&orders).all(|(row, order)| *row == OrderView::from(order)), "orders are complete")?;
        }
    }
    Ok(())
}

async fn a_page_that_is_cut_takes_no_more_round_trips(given: &Given) -> Checked {
    with_lines(given, sample::user_id(), &[400; 5]).await?;
    let mut taken = Vec::new();
    for limit in [1, 1, 50] {
        let request = PageRequest { limit: PageLimit::new(limit)?, ..PageRequest::default() };
        let before = given.faults().round_trips();
        let page = given.store.queries().list_orders(Scope::All, Direction::Ascending, &request).await?;
        taken.push(given.faults().round_trips() - before);
        holds(page.next.is_some(), "the page is cut short")?;
    }
    holds(taken[2] <= taken[1] + 1, format!("1 order takes {} round trips, a page cut short {}", taken[1], taken[2]))
}

async fn overdue_orders_are_listed_and_no_others(given: &Given) -> Checked {
    let now = sample::at(1_000);
    let mut stored = Vec::new();
    for millis in [Some(0), None, Some(-60_000), Some(1), Some(-1), Some(60_000), Some(-1)] {
        let order = Order { expires_at: millis.map(|millis| now.plus_millis(millis)), ..sample::order()? };
        put(&*given.store, std::slice::from_ref(&order)).await?;
        stored.push(order);
    }
    // Samples of one process have ascending ids, which break the tie.
    let expected: Vec<_> = [2, 4, 6, 0].into_iter().filter_map(|place: usize| overdue(&stored[place])).collect();
    for limit in [0, 1, 3, 4, 100] {
        let found = given.store.queries().list_overdue(now, None, limit).await?;
        equal(found, expected.iter().copied().take(usize::try_from(limit)?).collect())?;
    }
    // Each change ends the first of them. In the end, only the last one waits.
    for (place, trigger) in [(2, Trigger::PaymentCaptured), (4, Trigger::Cancel), (6, Trigger::ReservationExpired)] {
        let (expires_at, mut order) = (stored[place].expires_at, stored[place].clone());
        order.apply(trigger, now)?;
        // An instance of an older release would leave it.
        order.expires_at = expires_at;
        commit!(given.store, tx => tx.orders().save(&order).await?)?;
    }
    equal(given.store.queries().list_overdue(now, None, 100).await?, expected[3..].to_vec())
}

fn overdue(order: &Order) -> Option<Overdue> {
    order.expires_at.map(|expires_at| Overdue { expires_at, id: order.id })
}

async fn a_list_of_overdue_orders_goes_on_after_an_order(given: &Given) -> Checked {
    let now = sample::at(1_000);
    let mut stored = Vec::new();
    for millis in [-3, -2, -2, -2, -1, 0, 1] {
        let order = Order { expires_at: Some(now.plus_millis(millis)), ..sample::order()? };
        put(&*given.store, std::slice::from_ref(&order)).await?;
        stored.push(order);
    }
    let all: Vec<_> = stored.iter().take(6).filter_map(overdue).collect();
    let next = async |after: Option<Overdue>, limit| given.store.queries().list_overdue(now, after, limit).await;
    for limit in [1, 2, 3, 6] {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let found = next(after, limit).await?;
            holds(listed.len() <= all.len(), "the lists come to an end")?;
            listed.extend(&found);
            if found.len() < usize::try_from(limit)? {
                break;
            }
            after = found.last().copied();
        }
        equal(listed, all.clone())?;
    }
    // The order at which a list goes on may have ended since.
    let mut paid = stored.swap_remove(2);
    paid.apply(Trigger::PaymentCaptured, now)?;
    commit!(given.store, tx => tx.orders().save(&paid).await?)?;
    equal(next(Some(all[2]), 100).await?, all[3..].to_vec())?;
    equal(next(Some(all[5]), 100).await?, vec![])
}
