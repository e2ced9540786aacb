//! The answers that hyper gives by itself over HTTP/1, when it cannot read the head of a request. They have no body. The
//! socket sends a problem document in place of them.
//!
//! Over HTTP/2, hyper answers nothing by itself: it resets the stream, or closes the connection.

use super::{NewRequestId, cors::Cors, head_scanner::HeadScanner, headers};
use crate::problem::{Problem, code};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, DATE, ORIGIN},
};
use std::fmt::Write as _;

/// Makes problem documents in place of the answers of hyper.
#[derive(Clone)]
pub(crate) struct LibraryErrors {
    pub(super) hsts: Option<HeaderValue>,
    pub(super) cors: Option<Cors>,
    pub(super) new_request_id: NewRequestId,
}

impl LibraryErrors {
    /// The answer to send in place of these bytes. `None` if they are not an answer that hyper gives by itself. `head` is
    /// what the scanner has read of the head that hyper refuses.
    pub(crate) fn replace(&self, written: &[u8], head: &HeadScanner) -> Option<Bytes> {
        let (status, text) = refusal(written)?;
        let request_id = (self.new_request_id)();
        let mut problem = Problem::of(code::for_status(status));
        if status == StatusCode::BAD_REQUEST {
            problem = problem.with_detail("the head of the request cannot be read");
        }
        let body = serde_json::to_string(&problem.document(Some(request_id.as_str()))).ok()?;
        let response = problem.render(Some(request_id.as_str()));
        let mut fields: HeaderMap = response.headers().clone();
        headers::secure(&mut fields, self.hsts.as_ref());
        headers::identify(&mut fields, &request_id);
        fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
        if let Some(date) = text.lines().find_map(|line| line.strip_prefix("date: ")) {
            fields.insert(DATE, HeaderValue::from_str(date).ok()?);
        }
        if let Some(cors) = &self.cors {
            let origin = head.origin().and_then(|origin| HeaderValue::from_bytes(origin).ok());
            let request = HeaderMap::from_iter(origin.map(|origin| (ORIGIN, origin)));
            cors.decorate(cors.allowed_origin(&request), &mut fields);
        }
        let reason = status.canonical_reason().unwrap_or_default();
        let mut text = format!("{:?} {} {reason}\r\n", Version::HTTP_11, status.as_str());
        for (name, value) in &fields {
            write!(text, "{name}: {}\r\n", value.to_str().ok()?).ok()?;
        }
        text.push_str("\r\n");
        if !head.is_head() {
            text.push_str(&body);
        }
        Some(text.into())
    }
}

/// The status and the head of an answer that hyper gives by itself. All our answers have an id.
fn refusal(written: &[u8]) -> Option<(StatusCode, &str)> {
    let status = written.strip_prefix(b"HTTP/1.1 4")?.get(..2)?;
    let status = StatusCode::from_bytes(&[b'4', status[0], status[1]]).ok()?;
    let is_head = written.ends_with(b"\r\n\r\n") && written.len() < 256;
    let text = std::str::from_utf8(written).ok().filter(|_| is_head)?;
    (text.contains("\r\ncontent-length: 0\r\n") && !text.contains("\r\nx-request-id: ")).then_some((status, text))
}

#[cfg(test)]
mod tests {
    use super::{super::RequestId, *};
    use std::sync::Arc;

    const OF_HYPER: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
        content-length: 0\r\ndate: Mon, 30 Nov 2026 14:10:06 GMT\r\n\r\n";

    fn replaced_after(head: &str, written: &str) -> Option<String> {
        let cors = Some(Cors::new(["https://shop.test".parse().unwrap()]));
        let errors = LibraryErrors { hsts: None, cors, new_request_id: Arc::new(|| RequestId::from_u128(7)) };
        let mut scanner = HeadScanner::new();
        scanner.feed(head.as_bytes());
        errors.replace(written.as_bytes(), &scanner).map(|bytes| String::from_utf8(bytes.into()).unwrap())
    }

    fn replaced(written: &str) -> Option<String> {
        replaced_after("GET / HTTP/1.1\r\nOrigin: https://shop.test\r\nX: ", written)
    }

    #[test]
    fn an_answer_of_hyper_becomes_a_problem_document() {
        let text = replaced(OF_HYPER).unwrap();
        assert!(text.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{text}");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains("content-type: application/problem+json") && head.contains("connection: close"),
            "{head}"
        );
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert!(head.contains("\r\ndate: Mon, 30 Nov 2026 14:10:06 GMT\r\n"), "{head}");
        assert!(head.contains("\r\naccess-control-allow-origin: https://shop.test\r\n"), "{head}");
        assert!(head.contains("\r\nvary: origin\r\n"), "{head}");
        assert!(body.contains("\"code\":\"headers_too_large\""), "{body}");
    }

    #[test]
    fn an_answer_to_head_has_no_body_and_another_origin_no_permission() {
        let text = replaced_after("HEAD / HTTP/1.1\r\nOrigin: https://other.test\r\nX: ", OF_HYPER).unwrap();
        assert!(text.ends_with("\r\n\r\n") && text.contains("content-type: application/problem+json"), "{text}");
        assert!(!text.contains("content-length: 0\r\n") && !text.contains("access-control-allow-origin"), "{text}");
    }

    #[test]
    fn other_bytes_stay_as_they_are() {
        let ours = OF_HYPER.replace("date: ", "x-request-id: 7\r\ndate: ");
        let served = OF_HYPER.replace("431", "200");
        for written in [&*ours, &*served, &OF_HYPER[..80], "HTTP/1.1 4", "", "{\"HTTP/1.1 431 \":1}"] {
            assert_eq!(replaced(written), None, "{written}");
        }
    }
}
