//! Finding products by their words.

use super::ProductQueries;
use crate::{
    kernel::{Actor, ListError, Page, PageRequest, Reader},
    search::{SearchIndex, search_visible},
};
use skep_domain::{
    catalog::{PRODUCT_KIND, Product, actions},
    search::SearchQuery,
    shared::ProductId,
};
use std::{collections::BTreeMap, sync::Arc};

/// Returns pages of the products on sale that match a query.
pub struct SearchProducts {
    products: Reader<dyn ProductQueries>,
    index: Arc<dyn SearchIndex>,
}

impl SearchProducts {
    /// Reads the products of this store that the index finds.
    #[must_use]
    pub fn new(products: Arc<dyn ProductQueries>, index: Arc<dyn SearchIndex>) -> Self {
        Self { products: Reader::new(actions::READ_PRODUCT, products), index }
    }

    /// Finds products, the best match first. A page has fewer items than its limit if products were archived meanwhile.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        query: &SearchQuery,
        page: &PageRequest,
    ) -> Result<Page<Product>, ListError> {
        let products = self.products.open(actor)?;
        let kind = (PRODUCT_KIND, actions::READ_PRODUCT);
        let page = search_visible(&*self.index, actor, kind, query).await?.page(page);
        let ids: Vec<_> = page.items.iter().map(|hit| ProductId::new(hit.id)).collect();
        let found = if ids.is_empty() { vec![] } else { products.find_products(&ids).await? };
        let on_sale = found.into_iter().filter(Product::is_on_sale);
        let mut by_id: BTreeMap<_, _> = on_sale.map(|product| (product.id, product)).collect();
        let items = ids.iter().filter_map(|id| by_id.remove(id)).collect();
        Ok(Page { items, next: page.next, total: page.total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::MockProductQueries,
        search::{MockSearchIndex, Ranking},
        testing::*,
    };
    use skep_domain::{
        search::{Hit, Space},
        shared::{PageLimit, Timestamp},
    };

    #[tokio::test]
    async fn products_come_in_the_order_of_the_index_without_those_archived_meanwhile() {
        let hit = |n, score| Hit { id: product_id(n).uuid(), score };
        let mut index = MockSearchIndex::new();
        index.expect_search().withf(|space, _| *space == Space::all(PRODUCT_KIND)).returning(move |_, _| {
            Ok(Ranking { hits: vec![hit(2, 9), hit(3, 8), hit(1, 8), hit(4, 1)], is_exact: true })
        });
        let mut products = MockProductQueries::new();
        products.expect_find_products().times(1).returning(|ids| {
            let mut found: Vec<_> = (1..=4).map(|n| product(n, eur(5))).filter(|one| ids.contains(&one.id)).collect();
            found[2].archive(Timestamp::MIN);
            Ok(found)
        });
        let search = SearchProducts::new(Arc::new(products), Arc::new(index));
        let request = PageRequest { limit: PageLimit::new(3).unwrap(), after: None, count_up_to: None };
        let page = search.execute(&visitor(), &SearchQuery::parse("x").unwrap(), &request).await.unwrap();
        assert_eq!(page.items.iter().map(|one| one.id).collect::<Vec<_>>(), [product_id(2), product_id(1)]);
        assert!(page.next.is_some());
    }
}
