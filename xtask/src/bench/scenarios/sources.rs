//! The requests of the loads.

use crate::bench::{
    client::{Answer, Ids, Outcome, Source, bearer, bytes, fresh_uuid},
    stand::product,
};
use std::rc::Rc;

/// The body of one in this many answers is checked.
const SAMPLE: u64 = 128;

/// Reads of single products, drawn uniformly, by visitors or by these users in turn.
pub(crate) struct Reads {
    ids: Ids,
    /// The bytes after the target, for each user.
    heads: Vec<Vec<u8>>,
    asked: u64,
}

impl Reads {
    /// Reads by users with these tokens, or by visitors if the list is empty.
    pub(crate) fn new(ids: Ids, tokens: &[String]) -> Self {
        let head = |token: String| format!(" HTTP/1.1\r\nHost: bench.test\r\n{token}\r\n").into_bytes();
        let mut heads: Vec<_> = tokens.iter().map(|token| head(bearer(token))).collect();
        if heads.is_empty() {
            heads.push(head(String::new()));
        }
        Self { ids, heads, asked: 0 }
    }
}

impl Source for Reads {
    fn request(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        self.asked += 1;
        let (at, id) = self.ids.draw();
        out.extend_from_slice(b"GET /api/v1/products/");
        out.extend_from_slice(id.as_bytes());
        let users = self.heads.len() as u64;
        out.extend_from_slice(&self.heads[usize::try_from(self.asked % users).unwrap_or_default()]);
        // The number of the product, and whether its body is checked.
        Some((at as u64) << 1 | u64::from(self.asked.is_multiple_of(SAMPLE)))
    }

    fn answer(&mut self, tag: u64, answer: &Answer<'_>) -> Result<Outcome, String> {
        answer.expect(200)?;
        if tag & 1 == 1 {
            let expected = self.ids.at(usize::try_from(tag >> 1).unwrap_or_default());
            let body = answer.json()?;
            if body["id"] != expected || body["price"]["currency"] != "EUR" {
                return Err(format!("expected the product {expected}: {body}"));
            }
        }
        Ok(Outcome::Done)
    }
}

/// The same request, repeated. A sample of the bodies is checked.
pub(crate) struct Same<'c> {
    request: Vec<u8>,
    check: Box<dyn Fn(&serde_json::Value) -> bool + 'c>,
    asked: u64,
}

impl<'c> Same<'c> {
    /// `check` returns whether a body is as expected.
    pub(crate) fn new(request: Vec<u8>, check: impl Fn(&serde_json::Value) -> bool + 'c) -> Self {
        Self { request, check: Box::new(check), asked: 0 }
    }
}

impl Source for Same<'_> {
    fn request(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        self.asked += 1;
        out.extend_from_slice(&self.request);
        Some(self.asked)
    }

    fn answer(&mut self, tag: u64, answer: &Answer<'_>) -> Result<Outcome, String> {
        answer.expect(200)?;
        if tag.is_multiple_of(SAMPLE) {
            let body = answer.json()?;
            if !(self.check)(&body) {
                return Err(format!("not as expected: {body}"));
            }
        }
        Ok(Outcome::Done)
    }
}

/// Logins of the customers in turn.
pub(crate) struct LogIns {
    requests: Vec<Vec<u8>>,
    asked: usize,
}

impl LogIns {
    pub(crate) fn new(requests: Vec<Vec<u8>>) -> Self {
        Self { requests, asked: 0 }
    }
}

impl Source for LogIns {
    fn request(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        out.extend_from_slice(&self.requests[self.asked % self.requests.len()]);
        self.asked += 1;
        Some(0)
    }

    fn answer(&mut self, _: u64, answer: &Answer<'_>) -> Result<Outcome, String> {
        // The queue for hashing is full.
        if answer.status == 503 {
            return Ok(Outcome::Refused);
        }
        answer.expect(200)?;
        let body = answer.json()?;
        if body["access_token"].is_string() { Ok(Outcome::Done) } else { Err("a login without a token".to_owned()) }
    }
}

/// Requests that create products.
pub(crate) struct Creates {
    head: String,
    next: usize,
}

impl Creates {
    /// Products by this admin, starting with this number.
    pub(crate) fn new(admin: &str, next: usize) -> Self {
        Self { head: bearer(admin), next }
    }
}

impl Source for Creates {
    fn request(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        let number = self.next;
        self.next += 1;
        out.extend(bytes("POST", "/api/v1/products", &self.head, Some(&product(number))));
        Some(number as u64)
    }

    fn answer(&mut self, tag: u64, answer: &Answer<'_>) -> Result<Outcome, String> {
        answer.expect(201)?;
        if tag.is_multiple_of(SAMPLE) {
            let body = answer.json()?;
            if body["sku"] != format!("BENCH-{tag:09}") {
                return Err(format!("expected product {tag}: {body}"));
            }
        }
        Ok(Outcome::Done)
    }
}

/// Orders of three lines of one piece, each with a new key, by the customers in turn.
pub(crate) struct Orders {
    ids: Ids,
    heads: Vec<String>,
    asked: u64,
    /// The number of acknowledged orders.
    pub(crate) placed: u64,
}

/// The number of lines of an order.
const LINES: usize = 3;

impl Orders {
    pub(crate) fn new(ids: Ids, customers: &Rc<[String]>) -> Self {
        let heads = customers.iter().map(|token| format!("{}Idempotency-Key: ", bearer(token)));
        Self { ids, heads: heads.collect(), asked: 0, placed: 0 }
    }
}

impl Source for Orders {
    fn request(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        self.asked += 1;
        let lines = self.ids.distinct(LINES);
        let line = |at: &usize| format!(r#"{{"product_id":"{}","quantity":1}}"#, self.ids.at(*at));
        let lines: Vec<String> = lines.iter().map(line).collect();
        let body = format!(r#"{{"lines":[{}]}}"#, lines.join(","));
        let key = fresh_uuid(self.ids.bits());
        let users = self.heads.len() as u64;
        let head = &self.heads[usize::try_from(self.asked % users).unwrap_or_default()];
        out.extend(bytes("POST", "/api/v1/orders", &format!("{head}{key}\r\n"), Some(&body)));
        Some(self.asked)
    }

    fn answer(&mut self, tag: u64, answer: &Answer<'_>) -> Result<Outcome, String> {
        answer.expect(201)?;
        self.placed += 1;
        if tag.is_multiple_of(SAMPLE) {
            let body = answer.json()?;
            let lines = body["lines"].as_array().map_or(0, Vec::len);
            if lines != LINES || !body["number"].is_string() {
                return Err(format!("expected an order of {LINES} lines: {body}"));
            }
        }
        Ok(Outcome::Done)
    }
}
