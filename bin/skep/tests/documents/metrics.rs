//! `docs/guides/observe.md`.

use super::assert_document;
use skep::telemetry::METRICS;
use std::{collections::BTreeSet, fmt::Write as _};

const INTRODUCTION: &str = "# Observe

A running Skep has endpoints for health and metrics, and it writes logs and traces. This page is generated (`SKEP_BLESS=1 cargo test -p skep`). A journey compares its table with the answer of `/metrics` on each store.

## Health

- `GET /health` answers 200 while the process is alive. It does not ask the store, so a supervisor does not restart the server because the store is down.
- `GET /ready` answers 200 while the store answers too, and 503 with `Retry-After` while it does not. The store is asked at most once a second, however many probes come.

## Logs

The log goes to standard error, as text for people (`SKEP_LOG_FORMAT=human`) or with one JSON object per line (`json`). `LOG_LEVEL` takes a level or directives such as `info,skep_http=debug`.

- Each request writes one line with the target `access`: method, route (the template, never the path or the query), status (0 if the client left before there was an answer), duration, bytes, request id, trace id and client address. A request that is denied (403 `forbidden`, or 401 `unauthenticated` without credentials) also has the action (`denied`), the `reason` and, of an account, the `user`. `LOG_LEVEL=info,access=warn` turns these lines off.
- A client can make some requests at will: health checks, requests that the edge refuses or answers without the application, requests that are answered 429 or 503, and requests that it abandons. Of each of these kinds, `SKEP_ACCESS_LOG_SAMPLE` lines a second are written. The next line of the kind has `left_out`, the number of lines that were left out before it. If no line follows within 10 seconds, a line `lines left out` has the kind and the number. The metrics count every request.
- If the application fails with 5xx, another line has the cause, the same `request_id` and the same `trace_id`.
- Requests never wait for the reader of standard error. If the buffer of 8,192 lines is full, further lines are lost and counted in `skep_log_lines_lost_total`.
- A start that waits for the store logs a warning at once and every 5 seconds, with the setting and the cause. If Redis does not answer at the start, that is a warning too.

## Traces

Set `OTEL_EXPORTER_OTLP_ENDPOINT` to an OpenTelemetry collector, for example `http://127.0.0.1:4318`. Each request is then a server span by the conventions of OpenTelemetry for HTTP. Below it are spans for the use case, its units of work and the operations of the store. The span of a use case has the name of the operation in the OpenAPI document, and the spans of the store have the names of the metrics. `SKEP_TRACES_PERCENT` is the share of the traces that are recorded if they begin in this server. If a caller sends `traceparent`, its flag decides. If strangers can reach the server, let the proxy in front drop or replace `traceparent`.

- `traceparent` and `tracestate` (W3C) are taken from requests. An invalid `traceparent` is replaced, and an invalid `tracestate` is dropped. Each answer has the context of its request, and so have the events that the request stores in the outbox, even if the trace is not recorded.
- A separate task sends the spans over plain HTTP (OTLP, protobuf), so no request waits for the collector. Spans that the collector does not take are lost and counted in `skep_trace_spans_total`.
- The connection to the collector has no TLS. Run a collector on the same machine or in the same network, and let it forward the spans.
- Spans have the template of the route, but no path, no query and no body. The only header in them is `tracestate`. They have the address of the client, as the log does.

## Metrics

`GET /metrics` answers in the text format of Prometheus. It is open while only this machine reaches the server: `HOST` is the loopback, and neither `PUBLIC_URL` nor `SKEP_TRUSTED_PROXIES` is set. Otherwise it requires `SKEP_METRICS_TOKEN` as a bearer token, or an address of its own (`SKEP_METRICS_ADDRESS`). Where OpenTelemetry has a name for a metric or label, it is used, in the spelling of Prometheus. The names of other metrics begin with `skep_`, and those about the process with `process_`. No client can make up the value of a label.

| metric | kind | labels | meaning | printed |
| --- | --- | --- | --- | --- |
";

const END: &str = "
Some questions in PromQL:

- How slow are the slowest 5 % of the requests? `histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_seconds_bucket[5m])))`
- Which share of the requests is answered 5xx? `sum(rate(http_server_request_duration_seconds_count{http_response_status_code=~\"5..\"}[5m])) / sum(rate(http_server_request_duration_seconds_count[5m]))`
- Is a pool too small? `db_client_connection_pending_requests > 0`. If `rate(db_client_connection_timeouts_total[5m]) > 0`, requests fail because of it.
- How many units share a commit? `rate(skep_sqlite_group_units_sum[5m]) / rate(skep_sqlite_group_units_count[5m])`
- Does the write-ahead log of SQLite grow? `skep_sqlite_log_pages` is a few thousand under load, and more while a long read runs. If it only grows, and the log says that the database file could not be written, fix the disk and restart the server. Nothing is lost, because the write-ahead log has all changes.
- How often do units of work conflict? `sum by (outcome) (rate(skep_unit_of_work_duration_seconds_count[5m]))`

A program that embeds Skep must install a recorder of the [`metrics`](https://docs.rs/metrics) crate before it starts an instance, and call `Skep::gauges().record()` before it renders the metrics.
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
