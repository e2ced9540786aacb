//! The lists of orders, by time of placing: of all customers, and of one.

use super::orders::{COLUMNS, Stored, columns, complete, read};
use crate::{
    Kind::{self, Int, Uuid},
    SqlStore, Statement, Value,
    page::{List, ListSpec},
};
use skep_application::{
    kernel::{Page, PageRequest, Scope, StoreError},
    ordering::{LINES_PER_PAGE, OrderView},
};
use skep_domain::shared::Direction;
use std::sync::LazyLock;

/// One list in both directions, and the number of its rows.
struct Lists {
    up: List,
    down: List,
    count: &'static Statement,
}

static ALL: LazyLock<Lists> = LazyLock::new(|| lists("ordering.order.list", "", &[], &COUNT));
static OWNED: LazyLock<Lists> =
    LazyLock::new(|| lists("ordering.order.list_owned", "customer_id = $1", &[Uuid], &COUNT_OWNED));

static COUNT: Statement = Statement::both("ordering.order.count", "SELECT count(*) FROM orders", &[], &[Int]);
static COUNT_OWNED: Statement = Statement::both(
    "ordering.order.count_owned",
    "SELECT count(*) FROM orders WHERE customer_id = $1",
    &[Uuid],
    &[Int],
);

pub(crate) fn statements() -> impl Iterator<Item = &'static Statement> {
    let both: [&'static Lists; 2] = [&ALL, &OWNED];
    both.into_iter()
        .flat_map(|lists| lists.up.statements().into_iter().chain(lists.down.statements()).chain([lists.count]))
}

fn lists(name: &str, condition: &'static str, params: &'static [Kind], count: &'static Statement) -> Lists {
    let list = |way: &str, direction| {
        List::new(&ListSpec {
            name: format!("{name}_{way}"),
            columns: columns!(),
            kinds: COLUMNS,
            table: "orders",
            condition,
            params,
            key: ("created_at", Kind::Time),
            direction,
        })
    };
    Lists { up: list("up", Direction::Ascending), down: list("down", Direction::Descending), count }
}

pub(crate) async fn run(
    store: &SqlStore,
    scope: Scope,
    direction: Direction,
    request: &PageRequest,
) -> Result<Page<OrderView>, StoreError> {
    let (lists, args): (&'static Lists, Vec<Value>) = match scope {
        Scope::None => return Ok(Page::empty(request)),
        Scope::All => (&ALL, vec![]),
        Scope::OwnedBy(owner) => (&OWNED, vec![owner.into()]),
    };
    let list = match direction {
        Direction::Ascending => &lists.up,
        Direction::Descending => &lists.down,
    };
    let Some((statement, page_args)) = list.page(args.clone(), request) else { return Ok(Page::empty(request)) };
    let orders = store.list(statement, page_args, read).await?;
    // Cut before the lines are read.
    let place = |stored: &Stored| OrderView::from(&stored.order).position();
    let page = Page::fitting(orders, request, None, place, LINES_PER_PAGE, |stored| stored.line_count);
    let items = complete(store, page.items).await?;
    let total = if request.count { Some(store.count(lists.count, args).await?) } else { None };
    Ok(Page { items, next: page.next, total })
}
