//! The known paths and their methods, from the OpenAPI document.
//!
//! poem has no table to ask which methods a path serves, and the edge needs it for `Allow`, for
//! OPTIONS and HEAD, and to log the route instead of the path.

use std::sync::Arc;

use http::{HeaderValue, Method};
use serde_json::Value;

/// The methods that the edge lets through, in the order in which `Allow` names them.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// `Allow` where no route says more.
pub(crate) const ALLOW_ANY: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Whether the edge lets the method through at all.
pub(crate) fn is_known_method(method: &Method) -> bool {
    METHODS.contains(method)
}

/// Why a table could not be made of a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteTableError {
    /// The document has no `paths` object.
    #[error("the OpenAPI document has no paths")]
    NoPaths,
    /// A path that does not start with a slash, or has a braced name with more text around it.
    #[error("`{0}` is not a path template")]
    Template(String),
}

/// A tree of path segments; a lookup allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// The first node, if any, is the root.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    fixed: Vec<(Box<str>, usize)>,
    parameter: Option<usize>,
    route: Option<Route>,
}

/// What the table knows of a path.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) template: Arc<str>,
    pub(crate) allow: HeaderValue,
    methods: Vec<Method>,
    use_cases: Vec<(Method, Arc<str>)>,
}

impl Route {
    /// What the document calls the operation.
    pub(crate) fn use_case(&self, method: &Method) -> Option<&str> {
        self.use_cases.iter().find(|(known, _)| known == method).map(|(_, name)| &**name)
    }

    /// Whether the path serves the method: HEAD goes with GET, OPTIONS always.
    pub(crate) fn serves(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }
}

impl RouteTable {
    /// The table of all `paths` of an OpenAPI 3 document.
    ///
    /// # Errors
    /// If the document has no paths, or one that is no template.
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
            let at = table.insert(template, methods)?;
            let operations = item.as_object().into_iter().flatten();
            let named = operations.filter_map(|(method, operation)| {
                let name = operation.get("operationId")?.as_str()?;
                Some((method.to_ascii_uppercase().parse().ok()?, Arc::from(name)))
            });
            if let Some(route) = &mut table.nodes[at].route {
                route.use_cases.extend(named);
            }
        }
        Ok(table)
    }

    /// Adds a path that the document does not have, or more methods to one that it has.
    ///
    /// # Errors
    /// If the path is no template.
    pub fn with(mut self, template: &str, methods: impl IntoIterator<Item = Method>) -> Result<Self, RouteTableError> {
        self.insert(template, methods)?;
        Ok(self)
    }

    /// Answers the node of the path.
    fn insert(&mut self, template: &str, methods: impl IntoIterator<Item = Method>) -> Result<usize, RouteTableError> {
        let error = || RouteTableError::Template(template.to_owned());
        let segments = template.strip_prefix('/').ok_or_else(error)?;
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for segment in segments.split('/') {
            at = if segment.starts_with('{') && segment.ends_with('}') {
                self.parameter(at)
            } else if segment.contains(['{', '}']) {
                return Err(error());
            } else {
                self.fixed(at, segment)
            };
        }
        let route = self.nodes[at].route.take();
        let mut wanted: Vec<Method> = methods.into_iter().collect();
        let (known, use_cases) = route.map(|route| (route.methods, route.use_cases)).unwrap_or_default();
        wanted.extend(known);
        if wanted.contains(&Method::GET) {
            wanted.push(Method::HEAD);
        }
        wanted.push(Method::OPTIONS);
        let methods: Vec<Method> = METHODS.into_iter().filter(|method| wanted.contains(method)).collect();
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let allow = HeaderValue::from_str(&names.join(", ")).map_err(|_| error())?;
        self.nodes[at].route = Some(Route { template: template.into(), allow, methods, use_cases });
        Ok(at)
    }

    fn parameter(&mut self, at: usize) -> usize {
        if let Some(next) = self.nodes[at].parameter {
            return next;
        }
        let next = self.push();
        self.nodes[at].parameter = Some(next);
        next
    }

    fn fixed(&mut self, at: usize, segment: &str) -> usize {
        let found = self.nodes[at].fixed.binary_search_by(|(name, _)| name.as_ref().cmp(segment));
        match found {
            Ok(index) => self.nodes[at].fixed[index].1,
            Err(index) => {
                let next = self.push();
                self.nodes[at].fixed.insert(index, (segment.into(), next));
                next
            }
        }
    }

    fn push(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    /// The route of a path, as it stands in the request line. A fixed segment wins over a
    /// parameter; a parameter takes one segment that is not empty.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        self.descend(self.nodes.first()?, path.strip_prefix('/')?)
    }

    fn descend(&self, node: &Node, path: &str) -> Option<&Route> {
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        let step = |next: usize| {
            let next = self.nodes.get(next)?;
            match rest {
                Some(rest) => self.descend(next, rest),
                None => next.route.as_ref(),
            }
        };
        let fixed = node
            .fixed
            .binary_search_by(|(name, _)| name.as_ref().cmp(segment))
            .ok()
            .and_then(|index| step(node.fixed[index].1));
        match node.parameter {
            None => fixed,
            Some(_) if fixed.is_some() || segment.is_empty() => fixed,
            Some(parameter) => step(parameter),
        }
    }
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
    fn a_document_without_paths_is_refused() {
        assert_eq!(RouteTable::from_openapi(&json!({})).unwrap_err(), RouteTableError::NoPaths);
        for template in ["products", "/a/{b}c"] {
            assert!(RouteTable::default().with(template, []).is_err());
        }
    }
}
