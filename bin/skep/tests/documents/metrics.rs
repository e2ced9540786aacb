//! `docs/guides/observe.md`.

use super::assert_document;
use skep::telemetry::METRICS;
use std::{collections::BTreeSet, fmt::Write as _};

const INTRODUCTION: &str = "# Observe

A running server has health checks, logs, traces and metrics. This page is generated: `SKEP_BLESS=1 cargo test -p skep` rewrites it. A test compares its table with the output of `/metrics` on every store.

## Health

- `GET /health`: the process is alive. The store is not asked, so an absent store does not cause a restart of the server.
- `GET /ready`: the store answers, too. The store is asked at most once a second, for any number of requests. While it does not answer, the status is 503 with `Retry-After`.

## Logs

Log lines go to the standard error. With `SKEP_LOG_FORMAT=human` they are text, and with `json` each line is a JSON object. `LOG_LEVEL` takes directives: `info,skep_http=debug`.

- Every request has one line with the target `access`: method, route (the template, never the path or the query), status (0 if the client left), duration, bytes, request id, trace id and client address. `LOG_LEVEL=info,access=warn` silences them.
- A request that fails by a fault of the server has another line with the cause, the same `request_id` and the same `trace_id`.
- A slow reader of the standard error never stops a request. When the buffer of 8,192 lines is full, lines are lost and counted in `skep_log_lines_lost_total`.
- A start that waits for the store logs a warning at once and every 5 seconds, with the setting and the cause. Redis that does not answer at the start is a warning, too.

## Traces

Set `OTEL_EXPORTER_OTLP_ENDPOINT` to an OpenTelemetry collector, for example `http://127.0.0.1:4318`. Every request is then a server span by OpenTelemetry's conventions for HTTP. Below it are the use case, with the name of its operation in the OpenAPI document, its units of work, and the operations of the store, with the names of the metrics. `SKEP_TRACES_PERCENT` is the percentage of traces that are recorded. A caller that sends `traceparent` decides for its own trace. If unknown callers can reach the server, let the proxy in front drop or replace `traceparent`.

- `traceparent` and `tracestate` (W3C) are read from requests, and invalid ones are replaced. Each answer has the context of its request. So have the events of the request in the outbox, even if nothing is recorded.
- A separate task sends spans over plain HTTP (OTLP, protobuf). An absent or slow collector never makes a request wait. Spans that it does not accept are lost and counted in `skep_trace_spans_total`.
- The connection to the collector has no TLS. Run a collector on the same machine or in the same network, and let it forward the spans.
- Spans have the template of the route, and no path, query or body. Of the headers they have `tracestate`. Like the log, they have the address of the client.

## Metrics

`GET /metrics` returns the text format of Prometheus. On the loopback it is open. On other addresses it needs `SKEP_METRICS_TOKEN` as a bearer token. Names and labels are those of OpenTelemetry, in the spelling of Prometheus. Metrics that only Skep has begin with `skep_`, and metrics of the process with `process_`. A client cannot make up the value of a label.

| metric | kind | labels | meaning | printed |
| --- | --- | --- | --- | --- |
";

const END: &str = "
Some questions, as PromQL:

- How long do 95 percent of the requests take at most? `histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_seconds_bucket[5m])))`
- Which share of requests fails by a fault of the server? `sum(rate(http_server_request_duration_seconds_count{http_response_status_code=~\"5..\"}[5m])) / sum(rate(http_server_request_duration_seconds_count[5m]))`
- Is a pool too small? `db_client_connection_pending_requests > 0`. If `rate(db_client_connection_timeouts_total[5m]) > 0`, requests fail for that reason.
- How many units share a commit? `rate(skep_sqlite_group_units_sum[5m]) / rate(skep_sqlite_group_units_count[5m])`
- Does SQLite's write-ahead log grow? `skep_sqlite_log_pages` is some thousand pages at most under load, and more during a long read. If it only grows, and the log says that the database file could not be written, check the disk and restart the server. Nothing is lost, because the write-ahead log has all writes.
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
        // `group_units` counts units of work: its name has the unit.
        let durations = metric.name.ends_with("_seconds") || metric.name.ends_with("_units");
        assert!(metric.kind.name() != "histogram" || durations, "{metric:?}");
    }
}
