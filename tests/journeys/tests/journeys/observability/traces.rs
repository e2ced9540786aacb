//! Traces as a collector receives them.

use crate::shop::{ORDERS, PRODUCTS, PROFILE, Shop, basket};
use skep_journeys::{Collector, Deployment, Span, Store, wait_for};
use sqlx::{Connection as _, PgConnection, Row as _};
use std::{
    net::{TcpListener, TcpStream},
    thread,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn traced(store: &Store, endpoint: &str) -> Deployment {
    let mut deployment = Deployment::new(store);
    deployment.set("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    deployment.set("OTEL_SERVICE_NAME", "shop");
    deployment
}

pub(super) fn every_request_is_a_trace(store: &Store) {
    let collector = Collector::start();
    let deployment = traced(store, &collector.endpoint());
    let postgres = deployment.settings().find(|(name, _)| name == "DATABASE_URL").map(|(_, url)| url);
    let shop = Shop::open_on(deployment);
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 10);
    let answer = ada
        .post(ORDERS)
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .header("tracestate", "shop=1")
        .json(basket(&[(&honey, 1)]))
        .send()
        .expect(201);
    let context = answer.header("traceparent").expect("a trace").to_owned();
    assert_eq!(answer.header("tracestate"), Some("shop=1"));

    let spans = collector.trace(TRACE);
    let server = only(&spans, |span| span.kind == 2);
    assert_eq!(context, format!("00-{TRACE}-{}-01", server.span_id), "the answer names the request's own span");
    assert_eq!((&*server.name, &*server.parent_id), ("POST /api/v1/orders", CALLER));
    assert_eq!((&*server.service_name, &*server.trace_state), ("shop", "shop=1"));
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/v1/orders"),
        ("http.response.status_code", "201"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
        ("client.address", "127.0.0.1"),
    ] {
        assert_eq!(server.attribute(key).as_deref(), Some(value), "{key}: {server:?}");
    }
    let unit = only(&spans, |span| span.name == "unit of work" && span.attribute("skep.outcome").is_some());
    let use_case = only(&spans, |span| span.name == "place_order");
    assert_eq!((use_case.kind, &use_case.parent_id), (1, &server.span_id));
    assert_eq!((&unit.parent_id, unit.attribute("skep.outcome").as_deref()), (&use_case.span_id, Some("committed")));
    assert_eq!(only(&spans, |span| span.name == "authenticate").parent_id, use_case.span_id);
    let system = match store {
        Store::Sqlite => "sqlite",
        Store::Postgres(_) => "postgresql",
        Store::Mongodb(_) => "mongodb",
    };
    let inside: Vec<&Span> = spans.iter().filter(|span| span.parent_id == unit.span_id).collect();
    assert!(inside.len() >= 4, "its statements and its commit: {inside:?}");
    for span in &inside {
        assert_eq!((span.kind, span.attribute("db.system.name").as_deref()), (3, Some(system)), "{span:?}");
    }
    let ids: Vec<&str> = spans.iter().map(|span| &*span.span_id).collect();
    let orphans: Vec<&Span> =
        spans.iter().filter(|span| span.parent_id != CALLER && !ids.contains(&&*span.parent_id)).collect();
    assert!(orphans.is_empty(), "{orphans:?}");

    // The event in the outbox names the same span.
    if let Some(url) = postgres {
        let found = traceparents(&url);
        assert!(found.contains(&context), "{context} is not among {found:?}");
    }
    bad_contexts_are_replaced(&shop, &collector);
    let before = shop.server.metric("skep_trace_spans_total");
    assert!(before > 0.0);
    shop.server.stop();
}

fn bad_contexts_are_replaced(shop: &Shop, collector: &Collector) {
    let bad = format!("00-{TRACE}-0000000000000000-01");
    let answer = shop.admin.get(PROFILE).header("traceparent", &bad).header("tracestate", "shop=1").send().ok();
    let context = answer.header("traceparent").expect("a trace").to_owned();
    assert!(context[3..35] != *TRACE && answer.header("tracestate").is_none(), "{context}");
    let spans = collector.trace(&context[3..35]);
    let server = only(&spans, |span| span.kind == 2);
    assert_eq!((&*server.parent_id, &*server.name), ("", "GET /api/v1/users/me"));
    // The caller does not sample this request, so it is not recorded.
    let other = "0af7651916cd43dd8448eb211c80319c";
    shop.admin.get(PROFILE).header("traceparent", format!("00-{other}-{CALLER}-00")).send().ok();
    let last = shop.admin.get("/no/such/path").send().expect(404).header("traceparent").expect("a trace").to_owned();
    let spans = collector.trace(&last[3..35]);
    assert_eq!(only(&spans, |span| span.kind == 2).name, "GET", "a path without a route adds no name");
    assert!(collector.spans().iter().all(|span| span.trace_id != other));
    // The log has the same trace.
    wait_for("the line of the request", || {
        let log = shop.server.log();
        log.lines().any(|line| line.contains("access") && line.contains(&last[3..35])).then_some(())
    });
}

#[track_caller]
fn only(spans: &[Span], is_wanted: impl Fn(&Span) -> bool) -> &Span {
    let wanted: Vec<&Span> = spans.iter().filter(|span| is_wanted(span)).collect();
    match *wanted {
        [span] => span,
        _ => panic!("expected one span: {spans:?}"),
    }
}

fn traceparents(url: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await.expect("the server");
        let rows =
            sqlx::query("SELECT traceparent FROM outbox WHERE traceparent IS NOT NULL").fetch_all(&mut connection);
        rows.await.expect("an outbox").iter().map(|row| row.get(0)).collect()
    })
}

pub(super) fn a_collector_that_is_away_or_silent_delays_no_request(store: &Store) {
    // No process listens on a port that was just released.
    let away = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_at = silent.local_addr().expect("an address");
    thread::spawn(move || silent.incoming().flatten().collect::<Vec<TcpStream>>());
    for endpoint in [away, silent_at] {
        let shop = Shop::open_on(traced(store, &format!("http://{endpoint}")));
        let visitor = shop.server.visitor();
        let lost = || {
            visitor.get(PRODUCTS).send().ok();
            shop.server.metric("skep_trace_spans_total") > 0.0
        };
        wait_for("spans to be lost and requests to go on", || lost().then_some(()));
        let text = String::from_utf8(visitor.get("/metrics").send().ok().body).expect("text");
        let exported = text.lines().find(|line| line.starts_with("skep_trace_spans_total{outcome=\"exported\"}"));
        assert!(exported.is_some_and(|line| line.ends_with(" 0")), "{exported:?}");
        shop.server.terminate();
        let exit = shop.server.wait();
        assert_eq!(
            (exit.code, exit.log.matches("collector of traces").count()),
            (Some(0), 1),
            "logged once: {}",
            exit.log
        );
    }
}
