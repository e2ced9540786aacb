//! Sends spans to a collector by OTLP over HTTP. A request never waits for that.
//!
//! Spans that have ended go into a queue of fixed length. When it is full, they are lost and counted. A task takes them out
//! in batches and sends them over plain HTTP/1.1 without TLS, to a collector nearby.

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use metrics::Counter;
use opentelemetry::Context;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter as _, SpanProcessor},
};
use std::{sync::Mutex, time::Duration};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::timeout,
};

/// The most spans that wait to be sent.
const QUEUE: usize = 4_096;
/// The most spans of a batch.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// How long the collector may take to answer a batch.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end of the process waits for the last batches.
const LAST_PATIENCE: Duration = Duration::from_secs(2);
/// The most bytes that are read of an answer of the collector.
const MAX_ANSWER: usize = 1 << 20;

/// The queue of spans.
#[derive(Debug)]
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    lost: Counter,
}

/// Ends the sending.
pub(super) struct Ending {
    stop: Mutex<Option<oneshot::Sender<()>>>,
    stopped: tokio::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

impl Queue {
    /// Starts the task that sends.
    pub(super) fn start(exporter: SpanExporter) -> (Self, Ending) {
        let count = |outcome: &'static str| metrics::counter!("skep_trace_spans_total", "outcome" => outcome);
        let (spans, receiver) = mpsc::channel(QUEUE);
        let (stop, stopping) = oneshot::channel();
        let (done, stopped) = oneshot::channel();
        let sending = Sending { exporter, exported: count("exported"), lost: count("lost"), is_away: false };
        tokio::spawn(async move {
            sending.run(receiver, stopping).await;
            // The receiver is gone if the end was not waited for.
            let _ = done.send(());
        });
        let ending = Ending { stop: Mutex::new(Some(stop)), stopped: tokio::sync::Mutex::new(Some(stopped)) };
        (Self { spans, lost: count("lost") }, ending)
    }
}

impl Ending {
    /// Sends the spans in the queue, for a short time, and ends the task.
    pub(super) async fn end(&self) {
        let stop = self.stop.lock().ok().and_then(|mut stop| stop.take());
        if let Some(stop) = stop {
            let _ = stop.send(());
        }
        if let Some(stopped) = self.stopped.lock().await.take() {
            let _ = timeout(LAST_PATIENCE, stopped).await;
        }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.spans.try_send(span).is_err() {
            self.lost.increment(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The task that sends.
struct Sending {
    exporter: SpanExporter,
    exported: Counter,
    lost: Counter,
    is_away: bool,
}

impl Sending {
    async fn run(mut self, mut spans: mpsc::Receiver<SpanData>, mut stopping: oneshot::Receiver<()>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                _ = &mut stopping => break,
                taken = spans.recv_many(&mut batch, BATCH) => if taken == 0 { break },
            }
            let filling = async {
                while batch.len() < BATCH {
                    let room = BATCH - batch.len();
                    if spans.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            let mut is_stopping = false;
            tokio::select! {
                biased;
                _ = &mut stopping => is_stopping = true,
                _ = timeout(LINGER, filling) => {}
            }
            if is_stopping {
                break;
            }
            self.send(std::mem::take(&mut batch)).await;
        }
        spans.close();
        while let Ok(span) = spans.try_recv() {
            batch.push(span);
        }
        if !batch.is_empty() {
            self.send(batch).await;
        }
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let failure = match timeout(PATIENCE, self.exporter.export(batch)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {PATIENCE:?}")),
        };
        match failure {
            None => {
                self.exported.increment(count);
                if std::mem::take(&mut self.is_away) {
                    tracing::info!("the collector of traces answers again");
                }
            }
            Some(error) => {
                self.lost.increment(count);
                if !std::mem::replace(&mut self.is_away, true) {
                    tracing::warn!(
                        error,
                        "the collector of traces does not accept spans: check OTEL_EXPORTER_OTLP_ENDPOINT. Spans are lost until it does"
                    );
                }
            }
        }
    }
}

/// Plain HTTP/1.1, with a connection for each batch.
#[derive(Debug)]
pub(super) struct PlainHttp;

#[async_trait::async_trait]
impl HttpClient for PlainHttp {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (mut parts, body) = request.into_parts();
        let authority = parts.uri.authority().ok_or("the address of the collector has no host")?.clone();
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let socket = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
        let driver = tokio::spawn(connection);
        parts.headers.insert(http::header::HOST, http::HeaderValue::from_str(authority.as_str())?);
        parts.uri = Uri::try_from(parts.uri.path_and_query().map_or("/", |path| path.as_str()))?;
        let answer = async {
            let (parts, body) = sender.send_request(Request::from_parts(parts, Full::new(body))).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        let answer = answer.await;
        driver.abort();
        answer
    }
}
