//! The settings of search.

use super::ContextSettings;
use crate::config::{
    parse::number,
    read::Source,
    setting::{Setting, Shape},
};
use skep_application::{Policies, search::SearchPolicy};

pub(super) const SEARCH: ContextSettings = ContextSettings { settings: SETTINGS, read };

const SETTINGS: &[Setting] = &[Setting::new("SKEP_SEARCH_CANDIDATES", "search.candidates", Shape::Number)
    .default("10000")
    .form("a number from 100 to 100000", "10000")
    .doc("How many documents a search reads at most: the newest with the rarest word of the query. If more have the word, the older ones are not found, and the total of the answer is not exact.")];

fn read(source: &mut Source, policies: &mut Policies) {
    let candidates = |text: &str| u32::try_from(number(text, 100, SearchPolicy::MAX_CANDIDATES.into())?).ok();
    policies.search = SearchPolicy { candidates: source.required("SKEP_SEARCH_CANDIDATES", candidates) };
}
