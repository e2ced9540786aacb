//! What lists of search results say besides their items.

use super::{filter::Filter, page::PageInfo};
use poem_openapi::{Object, registry::MetaSchema};
use serde::Serialize;
use skep_application::search::{FacetCounts, Found, ValueCount};
use skep_domain::search::{Correction, Facet};
use std::{fmt, marker::PhantomData};

/// Facts about all results of a search.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename = "SearchFacts")]
pub(crate) struct SearchFacts {
    /// Whether all matches were found. If it is false, the oldest items with common words were not searched.
    is_complete: bool,
    /// The words of `q` that no item has, and what they were taken for. Words in quotes, excluded and short ones are taken
    /// exactly.
    corrections: Vec<CorrectionBody>,
    /// The results counted by each facet of `facets`, in that order.
    facets: Vec<FacetBody>,
}

/// A word that was taken for others.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename = "Correction")]
pub(crate) struct CorrectionBody {
    /// The word of `q`, in lowercase letters and without accents.
    word: String,
    /// The words that items were found by instead, the nearest first.
    taken_for: Vec<String>,
}

/// The results counted by a facet.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename = "FacetCounts")]
pub(crate) struct FacetBody {
    /// The name of the facet.
    name: String,
    /// The values that results have, the most common ones first.
    values: Vec<FacetValueBody>,
    /// Whether the numbers are exact. If it is false, each may be greater.
    is_exact: bool,
    /// Whether results have other values, too.
    has_more: bool,
}

/// The number of results with a value.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename = "FacetValue")]
pub(crate) struct FacetValueBody {
    /// The value, as the parameter with the name of the facet takes it.
    value: String,
    /// The number of results.
    count: u64,
}

impl From<Correction> for CorrectionBody {
    fn from(Correction { word, taken_for }: Correction) -> Self {
        Self { word, taken_for: taken_for.into_iter().map(|near| near.text).collect() }
    }
}

impl From<FacetCounts> for FacetBody {
    fn from(FacetCounts { name, values, is_exact, has_more }: FacetCounts) -> Self {
        let value = |ValueCount { value, count }| FacetValueBody { value, count };
        Self { name: name.to_owned(), values: values.into_iter().map(value).collect(), is_exact, has_more }
    }
}

impl PageInfo {
    /// The same facts, and those of all results.
    pub(super) fn of_search<T>(self, found: Found<T>) -> Self {
        let Found { is_complete, corrections, facets, .. } = found;
        let corrections = corrections.into_iter().map(CorrectionBody::from).collect();
        let facets = facets.into_iter().map(FacetBody::from).collect();
        Self { search: Some(SearchFacts { is_complete, corrections, facets }), ..self }
    }
}

/// The facets of a list.
pub(crate) trait FacetsOf: Send + Sync {
    /// Each of them.
    const ALL: &'static [Facet];
}

/// The facets by which a request wants results to be counted.
pub(crate) struct Facets<L>(pub(crate) Vec<Facet>, PhantomData<L>);

impl<L> fmt::Display for Facets<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|facet| facet.name()).collect();
        f.write_str(&names.join(","))
    }
}

impl<L: FacetsOf> Filter for Facets<L> {
    const NAME: &'static str = "facets";
    const MEANING: &'static str = "The facets by which all results are counted in `page.search.facets`, separated by \
        commas. At most 10,000 results are counted.";

    fn schema() -> MetaSchema {
        let one = names::<L>().join("|");
        let pattern = Some(format!("^({one})(,({one}))*$"));
        MetaSchema { pattern, example: Some(names::<L>().join(",").into()), ..MetaSchema::new("string") }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut facets = Vec::new();
        for name in text.split(',') {
            let found = L::ALL.iter().find(|facet| facet.name() == name);
            let found = found.ok_or_else(|| format!("must be some of {}", names::<L>().join(", ")))?;
            if facets.contains(found) {
                return Err(format!("has {name} twice"));
            }
            facets.push(*found);
        }
        Ok(Self(facets, PhantomData))
    }
}

fn names<L: FacetsOf>() -> Vec<&'static str> {
    L::ALL.iter().map(|facet| facet.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Things;

    impl FacetsOf for Things {
        const ALL: &'static [Facet] = &[Facet::new("color"), Facet::new("size")];
    }

    #[test]
    fn facets_are_named_once_each() {
        let parsed = |text: &str| Facets::<Things>::parse(text).map(|facets| facets.to_string());
        assert_eq!(parsed("size,color").as_deref(), Ok("size,color"));
        assert_eq!(parsed("size,size"), Err("has size twice".to_owned()));
        for text in ["", ",", "size,", "weight", "size color"] {
            assert_eq!(parsed(text), Err("must be some of color, size".to_owned()), "{text}");
        }
    }
}
