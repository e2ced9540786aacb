//! The endpoint of search.

use super::dto::{KINDS, SEARCH, SearchResultBody};
use crate::{
    parts::{Anyone, Asked, Facets, FacetsOf, Filter, FilterOf, List, Listed, Sent, SortKey},
    problem::Problem,
};
use poem_openapi::{OpenApi, Tags, registry::MetaSchema};
use skep_application::search::{KIND, SearchDocumentsQuery};
use skep_domain::search::{Facet, SearchKind};

#[derive(Tags)]
pub(super) enum Tag {
    /// Search over everything that a caller may see.
    Search,
}

#[derive(Default)]
pub(super) struct SearchApi;

/// The order of results: the best match first.
#[derive(Clone, Copy)]
pub(super) struct Rank;

impl SortKey for Rank {
    const ALL: &'static [Self] = &[Self];
    const IS_CHOSEN: bool = false;

    fn name(self) -> &'static str {
        "rank"
    }
}

/// The kind that the results have.
struct Kind(SearchKind);

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Filter for Kind {
    const NAME: &'static str = "type";
    const MEANING: &'static str = "Only results of this type.";

    fn schema() -> MetaSchema {
        MetaSchema {
            enum_items: KINDS.iter().map(|(kind, _)| kind.name().into()).collect(),
            ..MetaSchema::new("string")
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let names: Vec<_> = KINDS.iter().map(|(kind, _)| kind.name()).collect();
        let found = KINDS.iter().find(|(kind, _)| kind.name() == text);
        found.map(|(kind, _)| Self(*kind)).ok_or_else(|| format!("must be one of {}", names.join(", ")))
    }
}

impl FacetsOf for Kind {
    const ALL: &'static [Facet] = &[KIND];
}

/// The wish to see where results match.
struct Highlighted;

impl std::fmt::Display for Highlighted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("true")
    }
}

impl Filter for Highlighted {
    const NAME: &'static str = "highlight";
    const MEANING: &'static str = "With `true`, results show their fields in which words of the query are.";

    fn schema() -> MetaSchema {
        MetaSchema { enum_items: vec!["true".into()], ..MetaSchema::new("string") }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text == "true" { Ok(Self) } else { Err("must be true".to_owned()) }
    }
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Search")]
impl SearchApi {
    /// Search
    ///
    /// Finds what the caller may see, the best match first and then the newest. Anyone may call it. `q` must be given.
    /// Of a common word or a short beginning, a bounded number of items of each type is searched (10,000 by default):
    /// `page.search.is_complete` is then false. If no item of a type has a word of `q`, near words are taken for it, and
    /// `page.search.corrections` says so. `facets=type` counts all results by their type.
    ///
    /// With `highlight=true`, each result has the fields that have words of the query, with the text around the first one
    /// and a mark for each word.
    #[oai(path = "/search", method = "get", operation_id = "list_search_results")]
    async fn search(
        &self,
        caller: Anyone,
        Sent(list): List<Rank>,
        Sent(asked): Sent<Asked>,
        Sent(kind): FilterOf<Kind>,
        Sent(highlight): FilterOf<Highlighted>,
        Sent(facets): FilterOf<Facets<Kind>>,
    ) -> Result<Listed<SearchResultBody>, Problem> {
        let filters = format!("q={asked}&{}{}{}", kind.query(), highlight.query(), facets.query());
        let list = list.open_ranked(&caller, SEARCH, filters)?;
        let search = &caller.app().search.search_documents;
        let (kind, is_highlighted) = (kind.0.map(|kind| kind.0), highlight.0.is_some());
        let wanted = SearchDocumentsQuery { kind, query: &asked.query, is_highlighted, is_counted: facets.0.is_some() };
        Ok(list.answer_found(search.execute(&caller.actor, wanted, &list.page).await?))
    }
}
