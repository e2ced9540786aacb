//! The query of a search.

use super::{
    filter::{Filter, Filtered},
    parameter::{Parameter, invalid},
};
use crate::problem::Problem;
use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaSchema};
use skep_domain::search::{QUERY_MAX, SearchQuery};
use std::fmt;

/// The text of a query, and what it means.
pub(crate) struct Asked {
    text: String,
    pub(crate) query: SearchQuery,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        form_urlencoded::byte_serialize(self.text.as_bytes()).try_for_each(|part| f.write_str(part))
    }
}

impl Filter for Asked {
    const NAME: &'static str = "q";
    const MEANING: &'static str = "The words to search for. Items match if they have all of them. `\"linden honey\"` is \
        a phrase, `hon*` is the beginning of a word, and `-bee` leaves out items. Case and accents do not count.";

    fn schema() -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            max_length: Some(QUERY_MAX),
            example: Some("honey".into()),
            ..MetaSchema::new("string")
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let query = SearchQuery::parse(text).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), query })
    }
}

/// The query of a search that has nothing to answer without one.
impl Parameter for Asked {
    const PLACE: MetaParamIn = MetaParamIn::Query;
    const IS_REQUIRED: bool = true;

    fn schema() -> MetaSchema {
        Filtered::<Self>::schema()
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        Filtered::<Self>::read(request)?.0.ok_or_else(|| invalid(Self::NAME, "is missing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_escaped_in_links() {
        let shown = |text: &str| Asked::parse(text).map(|asked| asked.to_string());
        assert_eq!(
            shown("linden \"raw honey\" -b&c мёд").as_deref(),
            Ok("linden+%22raw+honey%22+-b%26c+%D0%BC%D1%91%D0%B4")
        );
        assert_eq!(shown("-x"), Err("must have a word that is searched for".to_owned()));
    }
}
