//! The answer of a list: a page of items and the link to the next page.

use super::{answer::Answer, found::SearchFacts};
use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;
use skep_application::kernel::Total;
use std::borrow::Cow;

/// Facts about a page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename = "Page")]
pub(crate) struct PageInfo {
    /// The `cursor` of the next page; absent on the last page.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    /// Whether another page follows.
    pub(crate) has_more: bool,
    /// The number of items on all pages, up to the bound that `count` names; only with `count=exact`.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<u64>,
    /// Whether `total` is the number of items. If it is false, there are more items. Only with `count=exact`.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_is_exact: Option<bool>,
    /// Facts about all results of a search; only with `q`.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) search: Option<SearchFacts>,
}

impl PageInfo {
    /// The facts about a page with this cursor of the next one.
    pub(super) fn new(next_cursor: Option<String>, total: Option<Total>) -> Self {
        Self {
            has_more: next_cursor.is_some(),
            next_cursor,
            total: total.map(|total| total.count),
            total_is_exact: total.map(|total| total.is_exact),
            search: None,
        }
    }
}

/// The paths of a page and of the next page.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
pub(crate) struct ListLinks {
    /// The path of this page.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    pub(crate) this: String,
    /// The path of the next page; absent on the last page.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// 200 with a page of a list.
#[derive(ApiResponse)]
pub(crate) enum Listed<T: Type + Serialize> {
    /// A page of the list.
    #[oai(status = 200)]
    Ok(Answer<ListBody<T>>),
}

impl<T: Type + Serialize> Listed<T> {
    /// The answer of a list that has one page only.
    pub(crate) fn whole(path: &str, data: Vec<T>) -> Self {
        let links = ListLinks { this: path.to_owned(), next: None };
        Self::Ok(Answer(ListBody { data, page: PageInfo::new(None, None), links }))
    }
}

/// A page of items. The name of its schema is the name of the items' schema and `List`, for example `ProductList`.
#[derive(Debug, Serialize)]
pub(crate) struct ListBody<T> {
    pub(super) data: Vec<T>,
    pub(super) page: PageInfo,
    pub(super) links: ListLinks,
}

// poem-openapi's derive would make the name of the schema from this type and its parameters.
impl<T: Type> Type for ListBody<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |registry| {
            <Vec<T>>::register(registry);
            PageInfo::register(registry);
            ListLinks::register(registry);
            let described = |of: MetaSchemaRef, description| {
                of.merge(MetaSchema { description: Some(description), ..MetaSchema::ANY })
            };
            MetaSchema {
                description: Some("A page of a list."),
                required: vec!["data", "page", "links"],
                properties: vec![
                    ("data", described(<Vec<T>>::schema_ref(), "The items of this page.")),
                    ("page", described(PageInfo::schema_ref(), "Facts about this page.")),
                    ("links", described(ListLinks::schema_ref(), "The paths of this page and of the next page.")),
                ],
                ..MetaSchema::new("object")
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn info(next_cursor: Option<&str>, total: Option<Total>) -> Value {
        serde_json::to_value(PageInfo::new(next_cursor.map(str::to_owned), total)).unwrap()
    }

    #[test]
    fn a_total_says_whether_it_is_exact() {
        assert_eq!(info(None, None), json!({ "has_more": false }));
        assert_eq!(info(Some("a"), None), json!({ "next_cursor": "a", "has_more": true }));
        let exact = Some(Total { count: 0, is_exact: true });
        assert_eq!(info(None, exact), json!({ "has_more": false, "total": 0, "total_is_exact": true }));
        let more = Some(Total { count: 10_000, is_exact: false });
        assert_eq!(info(None, more), json!({ "has_more": false, "total": 10_000, "total_is_exact": false }));
    }
}
