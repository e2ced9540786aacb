//! Searching what the caller may see.

use super::{Ranking, SearchCard, SearchIndex, SearchSource};
use crate::kernel::{
    Actor, Denied, Page, PageRequest, Position, Scope, SortValue, StoreError, Total, permit, scope, use_case_error,
};
use skep_domain::{
    search::{Highlight, Hit, SearchKind, SearchQuery, Space, actions},
    shared::Action,
};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

use_case_error! {
    /// Why a search was not made.
    SearchError {
        Denied(Denied),
    }
}

/// Searches the documents that an actor may list.
///
/// # Errors
/// Those of the store.
pub async fn search_visible(
    index: &dyn SearchIndex,
    actor: &Actor,
    (kind, action): (SearchKind, Action),
    query: &SearchQuery,
) -> Result<Ranking, StoreError> {
    match scope(actor, action) {
        Scope::All => index.search(&Space::all(kind), query).await,
        Scope::OwnedBy(owner) => index.search(&Space::owned(kind, owner), query).await,
        Scope::None => Ok(Ranking { hits: vec![], is_exact: true }),
    }
}

impl Ranking {
    /// Adds the matches of another kind.
    fn and(mut self, other: Self) -> Self {
        self.hits.extend(other.hits);
        self.hits.sort_unstable();
        Self { is_exact: self.is_exact && other.is_exact, ..self }
    }

    /// The page that was requested, the best match first.
    #[must_use]
    pub fn page(&self, request: &PageRequest) -> Page<Hit> {
        let place = |hit: &Hit| Position { key: SortValue::Int(hit.score.into()), id: hit.id };
        let is_before = |hit: &Hit| match &request.after {
            Some(Position { key: SortValue::Int(score), id }) => (i64::from(hit.score), hit.id) >= (*score, *id),
            _ => false,
        };
        let start = self.hits.partition_point(is_before);
        let rows = self.hits.iter().skip(start).take(request.limit.get() + 1).copied().collect();
        let found = u64::try_from(self.hits.len()).unwrap_or(u64::MAX);
        let total = request.total(found).map(|total| Total { is_exact: total.is_exact && self.is_exact, ..total });
        Page::of(rows, request, total, place)
    }
}

/// What a caller searches for.
#[derive(Debug, Clone, Copy)]
pub struct SearchDocumentsQuery<'a> {
    /// The only kind of the results. `None` for all kinds.
    pub kind: Option<SearchKind>,
    /// What the results match.
    pub query: &'a SearchQuery,
    /// Whether the results show where they match.
    pub is_highlighted: bool,
}

/// Something that matches, as the caller gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchResult {
    /// What was found.
    pub card: SearchCard,
    /// Its fields with words of the query. `None` if they were not asked for.
    pub highlights: Option<Vec<Highlight>>,
}

/// Searches the documents of all contexts.
pub struct SearchDocuments {
    index: Arc<dyn SearchIndex>,
    sources: Vec<Arc<dyn SearchSource>>,
}

impl SearchDocuments {
    /// Searches the documents of these sources.
    #[must_use]
    pub fn new(index: Arc<dyn SearchIndex>, sources: Vec<Arc<dyn SearchSource>>) -> Self {
        Self { index, sources }
    }

    /// The kinds that can be searched.
    pub fn kinds(&self) -> impl Iterator<Item = SearchKind> {
        self.sources.iter().map(|source| source.kind())
    }

    /// Finds documents, the best match first. A kind that the actor may not list has no
    /// matches. A page has fewer items than its limit if things were deleted meanwhile.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        asked: SearchDocumentsQuery<'_>,
        page: &PageRequest,
    ) -> Result<Page<SearchResult>, SearchError> {
        permit(actor, actions::SEARCH)?;
        let SearchDocumentsQuery { kind, query, is_highlighted } = asked;
        let mut ranking = Ranking { hits: vec![], is_exact: true };
        let mut kinds: BTreeMap<Uuid, SearchKind> = BTreeMap::new();
        for source in self.sources.iter().filter(|source| kind.is_none_or(|kind| kind == source.kind())) {
            let found = search_visible(&*self.index, actor, (source.kind(), source.action()), query).await?;
            kinds.extend(found.hits.iter().map(|hit| (hit.id, source.kind())));
            ranking = ranking.and(found);
        }
        let page = ranking.page(page);
        let mut cards = BTreeMap::new();
        for source in &self.sources {
            let of_kind = |hit: &&Hit| kinds.get(&hit.id) == Some(&source.kind());
            let ids: Vec<_> = page.items.iter().filter(of_kind).map(|hit| hit.id).collect();
            if !ids.is_empty() {
                cards.extend(source.show(&ids).await?.into_iter().map(|card| (card.id, card)));
            }
        }
        let result = |card: SearchCard| {
            let highlights = || card.fields.iter().filter_map(|field| query.highlight(field)).collect();
            SearchResult { highlights: is_highlighted.then(highlights), card }
        };
        let items = page.items.iter().filter_map(|hit| cards.remove(&hit.id)).map(result).collect();
        Ok(Page { items, next: page.next, total: page.total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        search::{MockSearchIndex, MockSearchSource},
        testing::*,
    };
    use skep_domain::{
        search::{SearchField, TextPart},
        shared::{BuiltInRole, PageLimit},
    };

    const THING: SearchKind = SearchKind::new("thing");
    const OTHER: SearchKind = SearchKind::new("other");

    fn hit(id: u128, score: u32) -> Hit {
        Hit { id: Uuid::from_u128(id), score }
    }

    fn source(kind: SearchKind, action: Action) -> Arc<dyn SearchSource> {
        let mut source = MockSearchSource::new();
        source.expect_kind().return_const(kind);
        source.expect_action().return_const(action);
        source.expect_show().returning(move |ids| {
            // Thing 9 was deleted meanwhile.
            let left = ids.iter().filter(|id| id.as_u128() != 9);
            Ok(left
                .map(|id| SearchCard {
                    kind,
                    id: *id,
                    title: String::new(),
                    fields: vec![SearchField { name: "text", weight: 1, text: "x, y".to_owned() }],
                })
                .collect())
        });
        Arc::new(source)
    }

    /// Two kinds: everyone may list things, and an account its own others.
    fn searching() -> SearchDocuments {
        let mut index = MockSearchIndex::new();
        index.expect_search().returning(|space, _| {
            let others = Ranking { hits: vec![hit(3, 7), hit(4, 1)], is_exact: false };
            Ok(match space {
                space if *space == Space::all(THING) => {
                    Ranking { hits: vec![hit(1, 9), hit(9, 8), hit(2, 7)], is_exact: true }
                }
                space if *space == Space::all(OTHER) => others,
                space if *space == Space::owned(OTHER, user_id(1)) => Ranking { hits: vec![hit(4, 1)], is_exact: true },
                _ => Ranking::default(),
            })
        });
        let everyone = Action::everyone("test.thing.read");
        let own = Action::account("test.other.read").of_others(&[BuiltInRole::Support]);
        SearchDocuments::new(Arc::new(index), vec![source(THING, everyone), source(OTHER, own)])
    }

    fn request(limit: i64) -> PageRequest {
        PageRequest { limit: PageLimit::new(limit).unwrap(), after: None, count_up_to: Some(100) }
    }

    async fn found(actor: &Actor, kind: Option<SearchKind>) -> (Vec<u128>, Option<Total>) {
        let query = SearchQuery::parse("x").unwrap();
        let asked = SearchDocumentsQuery { kind, query: &query, is_highlighted: false };
        let page = searching().execute(actor, asked, &request(10)).await.unwrap();
        assert!(page.items.iter().all(|item| item.highlights.is_none()));
        (page.items.iter().map(|item| item.card.id.as_u128()).collect(), page.total)
    }

    #[tokio::test]
    async fn results_show_where_they_match_if_they_are_asked_to() {
        let query = SearchQuery::parse("x").unwrap();
        let asked = SearchDocumentsQuery { kind: Some(THING), query: &query, is_highlighted: true };
        let page = searching().execute(&visitor(), asked, &request(10)).await.unwrap();
        let part = |text: &str, is_match| TextPart { text: text.to_owned(), is_match };
        let parts = vec![part("x", true), part(", y", false)];
        let expected = vec![Highlight { field: "text", parts }];
        assert!(page.items.iter().all(|item| item.highlights.as_ref() == Some(&expected)));
    }

    #[tokio::test]
    async fn a_caller_finds_what_it_may_list_the_best_match_first() {
        let total = |count, is_exact| Some(Total { count, is_exact });
        assert_eq!(found(&visitor(), None).await, (vec![1, 2], total(3, true)));
        assert_eq!(found(&user(1), None).await, (vec![1, 2, 4], total(4, true)));
        assert_eq!(found(&user(2), Some(OTHER)).await, (vec![], total(0, false)));
        assert_eq!(found(&admin(), None).await, (vec![1, 3, 2, 4], total(5, false)));
        assert_eq!(found(&admin(), Some(OTHER)).await, (vec![3, 4], total(2, false)));
    }

    #[test]
    fn pages_follow_each_other_in_the_order_of_the_ranking() {
        let ranking = Ranking { hits: vec![hit(5, 9), hit(4, 7), hit(3, 7), hit(1, 7), hit(2, 1)], is_exact: true };
        let (mut request, mut seen) = (request(2), vec![]);
        loop {
            let page = ranking.page(&request);
            seen.push(page.items.iter().map(|hit| hit.id.as_u128()).collect::<Vec<_>>());
            assert_eq!(page.total.unwrap().count, 5);
            request.after = page.next;
            if request.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, [vec![5, 4], vec![3, 1], vec![2]]);
    }
}
