//! Spellings of headers, queries and paths.

use crate::shop::{LOGIN, ORDERS, PRODUCTS, PROFILE, Shop, basket, path, product};
use serde_json::json;
use skep_journeys::{Deployment, Store};

const MERGE_PATCH: &str = "application/merge-patch+json";

pub(crate) fn media_types_are_read_by_their_grammar(store: &Store) {
    let shop = Shop::open(store);
    let honey = path(&shop.product("HONEY", 1999, 10));
    let patch =
        |media_type: &str| shop.admin.patch(&honey).if_match("*").text(media_type, r#"{"name":"Honey"}"#).send();
    for media_type in [
        "application/json;charset=utf8",
        "Application/JSON ; Charset=\"UTF-8\"",
        "application/json; profile=\"a;charset=utf-16\"; charset=utf-8",
        "application/json;",
        "application/merge-patch+json; v=\"\\\"\"",
    ] {
        patch(media_type).expect(200);
    }
    let both = "application/merge-patch+json, application/json";
    for media_type in ["text/plain", "application/json; charset=utf-16", "application/json; charset=\"utf-8", ""] {
        let refused = patch(media_type).refused(415, "unsupported_media_type");
        assert_eq!(
            (refused.header("accept-patch"), refused.header("accept")),
            (Some(both), Some(both)),
            "{media_type}"
        );
    }
    let order = shop.admin.post(ORDERS).text(MERGE_PATCH, "{}").send().refused(415, "unsupported_media_type");
    assert_eq!((order.header("accept-patch"), order.header("accept")), (None, Some("application/json")));
    shop.server.stop();
}

pub(crate) fn queries_may_have_empty_pairs_and_encoded_names(store: &Store) {
    let shop = Shop::open(store);
    shop.product("A", 1, 1);
    shop.product("B", 2, 1);
    let visitor = shop.server.visitor();
    let first = |query: &str| {
        let list = visitor.get(format!("{PRODUCTS}?{query}")).send().expect(200);
        (list.text("/data/0/sku"), list.json()["data"].as_array().map_or(0, Vec::len))
    };
    for query in ["sort=sku&%6Cimit=1", "sort=sku&limit=1&", "&&s%6Frt=s%6bu&&limit=1&", "limit=%31&sort=sku"] {
        assert_eq!(first(query), ("A".to_owned(), 1), "{query}");
    }
    visitor.get(format!("{}?&", path(&shop.product("C", 1, 1)))).send().expect(200);
    for (query, expected) in [
        ("limit=1&%6cimit=2", "400 invalid_parameter ?limit"),
        ("limit%3D=1", "400 invalid_parameter ?limit="),
        ("%70age=1", "400 invalid_parameter ?page"),
        ("=1", "400 invalid_parameter ?"),
    ] {
        assert_eq!(visitor.get(format!("{PRODUCTS}?{query}")).send().problem(), expected, "{query}");
    }
    shop.server.stop();
}

pub(crate) fn an_encoded_path_is_the_same_resource(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_LIMIT_ADDRESS", "60");
    deployment.set("SKEP_LIMIT_CREDENTIALS", "4");
    let shop = Shop::open_on(deployment);
    let (admin, visitor) = (&shop.admin, shop.server.visitor());
    let honey = admin.post("/api/v1/%70roducts").json(product("HONEY", 1999, 10)).send().expect(201);
    let id = honey.text("/id");
    for target in [
        format!("/api/v1/%70rod%75cts/{id}"),
        format!("/%61pi/v%31/products/{id}"),
        format!("{PRODUCTS}/{}", id.replace('-', "%2D")),
    ] {
        assert_eq!(visitor.get(&target).send().expect(200).json(), honey.json(), "{target}");
    }
    // An encoded slash is data, and an encoded percent sign is not decoded twice.
    for target in
        ["/api%2Fv1/products", "/api/v1%2fproducts", "/api/v1/%2570roducts", "/api/v1/products%2F", "/api/v1/Products"]
    {
        visitor.get(target).send().refused(404, "not_found");
    }
    let data = visitor.get(format!("{PRODUCTS}/{id}%2Fstock")).send();
    data.refused(404, "not_found");
    // The same permissions, methods, limits of bodies and costs.
    let order = basket(&[(&id, 1)]);
    visitor.post("/api/v1/%6frders").json(order).send().refused(401, "unauthenticated");
    let refused = visitor.delete("/api/v1/%6Frders").send().refused(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    visitor.get("/%68ealth").send().expect(200);
    assert_eq!(visitor.get("/%72eady").send().expect(200).header("ratelimit"), None, "a health check is not counted");
    let long = json!({ "email": "a@b.test", "password": "x".repeat(5_000) });
    visitor.post("/api/v1/auth/%6Cogin").json(long).send().refused(413, "body_too_large");
    let left = |target: &str| {
        let answer = visitor.get(target).send().expect(200);
        let left =
            answer.header("ratelimit").and_then(|said| said.split("r=").nth(1)?.split(';').next()?.parse::<i32>().ok());
        left.unwrap_or_else(|| panic!("no limit: {answer:?}"))
    };
    let plain = left(PRODUCTS);
    let dear = left("/api/v1/%70roducts?%6Cimit=100&%63ount=exact");
    assert!(plain - dear >= 4, "a page of 100 with a total costs six units: {plain} {dear}");
    // The setup, the login of the admin and the one above are three of four.
    let login = json!({ "email": "absent@b.test", "password": "wrong wrong wrong" });
    let attempt = |target: &str| visitor.post(target).json(login.clone()).send().status;
    let spellings =
        ["/api/v1/auth/logi%6e", "/api/v1/%61uth/login", LOGIN, "/api/v1/auth/%6C%6F%67%69%6E", "/api/v1/%73etup"];
    let answers = spellings.map(attempt);
    assert!(answers[0] == 401 && answers[2..].iter().all(|status| *status == 429), "{answers:?}");
    shop.server.stop();
}

pub(crate) fn a_challenge_says_whether_a_token_was_bad(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let challenge = |authorization: Option<&str>, target: &str| {
        let call = visitor.get(target);
        let call = match authorization {
            Some(value) => call.header("Authorization", value),
            None => call,
        };
        let refused = call.send().expect(401);
        refused.header("www-authenticate").expect("a challenge").to_owned()
    };
    let bad = "Bearer error=\"invalid_token\"";
    assert_eq!(challenge(None, PROFILE), "Bearer");
    for sent in ["Bearer x.y.z", "bearer x", "Bearer"] {
        assert_eq!(challenge(Some(sent), PROFILE), bad, "{sent}");
        assert_eq!(challenge(Some(sent), PRODUCTS), bad, "{sent}");
    }
    assert_eq!(challenge(Some("Basic YTpi"), PROFILE), "Bearer", "no token was sent");
    let wrong = json!({ "email": "a@b.test", "password": "wrong wrong wrong" });
    let login = visitor.post(LOGIN).json(wrong).send().refused(401, "invalid_credentials");
    assert_eq!(login.header("www-authenticate"), Some("Bearer"));
    shop.server.stop();
}

pub(crate) fn scripts_may_set_headers_of_traces(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_CORS_ORIGINS", "https://shop.example");
    deployment.set("SKEP_CORS_HEADERS", "sentry-trace, X-Datadog-Trace-Id");
    let server = deployment.start();
    let visitor = server.visitor();
    let preflight = |headers: &str| {
        let call = visitor.call("OPTIONS", PRODUCTS).header("Origin", "https://shop.example");
        let call = call.header("Access-Control-Request-Method", "POST");
        let answer = call.header("Access-Control-Request-Headers", headers).send().expect(204);
        answer.header("access-control-allow-headers").map(str::to_owned)
    };
    let allowed = preflight("authorization,baggage,traceparent,tracestate").expect("they are allowed");
    assert!(allowed.ends_with("sentry-trace, x-datadog-trace-id"), "{allowed}");
    assert!(preflight("Sentry-Trace, x-datadog-trace-id, content-type").is_some());
    assert_eq!(preflight("baggage, x-secret"), None);
    server.stop();
    let refused = deployment.run(&["check"], "", &[("SKEP_CORS_HEADERS", "*")]);
    assert!(
        refused.code == Some(1) && format!("{}{}", refused.out, refused.err).contains("SKEP_CORS_HEADERS"),
        "{refused:?}"
    );
}
