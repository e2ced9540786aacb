//! The actions of search. A document is found only by callers that may list its kind.

use crate::shared::Action;

/// Search what the caller may see.
pub const SEARCH: Action = Action::everyone("search.document.search");

/// Every action of this context.
pub const ALL: &[Action] = &[SEARCH];
