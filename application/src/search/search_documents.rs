//! Searching what the caller may see.

use super::{FacetCounts, Found, Ranking, SearchCard, SearchIndex, SearchSource, ValueCount};
use crate::kernel::{
    Actor, Denied, Page, PageRequest, Position, Scope, SortValue, Total, permit, scope, use_case_error,
};
use skep_domain::{
    search::{Facet, Highlight, Hit, SearchKind, SearchQuery, Space, actions},
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

/// The documents of a kind that an actor may list. `None` if it may list none.
#[must_use]
pub fn visible_space(actor: &Actor, (kind, action): (SearchKind, Action)) -> Option<Space> {
    match scope(actor, action) {
        Scope::All => Some(Space::all(kind)),
        Scope::OwnedBy(owner) => Some(Space::owned(kind, owner)),
        Scope::None => None,
    }
}

impl Ranking {
    /// Adds the matches of another kind.
    fn and(mut self, other: Self) -> Self {
        self.hits.extend(other.hits);
        self.hits.sort_unstable();
        for correction in other.corrections {
            match self.corrections.iter_mut().find(|known| known.word == correction.word) {
                Some(known) => known.add(correction.taken_for),
                None => self.corrections.push(correction),
            }
        }
        Self { is_exact: self.is_exact && other.is_exact, ..self }
    }

    /// The matches of a caller that may see nothing.
    pub(crate) const fn nothing() -> Self {
        Self { hits: vec![], is_exact: true, corrections: vec![] }
    }

    /// The page that was requested, the best match first.
    #[must_use]
    pub fn page(&self, request: &PageRequest) -> Page<Hit> {
        let place = |hit: &Hit| Position { key: SortValue::Int(hit.rank()), id: hit.id };
        let is_before = |hit: &Hit| match &request.after {
            Some(Position { key: SortValue::Int(rank), id }) => (hit.rank(), hit.id) >= (*rank, *id),
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
    /// Whether the results are counted by their kind.
    pub is_counted: bool,
}

/// The kind of a result, as its name.
pub const KIND: Facet = Facet::new("type");

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
    ) -> Result<Found<SearchResult>, SearchError> {
        permit(actor, actions::SEARCH)?;
        let SearchDocumentsQuery { kind, query, is_highlighted, is_counted } = asked;
        let mut ranking = Ranking::nothing();
        let mut kinds: BTreeMap<Uuid, SearchKind> = BTreeMap::new();
        for source in self.sources.iter().filter(|source| kind.is_none_or(|kind| kind == source.kind())) {
            let Some(space) = visible_space(actor, (source.kind(), source.action())) else { continue };
            let found = self.index.search(&space, query).await?;
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
        let query = query.clone().corrected(&ranking.corrections);
        let result = |card: SearchCard| {
            let highlights = || card.fields.iter().filter_map(|field| query.highlight(field)).collect();
            SearchResult { highlights: is_highlighted.then(highlights), card }
        };
        let items = page.items.iter().filter_map(|hit| cards.remove(&hit.id)).map(result).collect();
        let facets = is_counted.then(|| by_kind(&ranking, &kinds)).into_iter().collect();
        let page = Page { items, next: page.next, total: page.total };
        Ok(Found { page, is_complete: ranking.is_exact, corrections: ranking.corrections, facets })
    }
}

/// Counts the matches by their kind, up to the same bound as other facets.
fn by_kind(ranking: &Ranking, kinds: &BTreeMap<Uuid, SearchKind>) -> FacetCounts {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for hit in ranking.hits.iter().take(Total::BOUND as usize) {
        if let Some(kind) = kinds.get(&hit.id) {
            *counts.entry(kind.name()).or_default() += 1;
        }
    }
    let mut values: Vec<_> =
        counts.into_iter().map(|(kind, count)| ValueCount { value: kind.to_owned(), count }).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.count));
    FacetCounts::of(KIND.name(), values, ranking.is_counted(), u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        search::{MockSearchIndex, MockSearchSource},
        testing::*,
    };
    use skep_domain::{
        search::{Correction, NearWord, SearchField, TextPart},
        shared::{BuiltInRole, PageLimit},
    };

    const THING: SearchKind = SearchKind::new("thing");
    const OTHER: SearchKind = SearchKind::new("other");

    fn hit(id: u128, score: u32) -> Hit {
        Hit { id: Uuid::from_u128(id), typos: 0, score }
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
            let others = Ranking { hits: vec![hit(3, 7), hit(4, 1)], ..Ranking::default() };
            Ok(match space {
                space if *space == Space::all(THING) => {
                    Ranking { hits: vec![hit(1, 9), hit(9, 8), hit(2, 7)], ..Ranking::nothing() }
                }
                space if *space == Space::all(OTHER) => others,
                space if *space == Space::owned(OTHER, user_id(1)) => {
                    Ranking { hits: vec![hit(4, 1)], ..Ranking::nothing() }
                }
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
        let asked = SearchDocumentsQuery { kind, query: &query, is_highlighted: false, is_counted: false };
        let found = searching().execute(actor, asked, &request(10)).await.unwrap();
        assert_eq!(found.is_complete, found.page.total.is_some_and(|total| total.is_exact));
        let page = found.page;
        assert!(page.items.iter().all(|item| item.highlights.is_none()));
        (page.items.iter().map(|item| item.card.id.as_u128()).collect(), page.total)
    }

    #[tokio::test]
    async fn results_show_where_they_match_if_they_are_asked_to() {
        let query = SearchQuery::parse("x").unwrap();
        let asked = SearchDocumentsQuery { kind: Some(THING), query: &query, is_highlighted: true, is_counted: false };
        let page = searching().execute(&visitor(), asked, &request(10)).await.unwrap().page;
        let part = |text: &str, is_match| TextPart { text: text.to_owned(), is_match };
        let parts = vec![part("x", true), part(", y", false)];
        let expected = vec![Highlight { field: "text", parts }];
        assert!(page.items.iter().all(|item| item.highlights.as_ref() == Some(&expected)));
    }

    #[tokio::test]
    async fn results_are_counted_by_their_kind() {
        let query = SearchQuery::parse("x").unwrap();
        let asked = SearchDocumentsQuery { kind: None, query: &query, is_highlighted: false, is_counted: true };
        let counts = |actor: Actor| async move {
            let facets = searching().execute(&actor, asked, &request(1)).await.unwrap().facets;
            assert_eq!(facets.len(), 1);
            let values: Vec<_> = facets[0].values.iter().map(|one| (one.value.clone(), one.count)).collect();
            (values, facets[0].is_exact)
        };
        let one = |kind: SearchKind, count| (kind.name().to_owned(), count);
        assert_eq!(counts(visitor()).await, (vec![one(THING, 3)], true));
        assert_eq!(counts(admin()).await, (vec![one(THING, 3), one(OTHER, 2)], false));
    }

    #[test]
    fn corrections_of_several_kinds_are_put_together() {
        let ranking = |near: &[(u32, &str)]| {
            let near = near.iter().map(|(typos, text)| NearWord { typos: *typos, text: (*text).to_owned() });
            let corrections = vec![Correction { word: "hoeny".to_owned(), taken_for: near.collect() }];
            Ranking { corrections, ..Ranking::nothing() }
        };
        let both = ranking(&[(1, "honey"), (2, "bony")]).and(ranking(&[(1, "honey"), (1, "money")]));
        assert_eq!(both, ranking(&[(1, "honey"), (1, "money"), (2, "bony")]));
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
        let hits = vec![hit(5, 9), hit(4, 7), hit(3, 7), hit(1, 7), hit(2, 1), Hit { typos: 1, ..hit(6, 99) }];
        let ranking = Ranking { hits, ..Ranking::nothing() };
        let (mut request, mut seen) = (request(2), vec![]);
        loop {
            let page = ranking.page(&request);
            seen.push(page.items.iter().map(|hit| hit.id.as_u128()).collect::<Vec<_>>());
            assert_eq!(page.total.unwrap().count, 6);
            request.after = page.next;
            if request.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, [vec![5, 4], vec![3, 1], vec![2, 6]]);
    }
}
