//! Requests that must be refused, and the headers of answers.

use crate::support::{SHORT, TestServer, assert_problem, body, config, config_with, header, status};
use skep_http::edge::{Cidr, TraceContext, TrustedProxies};
use std::{fmt::Write as _, sync::Arc};

const CLOSE: &str = "Connection: close\r\n";

async fn answer(request: &str) -> String {
    TestServer::start(config()).await.exchange(request).await
}

/// The answer to a GET with these header lines.
async fn get(path: &str, headers: &str) -> String {
    answer(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n{CLOSE}{headers}\r\n")).await
}

#[tokio::test]
async fn both_length_fields_are_400() {
    for lengths in
        ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"]
    {
        let request = format!(
            "POST /length HTTP/1.1\r\nHost: a\r\n{lengths}\r\n\r\n0\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let answer = answer(&request).await;
        assert_problem(&answer, 400, "bad_request");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "the rest was served");
    }
}

#[tokio::test]
async fn a_chunked_body_alone_is_served_and_ends_the_connection() {
    let head = "POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = answer(&format!("{head}3\r\nabc\r\n0\r\n\r\n")).await;
    assert_eq!((status(&answer), body(&answer)), (200, "length 3"));
}

#[tokio::test]
async fn missing_repeated_and_invalid_hosts_are_400() {
    for host in ["", "Host: a\r\nHost: b\r\n", "Host: a b\r\n", "Host: \r\n"] {
        let answer = answer(&format!("GET /hello HTTP/1.1\r\n{host}\r\n")).await;
        assert_problem(&answer, 400, "bad_request");
    }
    let other = answer("GET http://evil.test/hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_problem(&other, 400, "bad_request");
}

#[tokio::test]
async fn malformed_paths_are_400() {
    for path in ["/hello%00", "/%ff", "/%2"] {
        assert_problem(&get(path, "").await, 400, "bad_request");
    }
}

#[tokio::test]
async fn a_fragment_in_the_target_is_400() {
    for target in ["/hello#x", "/hello?a=b#", "http://a/hello#x", "/hello#"] {
        assert_problem(&get(target, "").await, 400, "bad_request");
    }
    assert_eq!(status(&get("/hello?a=%23", "X: #\r\n").await), 200);
}

#[tokio::test]
async fn oversized_heads_are_refused() {
    let long = format!("/{}", "a".repeat(9000));
    assert_problem(&get(&long, "").await, 414, "target_too_long");
    // The length counts as it is sent, not as it is decoded.
    let encoded = format!("/{}", "%61".repeat(3000));
    assert_problem(&get(&encoded, "").await, 414, "target_too_long");
    let big = format!("X: {}\r\n", "a".repeat(17 << 10));
    assert_problem(&get("/hello", &big).await, 431, "headers_too_large");
    let mut many = String::new();
    for index in 0..80 {
        write!(many, "X-{index}: 1\r\n").unwrap();
    }
    assert_problem(&get("/hello", &many).await, 431, "headers_too_large");
}

#[tokio::test]
async fn heads_that_hyper_refuses_by_itself_are_problems() {
    // A head that does not fit into the buffer. The client sends all of it before it reads.
    let huge = format!("X: {}\r\n", "a".repeat(1 << 20));
    let many: String = (0..200).map(|index| format!("X-{index}: 1\r\n")).collect();
    for (head, expected, code) in [
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{huge}\r\n"), 431, "headers_too_large"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431, "headers_too_large"),
        ("GET / HTTP/1.1\r\nHo st: a\r\n\r\n".to_owned(), 400, "bad_request"),
        ("G\tT / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, "bad_request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n".to_owned(), 400, "bad_request"),
    ] {
        let server = TestServer::start(config()).await;
        let answer = server.exchange(&head).await;
        assert_problem(&answer, expected, code);
        assert_eq!(header(&answer, "connection"), Some("close"));
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
        assert!(header(&answer, "date").is_some(), "{answer}");
        if let Some(rest) = head.strip_prefix("GET") {
            let answer = server.exchange(&format!("HEAD{rest}")).await;
            assert_eq!((status(&answer), body(&answer)), (expected, ""));
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413_with_a_length_and_chunked() {
    let mut config = config();
    config.limits.max_body_bytes = 100_000;
    let server = TestServer::start(config).await;
    let head = "POST /length HTTP/1.1\r\nHost: a\r\n";
    let announced = format!("{head}Content-Length: 100001\r\n\r\n");
    assert_problem(&server.exchange(&announced).await, 413, "body_too_large");
    // The client sends the whole body before it reads, and the buffers of the sockets cannot hold it. Neither the body
    // nor the answer may be cut off.
    let sent = 7 << 20;
    let sent = format!("{head}Content-Length: {sent}\r\n\r\n{}", "a".repeat(sent));
    assert_problem(&server.exchange(&sent).await, 413, "body_too_large");
    let chunk = format!("{:x}\r\n{}\r\n", 10_000, "a".repeat(10_000));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(40));
    assert_problem(&server.exchange(&chunked).await, 413, "body_too_large");
    let fits = format!("{head}{CLOSE}Content-Length: 100000\r\n\r\n{}", "a".repeat(100_000));
    assert_eq!(body(&server.exchange(&fits).await), "length 100000");
}

#[tokio::test]
async fn a_body_that_the_handler_does_not_read_is_not_checked() {
    let answer =
        answer("POST /ignore HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\nabc").await;
    assert_eq!((status(&answer), body(&answer)), (200, "ignored"));
}

#[tokio::test]
async fn methods_that_a_path_does_not_serve_are_405_with_allow() {
    for (method, path, allow) in [
        ("DELETE", "/hello", "GET, HEAD, OPTIONS"),
        ("GET", "/length", "POST, PUT, OPTIONS"),
        ("HEAD", "/length", "POST, PUT, OPTIONS"),
        // The table of routes does not have this path, but the application does.
        ("POST", "/gate", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    ] {
        let answer = answer(&format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{CLOSE}\r\n")).await;
        assert_eq!(status(&answer), 405, "{method} {path}");
        assert_eq!(header(&answer, "allow"), Some(allow), "{method} {path}");
        if method != "HEAD" {
            assert_problem(&answer, 405, "method_not_allowed");
        }
    }
}

#[tokio::test]
async fn unknown_methods_are_501_and_those_that_no_path_serves_405() {
    for (method, target, status, code) in [
        ("BREW", "/hello", 501, "not_implemented"),
        ("BREW", "/nowhere", 501, "not_implemented"),
        ("TRACE", "/hello", 405, "method_not_allowed"),
        ("QUERY", "/hello", 405, "method_not_allowed"),
        ("TRACE", "/nowhere", 405, "method_not_allowed"),
        ("CONNECT", "a:80", 405, "method_not_allowed"),
    ] {
        let answer = answer(&format!("{method} {target} HTTP/1.1\r\nHost: a:80\r\n{CLOSE}\r\n")).await;
        assert_problem(&answer, status, code);
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    for path in ["/hello", "/context"] {
        let answer = answer(&format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n{CLOSE}\r\n")).await;
        assert_eq!((status(&answer), body(&answer)), (200, ""), "{path}");
    }
    let answer = answer(&format!("HEAD /hello HTTP/1.1\r\nHost: a\r\n{CLOSE}\r\n")).await;
    assert_eq!(header(&answer, "content-length"), Some("5"));
}

#[tokio::test]
async fn options_is_answered_with_the_methods_of_the_path() {
    let options = async |path: &str| answer(&format!("OPTIONS {path} HTTP/1.1\r\nHost: a\r\n{CLOSE}\r\n")).await;
    let answer = options("/hello").await;
    assert_eq!((status(&answer), body(&answer)), (204, ""));
    assert_eq!(header(&answer, "allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(status(&options("*").await), 204);
    assert_eq!(status(&options("/nowhere").await), 404);
}

#[tokio::test]
async fn errors_of_the_application_are_problems() {
    assert_problem(&get("/nowhere", "").await, 404, "not_found");
    let answer = get("/fail", "").await;
    let problem = assert_problem(&answer, 500, "internal");
    assert!(problem.get("detail").is_none());
    assert!(!answer.contains("planted"));
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_stays_open() {
    let server = TestServer::start(config()).await;
    let mut client = server.connect().await;
    client.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.read_until("}").await;
    assert_problem(&answer, 500, "internal");
    assert!(!answer.contains("planted"));
    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&client.read_until("hello").await), 200);
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    for answer in [get("/hello", "").await, get("/nowhere", "").await, get("/%00", "").await] {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(&answer, name), Some(value), "{name}");
        }
        assert_eq!(header(&answer, "server"), None);
    }
}

#[tokio::test]
async fn safe_request_ids_are_kept_and_others_are_replaced() {
    let made = "00000000000000000000000000000007";
    let kept = get("/context", "X-Request-Id: my-id.1\r\n").await;
    assert_eq!(header(&kept, "x-request-id"), Some("my-id.1"));
    assert!(body(&kept).contains("id=my-id.1 "));
    for headers in ["", "X-Request-Id: a b\r\n", "X-Request-Id: a\r\nX-Request-Id: b\r\n"] {
        let answer = get("/context", headers).await;
        assert_eq!(header(&answer, "x-request-id"), Some(made), "{headers}");
    }
}

#[tokio::test]
async fn a_valid_traceparent_is_passed_on_and_returned() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = get("/context", &format!("traceparent: {trace}\r\n")).await;
    assert!(body(&answer).ends_with(&format!("trace={trace}")));
    assert_eq!(header(&answer, "traceparent"), Some(trace));
    let answer = get("/context", "traceparent: 00-0-0-0\r\n").await;
    assert!(body(&answer).ends_with("trace="));
    assert_eq!(header(&answer, "traceparent"), None);
}

#[tokio::test]
async fn a_missing_or_invalid_trace_is_replaced_if_the_edge_makes_new_ones() {
    let mut config = config();
    config.new_trace = Some(Arc::new(|| TraceContext { trace_id: 1, parent_id: 2, flags: 0 }));
    let server = TestServer::start(config).await;
    let made = "00-00000000000000000000000000000001-0000000000000002-00";
    let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (headers, trace, state) in [
        (String::new(), made, None),
        ("traceparent: 00-0-0-0\r\ntracestate: a=1\r\n".to_owned(), made, None),
        (format!("traceparent: {theirs}\r\ntraceparent: {theirs}\r\n"), made, None),
        (format!("traceparent: {theirs}\r\ntracestate: a=1\r\n"), theirs, Some("a=1")),
        (format!("traceparent: {theirs}\r\ntracestate: bad\r\n"), theirs, None),
    ] {
        let answer = server.exchange(&format!("GET /context HTTP/1.1\r\nHost: a\r\n{CLOSE}{headers}\r\n")).await;
        assert_eq!((header(&answer, "traceparent"), header(&answer, "tracestate")), (Some(trace), state), "{headers}");
        assert!(body(&answer).ends_with(&format!("trace={trace}")), "the application gets the same trace");
    }
}

#[tokio::test]
async fn forwarded_addresses_are_believed_from_configured_proxies_only() {
    let forwarded = "X-Forwarded-For: 203.0.113.9\r\n";
    assert!(body(&get("/context", forwarded).await).starts_with("client=127.0.0.1 "));
    let mut config = config();
    config.trusted_proxies = TrustedProxies::new(["127.0.0.0/8".parse::<Cidr>().unwrap()]);
    let server = TestServer::start(config).await;
    let request = format!("GET /context HTTP/1.1\r\nHost: a\r\n{CLOSE}{forwarded}\r\n");
    let answer = server.exchange(&request).await;
    assert!(body(&answer).starts_with("client=203.0.113.9 "));
}

#[tokio::test]
async fn cors_answers_listed_origins_only() {
    let listed = "Origin: https://shop.example\r\n";
    let answer_listed = get("/hello", listed).await;
    assert_eq!(header(&answer_listed, "access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(header(&answer_listed, "vary"), Some("accept-encoding, origin"));
    for origin in ["https://evil.test", "null", "https://shop.example.evil.test"] {
        let answer = get("/hello", &format!("Origin: {origin}\r\n")).await;
        assert_eq!(status(&answer), 200);
        assert_eq!(header(&answer, "access-control-allow-origin"), None, "{origin}");
    }
    let preflight = |method: &str| {
        format!(
            "OPTIONS /length HTTP/1.1\r\nHost: a\r\n{CLOSE}{listed}\
             Access-Control-Request-Method: {method}\r\n\r\n"
        )
    };
    let allowed = answer(&preflight("PUT")).await;
    assert_eq!(status(&allowed), 204);
    assert_eq!(header(&allowed, "access-control-allow-methods"), Some("POST, PUT, OPTIONS"));
    let refused = answer(&preflight("DELETE")).await;
    assert_eq!(header(&refused, "access-control-allow-methods"), None);
}

#[tokio::test]
async fn a_read_is_cut_at_its_deadline_and_a_change_is_not() {
    let server = TestServer::start(config_with(|timeouts| timeouts.request = SHORT)).await;
    let late = server.exchange("GET /gate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(late.starts_with("HTTP/1.1 503"), "{late}");
    assert!(late.contains("\"code\":\"unavailable\"") && late.to_lowercase().contains("retry-after: 1"), "{late}");
    let change = "POST /change HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let mut client = server.connect().await;
    client.send(change).await;
    // The read that was cut, and the change.
    server.wait_at_gate(2).await;
    // A later read is cut while the change waits, so the deadline of the change has passed.
    server.exchange("GET /gate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    server.gate.open.add_permits(1);
    let done = client.read_to_end().await;
    assert!(done.starts_with("HTTP/1.1 200") && done.ends_with("through"), "{done}");
}
