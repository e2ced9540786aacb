//! The bodies of search.

use crate::parts::{SelfLink, path_of};
use poem_openapi::Object;
use serde::Serialize;
use skep_application::search::{SearchCard, SearchResult};
use skep_domain::{
    catalog::PRODUCT_KIND,
    search::{Highlight, SearchKind, TextPart},
};

/// The path of the search.
pub(super) const SEARCH: &str = "/api/v1/search";

/// Each kind of results, with the path of its resources. A context that joins has a line here.
pub(super) const KINDS: &[(SearchKind, &str)] = &[(PRODUCT_KIND, "/api/v1/products")];

/// A part of a highlighted text.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "HighlightPart")]
pub(super) struct HighlightPartBody {
    /// The text of the part. It is plain text, in which nothing is escaped.
    text: String,
    /// Whether it is a word of the query.
    is_match: bool,
}

/// A field that has words of the query.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Highlight")]
pub(super) struct HighlightBody {
    /// The name of the field.
    field: String,
    /// The text around the first match, in its order. A text that is cut begins or ends with `…`.
    parts: Vec<HighlightPartBody>,
}

impl From<Highlight> for HighlightBody {
    fn from(Highlight { field, parts }: Highlight) -> Self {
        let part = |part: TextPart| HighlightPartBody { text: part.text, is_match: part.is_match };
        Self { field: field.to_owned(), parts: parts.into_iter().map(part).collect() }
    }
}

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
    /// The fields that have words of the query. Absent if they were not asked for.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    highlights: Option<Vec<HighlightBody>>,
    /// The path of the thing.
    links: SelfLink,
}

impl From<SearchResult> for SearchResultBody {
    fn from(SearchResult { card, highlights }: SearchResult) -> Self {
        let SearchCard { kind, id, title, .. } = card;
        let path = KINDS.iter().find(|(known, _)| *known == kind).map_or(SEARCH, |(_, path)| path);
        let links = SelfLink::to(path_of(path, id, ""));
        let highlights = highlights.map(|found| found.into_iter().map(HighlightBody::from).collect());
        Self { kind: kind.name().to_owned(), id: id.to_string(), title, highlights, links }
    }
}
