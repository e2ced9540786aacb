//! The answer of a list: a page, and where the next one is.

use super::answer::Answer;
use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;
use std::borrow::Cow;

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

/// 200 with a page of a list.
#[derive(ApiResponse)]
pub(crate) enum Listed<T: Type + Serialize> {
    /// A page of the list.
    #[oai(status = 200)]
    Ok(Answer<ListBody<T>>),
}

/// A page of items. Its schema is called like theirs, with `List` behind: `ProductList` of `Product`.
#[derive(Debug, Serialize)]
pub(crate) struct ListBody<T> {
    pub(super) data: Vec<T>,
    pub(super) page: PageInfo,
    pub(super) links: ListLinks,
}

// poem-openapi's derive would call it after its own type and all parameters.
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
                    ("data", described(<Vec<T>>::schema_ref(), "The items.")),
                    ("page", described(PageInfo::schema_ref(), "The page.")),
                    ("links", described(ListLinks::schema_ref(), "Where this page and the next are.")),
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
