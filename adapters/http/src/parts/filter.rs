//! Query parameters that leave out items of a list.

use super::parameter::{Parameter, Sent, invalid};
use crate::problem::Problem;
use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaSchema};
use std::fmt::Display;

/// A value by which a list can be filtered.
pub(crate) trait Filter: Display + Send + Sized {
    /// The name of the parameter.
    const NAME: &'static str;
    /// The items that stay in the list, for the document.
    const MEANING: &'static str;

    /// The rules of the value, for the document.
    fn schema() -> MetaSchema;

    /// Reads the value.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A filter that a request may have. Its value as text needs no escaping in a URL.
pub(crate) type FilterOf<T> = Sent<Filtered<T>>;

/// The value that the items of a list must have; `None` if the list has all.
pub(crate) struct Filtered<T>(pub(crate) Option<T>);

impl<T: Filter> Parameter for Filtered<T> {
    const PLACE: MetaParamIn = MetaParamIn::Query;

    fn schema() -> MetaSchema {
        MetaSchema { title: Some(T::NAME.to_owned()), description: Some(T::MEANING), ..T::schema() }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        let query = request.uri().query().unwrap_or_default();
        let value = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == T::NAME);
        let value = value.map(|(_, text)| T::parse(&text)).transpose();
        value.map(Self).map_err(|fault| invalid(T::NAME, fault))
    }
}

impl<T: Filter> Filtered<T> {
    /// The part of the query that names this filter, with an ampersand after it.
    pub(crate) fn query(&self) -> String {
        self.0.as_ref().map_or_else(String::new, |value| format!("{}={value}&", T::NAME))
    }
}

/// The part of the query that names these filters, with an ampersand after each.
pub(crate) fn narrowed<A: Filter, B: Filter, C: Filter>(a: &Filtered<A>, b: &Filtered<B>, c: &Filtered<C>) -> String {
    a.query() + &b.query() + &c.query()
}

/// Refuses a parameter that means something for the results of a search only.
///
/// # Errors
/// 400 if the request has it.
pub(crate) fn needs_query<T: Filter>(filter: &Filtered<T>) -> Result<(), Problem> {
    if filter.0.is_some() { Err(invalid(T::NAME, "can only be used with q")) } else { Ok(()) }
}
