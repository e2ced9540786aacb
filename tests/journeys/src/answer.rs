//! Answers of a server, and the expectations that journeys check on them.

use serde_json::Value;
use std::fmt;

/// An answer of a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code of HTTP.
    pub status: u16,
    /// The bytes of the body.
    pub body: Vec<u8>,
    /// The request, for messages of failed checks.
    pub(crate) request: String,
    headers: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn new(status: u16, headers: Vec<(String, String)>) -> Self {
        Self { status, headers, body: vec![], request: String::new() }
    }

    /// The value of a header. `name` is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The values of a header that may be there several times. `name` is in lower case.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(known, _)| known == name);
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of the `ETag` header.
    ///
    /// # Panics
    /// If the header is missing.
    #[must_use]
    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("no entity tag: {self:?}")).to_owned()
    }

    /// The body as JSON; null if it is empty.
    ///
    /// # Panics
    /// If the body is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A text in the body, by its JSON pointer.
    ///
    /// # Panics
    /// If it is not there.
    #[must_use]
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let found = self.json().pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        found.unwrap_or_else(|| panic!("no text at {pointer}: {self:?}"))
    }

    /// A number in the body, by its JSON pointer.
    ///
    /// # Panics
    /// If it is not there.
    #[must_use]
    #[track_caller]
    pub fn number(&self, pointer: &str) -> i64 {
        let found = self.json().pointer(pointer).and_then(Value::as_i64);
        found.unwrap_or_else(|| panic!("no number at {pointer}: {self:?}"))
    }

    /// Expects this status.
    ///
    /// # Panics
    /// If the status is another one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert!(self.status == status, "expected {status}: {self:?}");
        self
    }

    /// Expects a status of success.
    ///
    /// # Panics
    /// If the status is another one.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "expected success: {self:?}");
        self
    }

    /// Expects a problem with this status and code.
    ///
    /// # Panics
    /// If the answer is another one.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let found = (self.status, self.json()["code"].as_str() == Some(code));
        assert!(found == (status, true), "expected {status} {code}: {self:?}");
        self
    }

    /// Expects a problem to name this one place in the body, with this error code.
    ///
    /// # Panics
    /// If it names another place, another code, or more than one place.
    #[track_caller]
    pub fn at(self, pointer: &str, code: &str) -> Self {
        assert!(self.names(pointer, code), "expected {code} at {pointer:?} alone: {self:?}");
        self
    }

    /// A problem as a short text: the status, the code, and each place with its error code. `?name` is a parameter.
    ///
    /// # Panics
    /// If the body is not JSON.
    #[must_use]
    #[track_caller]
    pub fn problem(&self) -> String {
        let body = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut short = format!("{} {}", self.status, text(&body["code"]));
        for error in body["errors"].as_array().into_iter().flatten() {
            match (&error["pointer"], &error["parameter"]) {
                (Value::String(pointer), Value::Null) => {
                    short.push_str(&format!(" {pointer:?} {}", text(&error["code"])));
                }
                (Value::Null, Value::String(name)) => short.push_str(&format!(" ?{name}")),
                _ => short.push_str(" nowhere"),
            }
        }
        short
    }

    fn names(&self, pointer: &str, code: &str) -> bool {
        let body = self.json();
        let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        matches!(errors, [error] if error["pointer"] == pointer && error["code"] == code)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "{} was answered {} {body}", self.request, self.status)
    }
}
