//! The bodies of search.

use crate::parts::{SelfLink, path_of};
use poem_openapi::Object;
use serde::Serialize;
use skep_application::search::SearchCard;
use skep_domain::{catalog::PRODUCT_KIND, search::SearchKind};

/// The path of the search.
pub(super) const SEARCH: &str = "/api/v1/search";

/// Each kind of results, with the path of its resources. A context that joins has a line here.
pub(super) const KINDS: &[(SearchKind, &str)] = &[(PRODUCT_KIND, "/api/v1/products")];

/// A thing that was found.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "SearchResult")]
pub(super) struct SearchResultBody {
    /// The kind of the thing, as in the parameter `type`.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// The id of the thing.
    id: String,
    /// The name of the thing, one line.
    title: String,
    /// The path of the thing.
    links: SelfLink,
}

impl From<SearchCard> for SearchResultBody {
    fn from(SearchCard { kind, id, title }: SearchCard) -> Self {
        let path = KINDS.iter().find(|(known, _)| *known == kind).map_or(SEARCH, |(_, path)| path);
        let links = SelfLink::to(path_of(path, id, ""));
        Self { kind: kind.name().to_owned(), id: id.to_string(), title, links }
    }
}
