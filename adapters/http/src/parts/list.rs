//! The parameters of lists, and the pages that they answer with.

use super::{
    answer::Answer,
    caller::Caller,
    page::{ListBody, ListLinks, Listed, PageInfo},
    parameter::{Parameter, Sent, invalid},
    state::State,
};
use crate::problem::{self, Problem};
use poem::Request;
use poem_openapi::{
    registry::{MetaParamIn, MetaSchema},
    types::Type,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skep_application::{
    kernel::{LongList, Page, PageRequest, Position, Total},
    search::Found,
};
use skep_domain::shared::{Direction, PageLimit};
use std::borrow::Cow;

/// The form of a cursor: base64url.
const CURSOR: &str = "^[A-Za-z0-9_-]+$";

/// The meaning of `limit`.
const LIMIT: &str = "The maximum number of items on the page.";

/// The title of the one parameter that stands for all four until [`list_parameters`] replaces it.
const TOGETHER: &str = "list";

/// The keys that a list can be sorted by. Unless a request says otherwise, the first key sorts it, in descending order.
pub(crate) trait SortKey: Copy + Send + Sync + 'static {
    /// Every key, the default first.
    const ALL: &'static [Self];

    /// Whether clients choose the sort. Otherwise the list has no `sort` parameter.
    const IS_CHOSEN: bool = true;

    /// The name of the key in the `sort` parameter.
    fn name(self) -> &'static str;
}

/// For a list that is sorted by the time of creation only.
impl SortKey for () {
    const ALL: &'static [Self] = &[()];

    fn name(self) -> &'static str {
        "created_at"
    }
}

/// The parameters of a list that is sorted by one of `K`.
pub(crate) type List<K> = Sent<ListQuery<K>>;

/// The parameters of a list: `limit`, `cursor`, `sort` and `count`.
pub(crate) struct ListQuery<K> {
    limit: PageLimit,
    cursor: Option<String>,
    sort: String,
    /// Whether the request names the sort.
    is_sorted: bool,
    key: K,
    direction: Direction,
    has_total: bool,
}

/// The parts of a list's query that decide what the page costs.
pub(super) struct PageQuery {
    pub(super) limit: PageLimit,
    pub(super) has_total: bool,
}

/// The parameters as a client sends them.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Parameters {
    limit: Option<String>,
    cursor: Option<String>,
    sort: Option<String>,
    count: Option<String>,
}

impl<K: SortKey> Parameter for ListQuery<K> {
    const PLACE: MetaParamIn = MetaParamIn::Query;

    /// poem-openapi documents one parameter for each extractor. This one has the sort keys of the list, and
    /// [`list_parameters`] makes the four parameters from it.
    fn schema() -> MetaSchema {
        let names = K::ALL.iter().filter(|_| K::IS_CHOSEN).map(|key| key.name());
        let sorts: Vec<Value> = names.flat_map(|name| [json!(name), json!(format!("-{name}"))]).collect();
        let default = sorts.get(1).cloned();
        let title = Some(TOGETHER.to_owned());
        MetaSchema { title, enum_items: sorts, default, ..MetaSchema::new("string") }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        Self::of(Parameters::read(request)?)
    }
}

/// The limit of a list that has no cursor.
impl Parameter for PageLimit {
    const PLACE: MetaParamIn = MetaParamIn::Query;

    fn schema() -> MetaSchema {
        MetaSchema {
            title: Some("limit".to_owned()),
            description: Some(LIMIT),
            minimum: Some(1.0),
            maximum: u32::try_from(Self::MAX.get()).ok().map(f64::from),
            default: Some(Self::default().get().into()),
            ..MetaSchema::new_with_format("integer", "int64")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        Ok(PageQuery::read(request)?.limit)
    }
}

/// The parameters of a list, made from the one that stands for them in the document. `None` if `parameter` is
/// another one.
pub(crate) fn list_parameters(parameter: &Value) -> Option<Vec<Value>> {
    let schema = Some(&parameter["schema"]).filter(|schema| schema["title"] == TOGETHER)?;
    let query = |name: &str, description: &str, schema: Value| json!({ "in": "query", "name": name, "required": false, "description": description, "schema": schema });
    let (most, default) = (PageLimit::MAX.get(), PageLimit::default().get());
    let limit = json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": most, "default": default });
    let sort = json!({ "type": "string", "enum": schema["enum"], "default": schema["default"] });
    let count = format!(
        "`exact` adds `page.total` and `page.total_is_exact` to the answer. At most {} items are counted. A list \
         that has more is counted again after {} s.",
        Total::BOUND,
        LongList::MEMORY.as_secs()
    );
    let mut parameters = vec![
        query("limit", LIMIT, limit),
        query("cursor", "The `next_cursor` of the previous page.", json!({ "type": "string", "pattern": CURSOR })),
        query("sort", "The key that sorts the list. A leading `-` means descending order.", sort),
        query("count", &count, json!({ "type": "string", "enum": ["exact"] })),
    ];
    parameters.retain(|parameter| parameter["name"] != "sort" || schema["enum"].is_array());
    Some(parameters)
}

impl Parameters {
    fn read(request: &Request) -> Result<Self, Problem> {
        request.params().map_err(|error| problem::from_error(error.into()))
    }
}

impl PageQuery {
    /// Reads the query.
    ///
    /// # Errors
    /// 400 if the query or one of the two parameters cannot be used.
    pub(super) fn read(request: &Request) -> Result<Self, Problem> {
        let Parameters { limit, count, .. } = Parameters::read(request)?;
        Self::of(limit.as_deref(), count.as_deref())
    }

    fn of(limit: Option<&str>, count: Option<&str>) -> Result<Self, Problem> {
        let limit = match limit {
            None => PageLimit::default(),
            Some(limit) => {
                let digits = limit.strip_prefix('-').unwrap_or(limit);
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(invalid("limit", "must be a whole number"));
                }
                // A number that does not fit is too large, whatever its type is here.
                PageLimit::new(limit.parse().unwrap_or(i64::MAX))
                    .map_err(|error| invalid("limit", error.to_string()))?
            }
        };
        let has_total = match count {
            None => false,
            Some("exact") => true,
            Some(_) => return Err(invalid("count", "must be exact")),
        };
        Ok(Self { limit, has_total })
    }
}

impl<K: SortKey> ListQuery<K> {
    fn of(Parameters { limit, cursor, sort, count }: Parameters) -> Result<Self, Problem> {
        let is_sorted = sort.is_some();
        let sort = sort.unwrap_or_else(|| format!("-{}", K::ALL[0].name()));
        let (name, direction) = match sort.strip_prefix('-') {
            Some(name) => (name, Direction::Descending),
            None => (sort.as_str(), Direction::Ascending),
        };
        let key = K::ALL.iter().copied().find(|key| key.name() == name).ok_or_else(|| {
            let known: Vec<_> = K::ALL.iter().map(|key| key.name()).collect();
            invalid("sort", format!("must be one of {}, with a leading - for descending order", known.join(", ")))
        })?;
        let PageQuery { limit, has_total } = PageQuery::of(limit.as_deref(), count.as_deref())?;
        Ok(Self { limit, cursor, sort, is_sorted, key, direction, has_total })
    }

    /// Opens the cursor for this caller and the list at `path`.
    ///
    /// # Errors
    /// 400 if the cursor belongs to another list, query or caller.
    pub(crate) fn open<'a, const HAS_TOKEN: bool>(
        self,
        caller: &'a Caller<HAS_TOKEN>,
        path: impl Into<Cow<'static, str>>,
    ) -> Result<ListRequest<'a, K>, Problem> {
        self.open_narrowed(caller, path, String::new())
    }

    /// Opens the cursor of a search, whose items come in the order of their rank.
    ///
    /// # Errors
    /// 400 if the request names a sort, or if the cursor belongs to another search or caller.
    pub(crate) fn open_ranked<'a, const HAS_TOKEN: bool>(
        self,
        caller: &'a Caller<HAS_TOKEN>,
        path: &'static str,
        filters: String,
    ) -> Result<ListRequest<'a, K>, Problem> {
        if self.is_sorted {
            return Err(invalid("sort", "cannot be used with q, because the best match comes first"));
        }
        Self { sort: String::new(), ..self }.open_narrowed(caller, path, filters)
    }

    /// Opens the cursor of a list with [filters](super::narrowed). A cursor belongs to the filters that it was made with.
    ///
    /// # Errors
    /// 400 if the cursor belongs to another list, query or caller.
    pub(crate) fn open_narrowed<'a, const HAS_TOKEN: bool>(
        self,
        caller: &'a Caller<HAS_TOKEN>,
        path: impl Into<Cow<'static, str>>,
        filters: String,
    ) -> Result<ListRequest<'a, K>, Problem> {
        let (Caller { actor, state, .. }, path) = (caller, path.into());
        let Self { limit, cursor, sort, key, direction, has_total, .. } = self;
        let context = format!("{} {path} {filters}{sort}", actor.principal_id());
        let after = cursor.as_deref().map(|cursor| {
            let opened = state.cursors.open(cursor, &context);
            opened.ok_or_else(|| invalid("cursor", "was not made by this list for this caller"))
        });
        let count_up_to = has_total.then_some(Total::BOUND);
        let page = PageRequest { limit, after: after.transpose()?, count_up_to };
        Ok(ListRequest { state, path, filters, key, direction, page, sort, cursor, context })
    }
}

/// A request for a page of a list, with its cursor opened.
pub(crate) struct ListRequest<'a, K> {
    state: &'a State,
    path: Cow<'static, str>,
    filters: String,
    /// The key that sorts the list.
    pub(crate) key: K,
    /// The direction of the sort.
    pub(crate) direction: Direction,
    /// The limit, the place after which the page starts, and how far items are counted.
    pub(crate) page: PageRequest,
    sort: String,
    cursor: Option<String>,
    context: String,
}

impl<K> ListRequest<'_, K> {
    /// Makes the answer from the page that the use case returned.
    pub(crate) fn answer<T, B>(&self, page: Page<T>) -> Listed<B>
    where
        B: From<T> + Type + Serialize,
    {
        let (data, info, links) = self.parts(page);
        Listed::Ok(Answer(ListBody { data, page: info, links }))
    }

    /// Makes the answer from the results that the use case returned.
    pub(crate) fn answer_found<T, B>(&self, mut found: Found<T>) -> Listed<B>
    where
        B: From<T> + Type + Serialize,
    {
        let items = std::mem::take(&mut found.page.items);
        let page = Page { items, next: found.page.next.take(), total: found.page.total };
        let (data, info, links) = self.parts(page);
        Listed::Ok(Answer(ListBody { data, page: info.of_search(found), links }))
    }

    fn parts<T, B: From<T>>(&self, page: Page<T>) -> (Vec<B>, PageInfo, ListLinks) {
        let next_cursor = page.next.as_ref().map(|place: &Position| self.state.cursors.seal(place, &self.context));
        let links = ListLinks {
            this: self.link(self.cursor.as_deref()),
            next: next_cursor.as_deref().map(|cursor| self.link(Some(cursor))),
        };
        let info = PageInfo::new(next_cursor, page.total);
        (page.items.into_iter().map(B::from).collect(), info, links)
    }

    /// The path and query of the page at this cursor.
    fn link(&self, cursor: Option<&str>) -> String {
        let Self { path, filters, sort, .. } = self;
        let mut link = format!("{path}?{filters}limit={}", self.page.limit.get());
        if !sort.is_empty() {
            link.push_str("&sort=");
            link.push_str(sort);
        }
        if self.page.count_up_to.is_some() {
            link.push_str("&count=exact");
        }
        if let Some(cursor) = cursor {
            link.push_str("&cursor=");
            link.push_str(cursor);
        }
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem_openapi::ApiExtractor as _;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Key {
        Made,
        Name,
    }

    impl SortKey for Key {
        const ALL: &'static [Self] = &[Self::Made, Self::Name];

        fn name(self) -> &'static str {
            match self {
                Self::Made => "created_at",
                Self::Name => "name",
            }
        }
    }

    fn read(query: &str) -> Result<ListQuery<Key>, String> {
        let request = Request::builder().uri(format!("/x?{query}").parse().unwrap()).finish();
        ListQuery::read(&request).map_err(|problem| problem.errors()[0].parameter.clone().unwrap_or_default())
    }

    #[test]
    fn a_list_has_twenty_items_sorted_by_the_first_key_descending_by_default() {
        let list = read("").unwrap();
        assert_eq!((list.limit, list.key, list.direction), (PageLimit::default(), Key::Made, Direction::Descending));
        assert_eq!((list.sort.as_str(), list.cursor, list.has_total), ("-created_at", None, false));
        let list = read("sort=name&limit=100&count=exact&cursor=a%2Bb").unwrap();
        assert_eq!((list.limit, list.key, list.direction), (PageLimit::MAX, Key::Name, Direction::Ascending));
        assert_eq!((list.cursor.as_deref(), list.has_total), (Some("a+b"), true));
    }

    #[test]
    fn a_wrong_parameter_of_a_list_is_named() {
        for (query, name) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=", "limit"),
            ("limit=1.5", "limit"),
            ("limit=99999999999999999999", "limit"),
            ("limit=%2B5", "limit"),
            ("limit=-", "limit"),
            ("sort=", "sort"),
            ("sort=--name", "sort"),
            ("sort=sku", "sort"),
            ("count=", "count"),
            ("count=yes", "count"),
        ] {
            assert_eq!(read(query).err().as_deref(), Some(name), "{query}");
        }
    }

    #[test]
    fn the_document_has_each_parameter_and_the_sort_keys_of_the_list() {
        let schema = serde_json::to_value(Sent::<ListQuery<Key>>::param_schema_ref().unwrap()).unwrap();
        let parameters = list_parameters(&json!({ "name": "list", "in": "query", "schema": schema })).unwrap();
        let names: Vec<_> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["limit", "cursor", "sort", "count"]);
        assert_eq!(parameters[2]["schema"]["enum"], json!(["created_at", "-created_at", "name", "-name"]));
        assert_eq!(parameters[2]["schema"]["default"], "-created_at");
        assert!(list_parameters(&json!({ "name": "x", "in": "query", "schema": { "type": "string" } })).is_none());
    }
}
