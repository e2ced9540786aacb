//! Sizes, methods, and the headers of answers.

use super::in_a_hurry;
use crate::shop::{LOGIN, ORDERS, PRODUCTS, Shop, path};
use skep_journeys::{Answer, Client, Deployment, Store};
use std::fmt::Write as _;

const JSON: &str = "application/json";

pub(crate) fn heads_and_bodies_that_are_too_large(store: &Store) {
    let shop = Shop::open_on(in_a_hurry(store));
    let visitor = shop.server.visitor();
    let many = (0..80).fold(String::new(), |mut lines, n| {
        let _ = write!(lines, "X-{n}: 1\r\n");
        lines
    });
    let long = "x".repeat(9_000);
    let chunk = format!("{:x}\r\n{}\r\n", 64 << 10, " ".repeat(64 << 10));
    let login = format!("POST {LOGIN} HTTP/1.1\r\nHost: a\r\nContent-Type: {JSON}\r\n");
    let cases = [
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), "414 target_too_long"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\nY: {long}\r\n\r\n"), "431 headers_too_large"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), "431 headers_too_large"),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "%61".repeat(3_000)), "414 target_too_long"),
        ("GET /health#x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "400 bad_request"),
        (format!("{login}Content-Length: 1048577\r\n\r\n"), "413 body_too_large"),
        (format!("{login}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(40)), "413 body_too_large"),
        (format!("{login}Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"), "413 body_too_large"),
    ];
    for (request, expected) in cases {
        let answer = shop.server.connect().exchange(request.as_bytes());
        let answer = answer.unwrap_or_else(|error| panic!("no answer, expected {expected}: {error}"));
        let answer = visitor.post(LOGIN).check(answer);
        assert_eq!(answer.problem(), expected, "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
    }
    // A head that is larger than the buffer gets a status without a problem document.
    let huge = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(200 << 10));
    assert_eq!(shop.server.connect().exchange(huge.as_bytes()).expect("an answer").status, 431);
    shop.server.stop();
}

pub(crate) fn methods_and_their_answers(store: &Store) {
    let shop = Shop::open(store);
    let (visitor, ada) = (shop.server.visitor(), shop.user("ada"));
    let honey = path(&shop.product("HONEY", 1999, 10));
    for (target, allow) in [
        (PRODUCTS, "GET, HEAD, POST, OPTIONS"),
        (&honey, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        (LOGIN, "POST, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
    ] {
        let answer = visitor.call("OPTIONS", target).send().expect(204);
        assert_eq!((sorted(&answer), answer.body.len()), (words(allow), 0), "{target}");
        visitor.call("TRACE", target).send().refused(405, "method_not_allowed");
        for method in ["BREW", "get"] {
            visitor.call(method, target).send().refused(501, "not_implemented");
        }
    }
    visitor.call("OPTIONS", "/nowhere").send().refused(404, "not_found");
    for target in [PRODUCTS, &honey, "/health", "/openapi.json", "/nowhere", ORDERS] {
        let (head, get) = (visitor.call("HEAD", target).send(), visitor.get(target).send());
        let header = |answer: &Answer, name: &str| answer.header(name).map(str::to_owned);
        for name in ["content-length", "content-type", "etag"] {
            assert_eq!(header(&head, name), header(&get, name), "{name} of {target}");
        }
        assert_eq!(head.status, get.status, "{target}");
    }
    ada.post(ORDERS).text("text/plain", "{}").send().refused(415, "unsupported_media_type");
    shop.server.stop();
}

fn words(list: &str) -> Vec<String> {
    let mut words: Vec<String> = list.split(", ").map(str::to_owned).collect();
    words.sort_unstable();
    words
}

fn sorted(answer: &Answer) -> Vec<String> {
    words(answer.header("allow").unwrap_or_else(|| panic!("no Allow: {answer:?}")))
}

pub(crate) fn every_answer_has_the_security_headers(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("PUBLIC_URL", "https://shop.test");
    let shop = Shop::open_on(deployment);
    let (visitor, ada) = (shop.server.visitor(), shop.user("ada"));
    let (huge, long) = (" ".repeat((1 << 20) + 1), "x".repeat(9_000));
    let answers = [
        visitor.get(PRODUCTS),
        visitor.get("/nowhere"),
        visitor.get(ORDERS),
        visitor.get("/%00"),
        visitor.get(format!("/{long}")),
        visitor.get("/health").header("X-Long", &long).header("X-Longer", &long),
        visitor.call("OPTIONS", PRODUCTS),
        visitor.call("HEAD", PRODUCTS),
        visitor.call("TRACE", PRODUCTS),
        visitor.post(LOGIN).text(JSON, huge),
        visitor.post(LOGIN).text("text/plain", "{}"),
        ada.post(PRODUCTS).text(JSON, "{"),
        visitor.get("/health"),
        visitor.get("/metrics"),
        visitor.get("/openapi.json"),
        visitor.get("/api-docs"),
    ];
    for call in answers {
        let answer = call.send();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}: {answer:?}");
        }
        let policy = answer.header("content-security-policy").unwrap_or_default();
        let is_closed = policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'");
        assert!(is_closed && !policy.contains("unsafe-eval") && !policy.contains('*'), "{policy}: {answer:?}");
        assert!(answer.header("cache-control").is_some(), "{answer:?}");
        assert_eq!((answer.header("server"), answer.header("x-powered-by")), (None, None), "{answer:?}");
    }
    shop.server.stop();
}

pub(crate) fn an_origin_is_allowed_by_name_or_not_at_all(store: &Store) {
    let origins = ["https://evil.test", "null", "https://shop.example.evil.test", "http://shop.example", "\u{e9}", ""];
    let ask = |client: &Client, origin: &str| {
        let preflight = client.call("OPTIONS", PRODUCTS).header("Access-Control-Request-Method", "POST");
        [client.get(PRODUCTS), client.get("/nowhere"), preflight].map(|call| call.header("Origin", origin).send())
    };
    let allows = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    let mut deployment = Deployment::new(store);
    let server = deployment.start();
    for origin in origins.into_iter().chain(["https://shop.example"]) {
        for answer in ask(&server.visitor(), origin) {
            assert_eq!(allows(&answer), None, "{origin}: {answer:?}");
        }
    }
    server.stop();
    deployment.set("SKEP_CORS_ORIGINS", "https://shop.example");
    let server = deployment.start();
    for origin in origins {
        for answer in ask(&server.visitor(), origin) {
            assert_eq!(allows(&answer), None, "{origin}: {answer:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{origin}: {answer:?}");
        }
    }
    for answer in ask(&server.visitor(), "https://shop.example") {
        assert_eq!(allows(&answer).as_deref(), Some("https://shop.example"), "{answer:?}");
    }
    server.stop();
}
