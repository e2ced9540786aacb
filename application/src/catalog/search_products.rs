//! Finding products by their words.

use super::ProductQueries;
use crate::{
    kernel::{Actor, ListError, Page, PageRequest, Reader},
    search::{Found, Ranking, SearchIndex, SearchPolicy, visible_space},
};
use skep_domain::{
    catalog::{PRODUCT_KIND, Product, actions},
    search::{Facet, SearchQuery},
    shared::ProductId,
};
use std::{collections::BTreeMap, sync::Arc};

/// Returns pages of the products on sale that match a query.
pub struct SearchProducts {
    products: Reader<dyn ProductQueries>,
    index: Arc<dyn SearchIndex>,
    policy: SearchPolicy,
}

impl SearchProducts {
    /// Reads the products of this store that the index finds.
    #[must_use]
    pub fn new(products: Arc<dyn ProductQueries>, index: Arc<dyn SearchIndex>, policy: SearchPolicy) -> Self {
        Self { products: Reader::new(actions::READ_PRODUCT, products), index, policy }
    }

    /// Finds products, the best match first, and counts all that match by these facets. A page has fewer items than its
    /// limit if products were archived meanwhile.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        query: &SearchQuery,
        facets: &[Facet],
        page: &PageRequest,
    ) -> Result<Found<Product>, ListError> {
        let products = self.products.open(actor)?;
        let (mut ranking, mut counted) = (Ranking::nothing(), vec![]);
        if let Some(space) = visible_space(actor, (PRODUCT_KIND, actions::READ_PRODUCT)) {
            ranking = self.index.search(&space, query).await?;
            counted = ranking.count_by(&*self.index, &space, facets, self.policy.facet_values).await?;
        }
        let page = ranking.page(page);
        let ids: Vec<_> = page.items.iter().map(|hit| ProductId::new(hit.id)).collect();
        let found = if ids.is_empty() { vec![] } else { products.find_products(&ids).await? };
        let on_sale = found.into_iter().filter(Product::is_on_sale);
        let mut by_id: BTreeMap<_, _> = on_sale.map(|product| (product.id, product)).collect();
        let items = ids.iter().filter_map(|id| by_id.remove(id)).collect();
        let page = Page { items, next: page.next, total: page.total };
        let Ranking { is_exact, corrections, .. } = ranking;
        Ok(Found { page, is_complete: is_exact, corrections, facets: counted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::MockProductQueries,
        search::{MockSearchIndex, ValueCount},
        testing::*,
    };
    use skep_domain::{
        catalog::CURRENCY,
        search::{Hit, Space},
        shared::{PageLimit, Timestamp},
    };

    #[tokio::test]
    async fn products_come_in_the_order_of_the_index_without_those_archived_meanwhile() {
        let hit = |n, score| Hit { id: product_id(n).uuid(), typos: 0, score };
        let mut index = MockSearchIndex::new();
        index.expect_search().withf(|space, _| *space == Space::all(PRODUCT_KIND)).returning(move |_, _| {
            let hits = vec![hit(2, 9), hit(3, 8), hit(1, 8), hit(4, 1)];
            Ok(Ranking { hits, is_exact: true, ..Ranking::default() })
        });
        index.expect_count_values().times(1).returning(|_, facet, ids, _| {
            assert_eq!((facet, ids.len()), (CURRENCY, 4));
            Ok(vec![ValueCount { value: "EUR".to_owned(), count: 4 }])
        });
        let mut products = MockProductQueries::new();
        products.expect_find_products().times(1).returning(|ids| {
            let mut found: Vec<_> = (1..=4).map(|n| product(n, eur(5))).filter(|one| ids.contains(&one.id)).collect();
            found[2].archive(Timestamp::MIN);
            Ok(found)
        });
        let search = SearchProducts::new(Arc::new(products), Arc::new(index), SearchPolicy::default());
        let request = PageRequest { limit: PageLimit::new(3).unwrap(), after: None, count_up_to: None };
        let query = SearchQuery::parse("x").unwrap();
        let found = search.execute(&visitor(), &query, &[CURRENCY], &request).await.unwrap();
        let page = found.page;
        assert_eq!((found.facets[0].name, found.facets[0].values[0].count), ("currency", 4));
        assert_eq!(page.items.iter().map(|one| one.id).collect::<Vec<_>>(), [product_id(2), product_id(1)]);
        assert!(page.next.is_some());
    }
}
