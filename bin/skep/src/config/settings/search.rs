//! The settings of search.

use super::ContextSettings;
use crate::config::{
    parse::number,
    read::Source,
    setting::{Setting, Shape},
};
use skep_application::{Policies, search::SearchPolicy};

pub(super) const SEARCH: ContextSettings = ContextSettings { settings: SETTINGS, read };

const SETTINGS: &[Setting] = &[
    Setting::new("SKEP_SEARCH_CANDIDATES", "search.candidates", Shape::Number)
        .default("10000")
        .form("a number from 100 to 100000", "10000")
        .doc("How many documents a search reads at most: the newest with the rarest word of the query. If more have the word, the older ones are not found, and the answer says that it is not complete."),
    Setting::new("SKEP_SEARCH_NEAR_WORDS", "search.near_words", Shape::Number)
        .default("1000")
        .form("a number from 0 to 10000", "1000")
        .doc("How many entries of the dictionary a search reads at most to correct a word that no document has. With 0, no word is corrected."),
    Setting::new("SKEP_SEARCH_FACET_VALUES", "search.facet_values", Shape::Number)
        .default("100")
        .form("a number from 1 to 1000", "100")
        .doc("How many values of a facet an answer has at most: the most common ones."),
];

fn read(source: &mut Source, policies: &mut Policies) {
    let within = |least: u64, most: u32| move |text: &str| u32::try_from(number(text, least, most.into())?).ok();
    policies.search = SearchPolicy {
        candidates: source.required("SKEP_SEARCH_CANDIDATES", within(100, SearchPolicy::MAX_CANDIDATES)),
        near_words: source.required("SKEP_SEARCH_NEAR_WORDS", within(0, SearchPolicy::MAX_NEAR_WORDS)),
        facet_values: source.required("SKEP_SEARCH_FACET_VALUES", within(1, SearchPolicy::MAX_FACET_VALUES)),
    };
}
