//! What lists share: their parameters, their pages and their links.

use super::state::State;
use crate::problem::{FieldError, Problem, code};
use poem_openapi::Object;
use serde::Serialize;
use skep_application::kernel::{Actor, Page, PageRequest, Position};
use skep_domain::shared::{Direction, PageLimit};

/// The page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename = "Page")]
pub(crate) struct PageInfo {
    /// Names the place after this page; absent on the last one.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    /// Whether more follow.
    pub(crate) has_more: bool,
    /// The number of items on all pages, with `count=exact`.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<u64>,
}

/// Where a list and its next page are.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub(crate) struct ListLinks {
    /// This page.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    pub(crate) this: String,
    /// The next page, if there is one.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// The parameters of a list, as sent.
pub(crate) struct ListParameters {
    pub(crate) limit: Option<i64>,
    pub(crate) cursor: Option<String>,
    pub(crate) sort: Option<String>,
    pub(crate) count: Option<String>,
}

/// A list as it was asked for.
pub(crate) struct ListRequest<K> {
    path: &'static str,
    pub(crate) key: K,
    pub(crate) direction: Direction,
    pub(crate) page: PageRequest,
    sort: String,
    cursor: Option<String>,
    context: String,
}

/// Reads the parameters of a list. `keys` are those that it can be sorted by, the first one descending by default.
pub(crate) fn list_request<K: Copy>(
    state: &State,
    actor: &Actor,
    path: &'static str,
    keys: &[(&'static str, K)],
    ListParameters { limit, cursor, sort, count }: ListParameters,
) -> Result<ListRequest<K>, Problem> {
    let sort = sort.unwrap_or_else(|| format!("-{}", keys[0].0));
    let (name, direction) = match sort.strip_prefix('-') {
        Some(name) => (name, Direction::Descending),
        None => (sort.as_str(), Direction::Ascending),
    };
    let known = || keys.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let key = keys.iter().find(|(key, _)| *key == name).map(|(_, key)| *key);
    let key = key.ok_or_else(|| invalid("sort", format!("must be one of {}, with - for descending", known())))?;
    let limit = limit.map(PageLimit::new).transpose().map_err(|error| invalid("limit", error.to_string()))?;
    let count = match count.as_deref() {
        None => false,
        Some("exact") => true,
        Some(_) => return Err(invalid("count", "must be exact".to_owned())),
    };
    let context = format!("{} {path} {sort}", actor.principal_id());
    let after = cursor.as_deref().map(|cursor| {
        let opened = state.cursors.open(cursor, &context);
        opened.ok_or_else(|| invalid("cursor", "was not made by this list for this caller".to_owned()))
    });
    let page = PageRequest { limit: limit.unwrap_or_default(), after: after.transpose()?, count };
    Ok(ListRequest { path, key, direction, page, sort, cursor, context })
}

impl<K> ListRequest<K> {
    /// The page and its links.
    pub(crate) fn describe<T>(&self, state: &State, page: &Page<T>) -> (PageInfo, ListLinks) {
        let next_cursor = page.next.as_ref().map(|place: &Position| state.cursors.seal(place, &self.context));
        let link = |cursor: Option<&str>| {
            let Self { path, sort, .. } = self;
            let mut link = format!("{path}?limit={}&sort={sort}", self.page.limit.get());
            if self.page.count {
                link.push_str("&count=exact");
            }
            if let Some(cursor) = cursor {
                link.push_str("&cursor=");
                link.push_str(cursor);
            }
            link
        };
        let links = ListLinks {
            this: link(self.cursor.as_deref()),
            next: next_cursor.as_deref().map(|cursor| link(Some(cursor))),
        };
        (PageInfo { has_more: next_cursor.is_some(), next_cursor, total: page.total }, links)
    }
}

fn invalid(name: &str, detail: String) -> Problem {
    Problem::of(code::INVALID_PARAMETER).with_error(FieldError::parameter(name, code::INVALID_PARAMETER.name, detail))
}
