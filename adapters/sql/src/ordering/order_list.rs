//! The lists of orders by the time of placing: of all customers, and of one.

use super::orders::{ORDERS, OTHER, OrderRow, UNPAID, complete};
use crate::{
    Kind, SqlStore, Statement, Value,
    page::{Listed, Pages},
    stored::Stored,
};
use skep_application::{
    kernel::{Page, PageRequest, Scope, StoreError},
    ordering::{LINES_PER_PAGE, OrderView},
};
use skep_domain::shared::Direction;
use std::sync::LazyLock;

const PLACED: &str = "created_at";

static ALL: LazyLock<Pages> = LazyLock::new(|| {
    let sorts = [("list".to_owned(), PLACED)];
    Pages::new(&ORDERS, &Listed { condition: "", params: &[], sorts: &sorts, count: "count" })
});
static OWNED: LazyLock<Pages> = LazyLock::new(|| {
    let sorts = [("list_owned".to_owned(), PLACED)];
    let owned = Listed { condition: "customer_id = $1", params: &[Kind::Uuid], sorts: &sorts, count: "count_owned" };
    Pages::in_parts(&ORDERS, &owned, &[UNPAID, OTHER])
});

pub(super) fn statements() -> impl Iterator<Item = &'static Statement> {
    ALL.statements().chain(OWNED.statements())
}

pub(super) async fn run(
    store: &SqlStore,
    scope: Scope,
    direction: Direction,
    request: &PageRequest,
) -> Result<Page<OrderView>, StoreError> {
    let (pages, args): (&'static Pages, Vec<Value>) = match scope {
        Scope::None => return Ok(Page::empty(request)),
        Scope::All => (&ALL, vec![]),
        Scope::OwnedBy(owner) => (&OWNED, vec![owner.into()]),
    };
    let by = (PLACED, direction);
    let Some(orders) = pages.rows(store, by, args.clone(), request, OrderRow::read).await? else {
        return Ok(Page::empty(request));
    };
    // Cuts the page before the lines are read.
    let place = |row: &OrderRow| OrderView::from(&row.order).position();
    let page = Page::fitting(orders, request, None, place, LINES_PER_PAGE, |row| row.line_count);
    let items = complete(store, page.items).await?;
    let total = pages.total(store, args, request).await?;
    Ok(Page { items, next: page.next, total })
}
