//! Requests, and the clients that make them.

use crate::{Answer, Connection, Contract};
use serde_json::Value;
use std::{fmt::Write as _, io, net::SocketAddr, sync::Arc};

/// A client of a server: a visitor, or a user with a token. Every answer is checked against the OpenAPI document.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
    contract: Arc<Contract>,
}

/// A request that is being built.
#[derive(Debug, Clone)]
pub struct Call<'c> {
    client: &'c Client,
    method: &'c str,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, contract: Arc<Contract>) -> Self {
        Self { address, token: None, contract }
    }

    /// The same client with an access token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The access token.
    ///
    /// # Panics
    /// If the client is a visitor.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a visitor has no token")
    }

    /// The contract that answers are checked against.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Opens a new connection.
    ///
    /// # Errors
    /// If no server listens.
    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address)
    }

    /// A request with any method.
    #[must_use]
    pub fn call<'c>(&'c self, method: &'c str, target: impl Into<String>) -> Call<'c> {
        let headers = self.token.iter().map(|token| ("Authorization".to_owned(), format!("Bearer {token}")));
        Call { client: self, method, target: target.into(), headers: headers.collect(), body: None }
    }

    /// A GET request.
    #[must_use]
    pub fn get(&self, target: impl Into<String>) -> Call<'_> {
        self.call("GET", target)
    }

    /// A POST request.
    #[must_use]
    pub fn post(&self, target: impl Into<String>) -> Call<'_> {
        self.call("POST", target)
    }

    /// A PUT request.
    #[must_use]
    pub fn put(&self, target: impl Into<String>) -> Call<'_> {
        self.call("PUT", target)
    }

    /// A PATCH request.
    #[must_use]
    pub fn patch(&self, target: impl Into<String>) -> Call<'_> {
        self.call("PATCH", target)
    }

    /// A DELETE request.
    #[must_use]
    pub fn delete(&self, target: impl Into<String>) -> Call<'_> {
        self.call("DELETE", target)
    }
}

impl Call<'_> {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an idempotency key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// Makes the request conditional: it succeeds only if this is still the entity tag.
    #[must_use]
    pub fn if_match(self, etag: &str) -> Self {
        self.header("If-Match", etag)
    }

    /// Sets a JSON body.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "bodies are written in place")]
    pub fn json(self, body: Value) -> Self {
        self.text("application/json", body.to_string())
    }

    /// Sets any body.
    #[must_use]
    pub fn text(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("Content-Type", media_type)
    }

    /// The bytes of the request.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.client.address);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends the request on a new connection.
    ///
    /// # Panics
    /// If there is no answer, or if it breaks the contract.
    #[track_caller]
    pub fn send(self) -> Answer {
        match self.try_send() {
            Ok(answer) => answer,
            Err(error) => panic!("{} {} got no answer: {error}", self.method, self.target),
        }
    }

    /// Sends the request on a new connection.
    ///
    /// # Errors
    /// If there is no answer.
    ///
    /// # Panics
    /// If the answer breaks the contract.
    #[track_caller]
    pub fn try_send(&self) -> io::Result<Answer> {
        let answer = self.client.connect()?.exchange(&self.bytes())?;
        Ok(self.check(answer))
    }

    /// Checks the answer to this request against the contract.
    ///
    /// # Panics
    /// If the answer breaks the contract.
    #[track_caller]
    pub fn check(&self, mut answer: Answer) -> Answer {
        answer.request = format!("{} {}", self.method, self.target);
        if let Some(body) = self.body.as_deref().filter(|body| body.len() <= 1_000) {
            answer.request = format!("{} {}", answer.request, String::from_utf8_lossy(body));
        }
        let path = self.target.split('?').next().unwrap_or_default();
        if let Err(fault) = self.client.contract.check(self.method, path, &answer) {
            panic!("the contract is broken: {fault}: {answer:?}");
        }
        answer
    }
}
