//! The known paths and their methods, from the OpenAPI document.
//!
//! The edge needs them for `Allow`, OPTIONS and HEAD, and to log the route instead of the path. poem does not say which
//! methods a path serves.

use super::body_limits::BodyLimit;
use http::{HeaderMap, HeaderValue, Method};
use matchit::Router;
use serde_json::Value;
use std::sync::Arc;

/// The methods that the edge lets through, in the order in which `Allow` names them.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// The value of `Allow` for a path that is not in the table.
pub(crate) const ALLOW_ANY: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Whether the path is that of a health check. Health checks count for no limit.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/health" | "/ready")
}

/// Whether the edge lets the method through for any path.
pub(crate) fn is_known_method(method: &Method) -> bool {
    METHODS.contains(method)
}

/// Why the table cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteTableError {
    /// The document has no `paths` object.
    #[error("the OpenAPI document has no paths")]
    NoPaths,
    /// A path does not start with a slash, or a segment has other text beside a name in braces.
    #[error("`{0}` is not a path template")]
    Template(String),
}

/// The routes of the application, by path template.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
    /// Finds the index of the route of a path.
    router: Router<usize>,
}

/// A path template with its methods and operations.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) template: Arc<str>,
    pub(crate) allow: HeaderValue,
    methods: Vec<Method>,
    use_cases: Vec<(Method, Arc<str>)>,
    bodies: Vec<(Method, BodyLimit)>,
    /// The methods whose requests take no place among those of their network.
    unshared: Vec<Method>,
    /// The methods that read a page of a list.
    lists: Vec<Method>,
    /// The headers of each answer, which say the protocol.
    pub(crate) marks: HeaderMap,
    /// The headers of an answer to OPTIONS, besides `Allow`.
    pub(crate) options: HeaderMap,
}

impl Route {
    fn new(template: &str) -> Self {
        Self {
            template: template.into(),
            allow: ALLOW_ANY,
            methods: vec![],
            use_cases: vec![],
            bodies: vec![],
            unshared: vec![],
            lists: vec![],
            marks: HeaderMap::new(),
            options: HeaderMap::new(),
        }
    }

    /// The `operationId` in the document.
    pub(crate) fn use_case(&self, method: &Method) -> Option<&str> {
        self.use_cases.iter().find(|(known, _)| known == method).map(|(_, name)| &**name)
    }

    /// The limit of bodies that the operation declares.
    pub(crate) fn body_limit(&self, method: &Method) -> Option<BodyLimit> {
        self.bodies.iter().find(|(known, _)| known == method).map(|(_, limit)| *limit)
    }

    /// The methods whose operations the function picks. HEAD does what GET does.
    fn methods_of(&self, picks: impl Fn(Option<&str>) -> bool) -> Vec<Method> {
        let operation = |method: &Method| self.use_case(if *method == Method::HEAD { &Method::GET } else { method });
        self.methods.iter().filter(|method| picks(operation(method))).cloned().collect()
    }

    /// Whether requests with this method read a page of a list.
    pub(crate) fn is_list(&self, method: &Method) -> bool {
        self.lists.contains(method)
    }

    /// Whether requests with this method take a place among those of their network.
    pub(crate) fn is_shared(&self, method: &Method) -> bool {
        !self.unshared.contains(method)
    }

    /// Whether the path serves the method. HEAD is served with GET, and OPTIONS always.
    pub(crate) fn serves(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }
}

impl RouteTable {
    /// Makes the table from the `paths` of an OpenAPI 3 document.
    ///
    /// # Errors
    /// If the document has no paths, or a path that is not a template.
    pub fn from_openapi(document: &Value) -> Result<Self, RouteTableError> {
        let paths = document.get("paths").and_then(Value::as_object).ok_or(RouteTableError::NoPaths)?;
        let mut table = Self::default();
        for (template, item) in paths {
            let methods = item
                .as_object()
                .into_iter()
                .flat_map(|item| item.keys())
                .filter_map(|key| key.to_ascii_uppercase().parse::<Method>().ok())
                .filter(is_known_method);
            let operations = item.as_object().into_iter().flatten();
            let named = operations.filter_map(|(method, operation)| {
                let name = operation.get("operationId")?.as_str()?;
                Some((method.to_ascii_uppercase().parse().ok()?, Arc::from(name)))
            });
            table.insert(template, methods)?.use_cases.extend(named);
        }
        Ok(table)
    }

    /// Adds a path, or adds methods to a known path.
    ///
    /// # Errors
    /// If the path is not a template.
    pub fn with(mut self, template: &str, methods: impl IntoIterator<Item = Method>) -> Result<Self, RouteTableError> {
        self.insert(template, methods)?;
        Ok(self)
    }

    /// Limits the bodies of operations. The function gets the `operationId` and returns the declared limit.
    #[must_use]
    pub fn with_body_limits(mut self, limit_of: impl Fn(&str) -> Option<BodyLimit>) -> Self {
        for route in &mut self.routes {
            let limits = route.use_cases.iter().filter_map(|(method, name)| Some((method.clone(), limit_of(name)?)));
            route.bodies = limits.collect();
        }
        self
    }

    /// Lets the requests of some operations take no place among those of their network (see
    /// [`WorkLimits`](super::WorkLimits)), because they need no store. The function gets the `operationId`, or `None` for
    /// a method without one.
    #[must_use]
    pub fn with_unshared(mut self, is_unshared: impl Fn(Option<&str>) -> bool) -> Self {
        for route in &mut self.routes {
            route.unshared = route.methods_of(&is_unshared);
        }
        self
    }

    /// Says which operations read a page of a list (see [`WorkLimits`](super::WorkLimits)). The function gets the
    /// `operationId`, or `None` for a method without one.
    #[must_use]
    pub fn with_lists(mut self, is_list: impl Fn(Option<&str>) -> bool) -> Self {
        for route in &mut self.routes {
            route.lists = route.methods_of(&is_list);
        }
        self
    }

    /// Adds headers to each answer, and others to those to OPTIONS. The function gets the path template.
    #[must_use]
    pub fn with_headers(mut self, headers_of: impl Fn(&str) -> (HeaderMap, HeaderMap)) -> Self {
        for route in &mut self.routes {
            (route.marks, route.options) = headers_of(&route.template);
        }
        self
    }

    /// Adds the path or its methods, and returns its route.
    fn insert(
        &mut self,
        template: &str,
        methods: impl IntoIterator<Item = Method>,
    ) -> Result<&mut Route, RouteTableError> {
        let error = || RouteTableError::Template(template.to_owned());
        let known = self.routes.iter().position(|route| *route.template == *template);
        let (at, known) = match known {
            Some(at) => (at, self.routes.remove(at)),
            None => {
                let at = self.routes.len();
                let segments = template.strip_prefix('/').ok_or_else(error)?;
                if !segments.split('/').all(is_segment) {
                    return Err(error());
                }
                self.router.insert(template, at).map_err(|_| error())?;
                (at, Route::new(template))
            }
        };
        let mut wanted: Vec<Method> = methods.into_iter().chain(known.methods).collect();
        if wanted.contains(&Method::GET) {
            wanted.push(Method::HEAD);
        }
        wanted.push(Method::OPTIONS);
        let methods: Vec<Method> = METHODS.into_iter().filter(|method| wanted.contains(method)).collect();
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let allow = HeaderValue::from_str(&names.join(", ")).map_err(|_| error())?;
        self.routes.insert(at, Route { allow, methods, ..known });
        Ok(&mut self.routes[at])
    }

    /// Finds the route of a path, whose spelling is normal already. Nothing is decoded here. A fixed segment wins over
    /// a parameter. A parameter stands for one segment that is not empty.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        self.routes.get(*self.router.at(path).ok()?.value)
    }
}

/// Whether the segment is a fixed text or one parameter in braces. The router accepts more, but OpenAPI does not.
fn is_segment(segment: &str) -> bool {
    let parameter = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
    let name = parameter.unwrap_or(segment);
    !name.contains(['{', '}', '*']) && parameter != Some("")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table() -> RouteTable {
        let document = json!({"paths": {
            "/products": {"get": {"operationId": "list_products"}, "post": {}, "parameters": []},
            "/products/{id}": {"get": {}, "put": {}, "delete": {}},
            "/products/{id}/stock": {"get": {}, "put": {}},
            "/products/search": {"post": {}},
            "/orders/{id}/cancel": {"post": {}},
        }});
        RouteTable::from_openapi(&document).unwrap().with("/", [Method::GET]).unwrap()
    }

    fn allow(path: &str) -> Option<(String, String)> {
        let table = table();
        let route = table.find(path)?;
        let allow = route.allow.to_str().unwrap().to_owned();
        Some((route.template.to_string(), allow))
    }

    fn some(template: &str, allow: &str) -> Option<(String, String)> {
        Some((template.to_owned(), allow.to_owned()))
    }

    #[test]
    fn paths_find_their_template_and_methods() {
        assert_eq!(allow("/products"), some("/products", "GET, HEAD, POST, OPTIONS"));
        assert_eq!(allow("/products/17"), some("/products/{id}", "GET, HEAD, PUT, DELETE, OPTIONS"));
        assert_eq!(allow("/orders/1/cancel"), some("/orders/{id}/cancel", "POST, OPTIONS"));
        assert_eq!(allow("/"), some("/", "GET, HEAD, OPTIONS"));
    }

    #[test]
    fn fixed_segments_win_and_parameters_are_tried_after_them() {
        assert_eq!(allow("/products/search"), some("/products/search", "POST, OPTIONS"));
        assert_eq!(allow("/products/search/stock"), some("/products/{id}/stock", "GET, HEAD, PUT, OPTIONS"));
    }

    #[test]
    fn a_segment_is_matched_as_it_is_written() {
        let table = table().with("/products/{id}/{part}", [Method::GET]).unwrap();
        let find = |path: &str| table.find(path).map(|route| route.template.to_string());
        assert_eq!(find("/products/s").as_deref(), Some("/products/{id}"), "a prefix is another segment");
        assert_eq!(find("/products/searching/st").as_deref(), Some("/products/{id}/{part}"));
        assert_eq!(find("/products/%73earch").as_deref(), Some("/products/{id}"), "nothing is decoded");
        assert_eq!(find("/products/a%2Fstock").as_deref(), Some("/products/{id}"));
        assert_eq!(find("/products/{id}").as_deref(), Some("/products/{id}"));
        assert_eq!(find("/products/1/stock/"), None, "a slash at the end makes another path");
        assert_eq!(find("/product%73"), None);
    }

    #[test]
    fn other_paths_are_unknown() {
        for path in ["", "*", "/products/", "/products/1/2", "/orders/1", "/orders//cancel", "//products", "/Products"]
        {
            assert_eq!(allow(path), None, "{path}");
        }
        assert!(RouteTable::default().find("/products").is_none());
    }

    #[test]
    fn methods_of_one_path_add_up() {
        let table = table().with("/products", [Method::DELETE]).unwrap();
        let route = table.find("/products").unwrap();
        assert!(route.serves(&Method::DELETE) && route.serves(&Method::HEAD));
        assert!(!route.serves(&Method::PUT));
        assert_eq!(route.use_case(&Method::GET), Some("list_products"));
        assert_eq!(route.use_case(&Method::POST), None, "the document does not name it");
    }

    #[test]
    fn an_operation_has_the_body_limit_that_it_declares() {
        let limit = BodyLimit::new(4, 10);
        let table = table().with_body_limits(|name| (name == "list_products").then_some(limit));
        let of = |path: &str, method: &Method| table.find(path).and_then(|route| route.body_limit(method));
        assert_eq!(of("/products", &Method::GET), Some(limit));
        assert_eq!((of("/products", &Method::POST), of("/products/17", &Method::GET)), (None, None));
    }

    #[test]
    fn an_operation_can_do_without_a_place() {
        let table = table().with_lists(|name| name == Some("list_products"));
        let is_list = |path: &str, method: &Method| table.find(path).unwrap().is_list(method);
        assert!(is_list("/products", &Method::HEAD) && !is_list("/products", &Method::POST));
        let table = table.with_unshared(|name| name == Some("list_products"));
        let is_shared = |path: &str, method: &Method| table.find(path).unwrap().is_shared(method);
        assert!(!is_shared("/products", &Method::GET) && is_shared("/products", &Method::POST));
        assert!(!is_shared("/products", &Method::HEAD) && is_shared("/products/17", &Method::HEAD));
        assert!(is_shared("/products/17", &Method::GET));
    }

    #[test]
    fn a_document_without_paths_is_refused() {
        assert_eq!(RouteTable::from_openapi(&json!({})).unwrap_err(), RouteTableError::NoPaths);
        for template in ["products", "/a/{b}c", "/a/{}", "/a/{*b}", "/a/{{b}}", ""] {
            assert!(RouteTable::default().with(template, []).is_err());
        }
    }
}
