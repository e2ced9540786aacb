//! Counting results by their facets.

use super::{Ranking, SearchIndex, ValueCount};
use crate::kernel::{Page, StoreError, Total};
use skep_domain::search::{Correction, Facet, Space};

/// What results have of a facet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCounts {
    /// The name of the facet.
    pub name: &'static str,
    /// The values, the most common ones first, and of them the first ones in the order of their bytes.
    pub values: Vec<ValueCount>,
    /// Whether all results were counted. Otherwise each number may be greater.
    pub is_exact: bool,
    /// Whether results have other values, too.
    pub has_more: bool,
}

impl FacetCounts {
    /// Keeps the first `most` of the values.
    pub(super) fn of(name: &'static str, mut values: Vec<ValueCount>, is_exact: bool, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let has_more = values.len() > most;
        values.truncate(most);
        Self { name, values, is_exact, has_more }
    }
}

/// A page of the results of a search, and what is known of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// The items of the page, and the place of the next one.
    pub page: Page<T>,
    /// Whether all matches were found. Otherwise the oldest documents with common words were not searched.
    pub is_complete: bool,
    /// The words of the query that were taken for others.
    pub corrections: Vec<Correction>,
    /// The facets that were asked for, in the order of the request.
    pub facets: Vec<FacetCounts>,
}

impl<T> Found<T> {
    /// Changes the items of the page.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Found<U> {
        let Self { page, is_complete, corrections, facets } = self;
        Found { page: page.map(change), is_complete, corrections, facets }
    }
}

impl Ranking {
    /// Whether the numbers of a facet are exact, if the matches are counted up to [`Total::BOUND`].
    pub(super) fn is_counted(&self) -> bool {
        self.is_exact && self.hits.len() <= Total::BOUND as usize
    }

    /// Counts the matches by these facets, at most [`Total::BOUND`] of them, the best ones. Each facet has at most `most`
    /// values.
    ///
    /// # Errors
    /// Those of the index.
    pub async fn count_by(
        &self,
        index: &dyn SearchIndex,
        space: &Space,
        facets: &[Facet],
        most: u32,
    ) -> Result<Vec<FacetCounts>, StoreError> {
        let ids: Vec<_> = self.hits.iter().take(Total::BOUND as usize).map(|hit| hit.id).collect();
        let mut counted = Vec::with_capacity(facets.len());
        for facet in facets {
            let values = match &ids[..] {
                [] => vec![],
                ids => index.count_values(space, *facet, ids, most.saturating_add(1)).await?,
            };
            counted.push(FacetCounts::of(facet.name(), values, self.is_counted(), most));
        }
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::MockSearchIndex;
    use skep_domain::search::{Hit, SearchKind};
    use uuid::Uuid;

    async fn counted(hits: u128, is_exact: bool, most: u32) -> FacetCounts {
        let hit = |id| Hit { id: Uuid::from_u128(id), typos: 0, score: 1 };
        let ranking = Ranking { hits: (0..hits).map(hit).collect(), is_exact, ..Ranking::default() };
        let mut index = MockSearchIndex::new();
        index.expect_count_values().times(usize::from(hits > 0)).returning(|_, _, ids, limit| {
            let value = |n: u32| ValueCount { value: n.to_string(), count: ids.len() as u64 };
            Ok((0..limit.min(3)).map(value).collect())
        });
        let space = Space::all(SearchKind::new("thing"));
        let mut counted = ranking.count_by(&index, &space, &[Facet::new("color")], most).await.unwrap();
        counted.remove(0)
    }

    #[tokio::test]
    async fn matches_are_counted_up_to_a_bound_and_the_answer_says_so() {
        for (hits, is_complete, count, is_exact) in
            [(7, true, 7, true), (7, false, 7, false), (10_000, true, 10_000, true), (10_001, true, 10_000, false)]
        {
            let counts = counted(hits, is_complete, 9).await;
            assert_eq!((counts.values[0].count, counts.is_exact), (count, is_exact), "{hits}");
        }
        assert_eq!(counted(0, true, 9).await.values, []);
    }

    #[tokio::test]
    async fn a_facet_has_a_bounded_number_of_values() {
        let (few, all) = (counted(7, true, 2).await, counted(7, true, 3).await);
        assert_eq!((few.values.len(), few.has_more), (2, true));
        assert_eq!((all.values.len(), all.has_more), (3, false));
    }
}
