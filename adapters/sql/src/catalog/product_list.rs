//! The list of the products on sale: a statement for every sort key, direction and kind of page.

use super::products::{COLUMNS, columns, read_view};
use crate::{
    Kind::{self, Int},
    SqlStore, Statement,
    page::{List, ListSpec},
};
use skep_application::{
    catalog::{ProductSort, ProductSortKey},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{catalog::Product, shared::Direction};
use std::sync::LazyLock;

static LISTS: LazyLock<Vec<(ProductSort, List)>> = LazyLock::new(|| {
    let directions = [Direction::Ascending, Direction::Descending];
    let sorts = ProductSortKey::ALL.iter().flat_map(|key| directions.map(|direction| (*key, direction)));
    sorts.map(|(key, direction)| (ProductSort { key, direction }, list(key, direction))).collect()
});

static COUNT: Statement =
    Statement::both("catalog.product.count", "SELECT count(*) FROM products WHERE archived_at IS NULL", &[], &[Int]);

pub(crate) fn statements() -> impl Iterator<Item = &'static Statement> {
    LISTS.iter().flat_map(|(_, list)| list.statements()).chain([&COUNT])
}

fn list(key: ProductSortKey, direction: Direction) -> List {
    let column = match key {
        ProductSortKey::CreatedAt => ("created_at", Kind::Time),
        ProductSortKey::Name => ("name", Kind::Text),
        ProductSortKey::Sku => ("sku", Kind::Text),
        ProductSortKey::Price => ("price_amount", Kind::Int),
    };
    let way = match direction {
        Direction::Ascending => "up",
        Direction::Descending => "down",
    };
    List::new(&ListSpec {
        name: format!("catalog.product.list_by_{}_{way}", key.name()),
        columns: columns!(),
        kinds: COLUMNS,
        table: "products",
        condition: "archived_at IS NULL",
        params: &[],
        key: column,
        direction,
    })
}

pub(crate) async fn run(
    store: &SqlStore,
    sort: ProductSort,
    request: &PageRequest,
) -> Result<Page<Product>, StoreError> {
    let list = LISTS.iter().find(|(of, _)| *of == sort).map(|(_, list)| list);
    let Some((statement, args)) = list.and_then(|list| list.page(vec![], request)) else {
        return Ok(Page::empty(request));
    };
    let rows = store.list(statement, args, read_view).await?;
    let total = if request.count { Some(store.count(&COUNT, vec![]).await?) } else { None };
    Ok(Page::of(rows, request, total, |product| sort.key.position(product)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_has_its_list() {
        assert_eq!(LISTS.len(), ProductSortKey::ALL.len() * 2);
        assert_eq!(statements().count(), LISTS.len() * 2 + 1);
    }
}
