//! `docs/guides/observe.md`.

use super::assert_document;
use skep::telemetry::METRICS;
use std::{collections::BTreeSet, fmt::Write as _};

const INTRODUCTION: &str = "# Observe

What a running Skep tells: health, metrics, logs and traces. This page is generated (`SKEP_BLESS=1 cargo test -p skep`), and a journey compares its table with what every store's `/metrics` prints.

## Health

- `GET /health`: the process is alive. It asks nobody, so that a lost store makes nobody restart the server.
- `GET /ready`: the store answers, too. It is asked at most once a second, however often somebody wants to know; 503 with `Retry-After` while it is away.

## Logs

Lines go to the standard error, for people (`SKEP_LOG_FORMAT=human`) or as a JSON object each (`json`). `LOG_LEVEL` takes directives: `info,skep_http=debug`.

- Every request leaves one line with the target `access`: method, route (the template, never the path or the query), status (0 if the client left), duration, bytes, request id, trace id and client address. `LOG_LEVEL=info,access=warn` silences them.
- A request that failed by our fault leaves another with its cause, the same `request_id` and the same `trace_id`.
- Who does not read the standard error never stops a request: when the buffer of 8,192 lines is full, lines are lost and counted in `skep_log_lines_lost_total`.

## Traces

Set `OTEL_EXPORTER_OTLP_ENDPOINT` to an OpenTelemetry collector, for example `http://127.0.0.1:4318`. Every request is then a server span by OpenTelemetry's conventions for HTTP; below it are the use case, named after its operation in the OpenAPI document, its units of work, and the operations of the store, named as in the metrics. `SKEP_TRACES_PERCENT` says how many of the traces that begin here are recorded; a caller that sends `traceparent` has decided for its own. Callers include strangers: where they reach the server, let the proxy in front drop or replace `traceparent`.

- `traceparent` and `tracestate` (W3C) are taken from requests, and bad ones replaced. Each answer carries the context of its request, and so do the events that the request leaves in the outbox, also when nothing is recorded.
- Spans go out over plain HTTP (OTLP, protobuf) by a task of its own: a collector that is away or slow makes no request wait. Spans that it does not take are lost and counted in `skep_trace_spans_total`.
- There is no TLS to the collector: run one on the same machine or in the same network, and let it forward.
- Spans have no query, no body and no path, only the template of the route; of the headers they have `tracestate`. The address of the client is in them, as in the log.

## Metrics

`GET /metrics` answers the text format of Prometheus. On the loopback it is open; elsewhere it asks for `SKEP_METRICS_TOKEN` as a bearer token. Names and labels are those of OpenTelemetry where it has one, as Prometheus spells them; what only Skep has begins with `skep_`, and what the process is like with `process_`. No label has a value that a client can make up.

| metric | kind | labels | meaning | printed |
| --- | --- | --- | --- | --- |
";

const END: &str = "
Some questions, as PromQL:

- How slow is the slowest twentieth of the requests? `histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_seconds_bucket[5m])))`
- Which share fails by our fault? `sum(rate(http_server_request_duration_seconds_count{http_response_status_code=~\"5..\"}[5m])) / sum(rate(http_server_request_duration_seconds_count[5m]))`
- Is a pool too small? `db_client_connection_pending_requests > 0`, and `rate(db_client_connection_timeouts_total[5m]) > 0` says that it hurts.
- How many units share a commit? `rate(skep_sqlite_group_units_sum[5m]) / rate(skep_sqlite_group_units_count[5m])`
- Does SQLite's write-ahead log grow? `skep_sqlite_log_pages`: some thousand pages at most under load, more for as long as somebody reads for long. If it only grows and the log says that the database file could not be written, look after the disk and start the server anew: nothing is lost, the write-ahead log has everything.
- How often do units collide? `sum by (outcome) (rate(skep_unit_of_work_duration_seconds_count[5m]))`

A program that embeds Skep installs a recorder of the [`metrics`](https://docs.rs/metrics) crate before it starts an instance, and calls `Skep::gauges().record()` before it renders.
";

#[test]
fn the_metrics() {
    let mut text = INTRODUCTION.to_owned();
    for metric in METRICS.iter() {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let unit = if metric.unit.is_empty() { String::new() } else { format!(" ({})", metric.unit) };
        let (name, kind, help, when) = (metric.name, metric.kind.name(), metric.help, metric.when.text());
        let _ = writeln!(text, "| `{name}` | {kind}{unit} | {} | {help} | {when} |", labels.join(", "));
    }
    text.push_str(END);
    assert_document("docs/guides/observe.md", &text);
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len(), "each name once");
    for metric in METRICS.iter() {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        assert!(plain(metric.name) && metric.labels.iter().all(|label| plain(label)), "{metric:?}");
        assert_eq!(metric.name.ends_with("_total"), metric.kind.name() == "counter", "{metric:?}");
        let unit = metric.unit.is_empty() || metric.name.trim_end_matches("_total").ends_with(metric.unit);
        assert!(unit && metric.help.ends_with('.'), "{metric:?}");
        // `group_units` counts things: its unit is in its name.
        let durations = metric.name.ends_with("_seconds") || metric.name.ends_with("_units");
        assert!(metric.kind.name() != "histogram" || durations, "{metric:?}");
    }
}
