//! The log lines of requests, and the data that must not be in them.

use crate::support::{Gate, app, config};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use skep_http::edge::Edge;
use std::{
    fmt::{self, Write as _},
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::DefaultGuard,
};

/// Records the events of one target as lists of `name=value`.
struct Recorder {
    target: &'static str,
    lines: Arc<Mutex<Vec<String>>>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(self.target)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Records the events of the target on this thread until the guard is dropped.
fn record(target: &'static str) -> (Arc<Mutex<Vec<String>>>, DefaultGuard) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let recorder = Recorder { target, lines: Arc::clone(&lines) };
    (lines, tracing::subscriber::set_default(recorder))
}

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .uri(path)
        .header("host", "a")
        .header("authorization", "Bearer planted-token")
        .body(Full::default())
        .unwrap()
}

fn peer() -> SocketAddr {
    "192.0.2.7:4711".parse().unwrap()
}

#[tokio::test]
async fn a_request_is_one_line_without_secrets() {
    let (lines, _guard) = record("access");
    let edge = Edge::new(app(Arc::new(Gate::new())), config());
    let response = edge.handle(request("/hello?key=planted-key"), peer()).await;
    assert!(lines.lock().unwrap().is_empty(), "logged before the end");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");

    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 1);
    for part in [
        "method=\"GET\" ",
        "route=\"/hello\" ",
        "status=200 ",
        "bytes=5 ",
        "complete=true ",
        "request_id=\"00000000000000000000000000000007\" ",
        "client=192.0.2.7 ",
        "duration_us=",
    ] {
        assert!(lines[0].contains(part), "{part} not in {}", lines[0]);
    }
    assert!(!lines[0].contains("planted"));
}

/// hyper does not read on after the announced length.
#[tokio::test]
async fn an_answer_is_complete_when_the_announced_bytes_are_sent() {
    let (lines, _guard) = record("access");
    let edge = Edge::new(app(Arc::new(Gate::new())), config());
    for (frames, complete) in [(2, "bytes=14 complete=true "), (1, "bytes=7 complete=false ")] {
        let mut body = edge.handle(request("/stream"), peer()).await.into_body();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        let line = lines.lock().unwrap().pop().unwrap();
        assert!(line.contains(complete), "{line}");
    }
}

#[tokio::test]
async fn an_unknown_path_does_not_reach_the_log() {
    let (lines, _guard) = record("access");
    let edge = Edge::new(app(Arc::new(Gate::new())), config());
    drop(edge.handle(request("/planted"), peer()).await);
    let lines = lines.lock().unwrap();
    assert!(lines[0].contains("route=\"-\" status=404 "), "{}", lines[0]);
    assert!(lines[0].contains("complete=false "));
    assert!(!lines[0].contains("planted"));
}

#[tokio::test]
async fn a_request_whose_client_left_is_logged_with_status_0() {
    let (lines, _guard) = record("access");
    let edge = Edge::new(app(Arc::new(Gate::new())), config());
    let waiting = edge.handle(request("/gate"), peer());
    tokio::select! {
        biased;
        _ = waiting => panic!("the gate is closed"),
        () = tokio::task::yield_now() => {}
    }
    assert!(lines.lock().unwrap()[0].contains("status=0 "));
}

#[tokio::test]
async fn a_failure_is_logged_once_with_its_sources() {
    let (lines, _guard) = record("skep_http");
    let edge = Edge::new(app(Arc::new(Gate::new())), config());
    drop(edge.handle(request("/fail"), peer()).await);
    drop(edge.handle(request("/nowhere"), peer()).await);
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("cause=\"planted secret\""), "{}", lines[0]);
    assert!(lines[0].contains("request_id=\"00000000000000000000000000000007\""));
}

#[tokio::test(start_paused = true)]
async fn of_the_requests_that_a_client_can_make_at_will_a_sample_is_logged() {
    for (path, method) in [("/health", "GET"), ("/hello", "DELETE")] {
        let (lines, _guard) = record("access");
        let mut config = config();
        config.clients.access_lines = 2;
        let edge = Edge::new(app(Arc::new(Gate::new())), config);
        let send = || async {
            let mut request = request(path);
            *request.method_mut() = method.parse().unwrap();
            drop(edge.handle(request, peer()).await);
        };
        for _ in 0..5 {
            send().await;
        }
        assert_eq!(lines.lock().unwrap().len(), 2, "{path}");
        // Other requests are logged as ever.
        drop(edge.handle(request("/hello"), peer()).await);
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        send().await;
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 4, "{path}");
        assert!(lines.iter().take(3).all(|line| !line.contains("left_out")), "{lines:?}");
        assert!(lines[3].contains("left_out=3 "), "{}", lines[3]);
    }
}

#[tokio::test(start_paused = true)]
async fn of_the_failures_that_are_not_defects_a_sample_is_logged() {
    let (lines, _guard) = record("skep_http");
    let mut config = config();
    config.clients.access_lines = 2;
    let edge = Edge::new(app(Arc::new(Gate::new())), config);
    let send = async |path| drop(edge.handle(request(path), peer()).await);
    for _ in 0..5 {
        send("/busy").await;
    }
    assert_eq!(lines.lock().unwrap().len(), 2);
    for _ in 0..5 {
        send("/fail").await;
    }
    assert_eq!(lines.lock().unwrap().len(), 7, "defects are all logged");
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    send("/busy").await;
    let lines = lines.lock().unwrap();
    assert!(lines.iter().take(7).all(|line| !line.contains("left_out")), "{lines:?}");
    assert!(lines[7].contains("cause=\"planted secret\"") && lines[7].contains("left_out=3 "), "{}", lines[7]);
}
