//! The operations of search.

use crate::parts::{Cost, Operation};
use skep_application::search::SearchError;
use skep_domain::search::actions::SEARCH;

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] =
    &[Operation::new("list_search_results", SEARCH, SearchError::REFUSALS).cost(Cost::Search)];
