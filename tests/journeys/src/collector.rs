//! A collector of traces that decodes the spans that arrive.

use crate::wait_for;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1,
};
use prost::Message as _;
use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// Receives spans by OTLP over HTTP.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    spans: Vec<Span>,
    bytes: Vec<u8>,
    faults: Vec<String>,
}

/// A span as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The name of the span.
    pub name: String,
    /// Its kind: 1 internal, 2 server, 3 client.
    pub kind: i32,
    /// Its trace, in hexadecimal digits.
    pub trace_id: String,
    /// Its id, in hexadecimal digits.
    pub span_id: String,
    /// The id of its parent; empty for a root span.
    pub parent_id: String,
    /// The `tracestate` that other systems have set.
    pub trace_state: String,
    /// The resource attribute `service.name`.
    pub service_name: String,
    /// 0 unset, 1 ok, 2 error.
    pub status: i32,
    attributes: Vec<KeyValue>,
}

impl Span {
    /// An attribute as text.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<String> {
        text_of(&self.attributes, key)
    }
}

fn text_of(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(on) => on.to_string(),
        other => format!("{other:?}"),
    })
}

impl Collector {
    /// Starts a collector on a free port.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let taken = Arc::<Mutex<Taken>>::default();
        let shared = taken.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let result = take(&client);
                let mut taken = shared.lock().expect("not poisoned");
                match result {
                    Ok((bytes, spans)) => {
                        taken.bytes.extend(bytes);
                        taken.spans.extend(spans);
                    }
                    Err(error) => taken.faults.push(error.to_string()),
                }
            }
        });
        Self { address, taken }
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every span so far.
    ///
    /// # Panics
    /// If something other than spans has arrived.
    #[must_use]
    #[track_caller]
    pub fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().expect("not poisoned");
        assert!(taken.faults.is_empty(), "{:?}", taken.faults);
        taken.spans.clone()
    }

    /// All bytes that have arrived.
    ///
    /// # Panics
    /// If another thread has panicked here.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.taken.lock().expect("not poisoned").bytes.clone()
    }

    /// Waits for the server span of a trace, which ends last and is sent last. Returns all spans of the trace.
    ///
    /// # Panics
    /// If it does not arrive.
    #[must_use]
    #[track_caller]
    pub fn trace(&self, trace_id: &str) -> Vec<Span> {
        wait_for("the spans of a trace", || {
            let spans: Vec<Span> = self.spans().into_iter().filter(|span| span.trace_id == trace_id).collect();
            spans.iter().any(|span| span.kind == 2).then_some(spans)
        })
    }
}

fn take(mut client: &TcpStream) -> io::Result<(Vec<u8>, Vec<Span>)> {
    let broken = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let mut reader = BufReader::new(client);
    let (mut line, mut length, mut is_proto) = (String::new(), 0, false);
    reader.read_line(&mut line)?;
    if line.trim_end() != "POST /v1/traces HTTP/1.1" {
        return Err(broken(format!("not an export: {line:?}")));
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| broken("the length is not a number".to_owned()))?;
        }
        is_proto |= header == "content-type: application/x-protobuf";
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    client.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")?;
    if !is_proto {
        return Err(broken("not protobuf".to_owned()));
    }
    let request = ExportTraceServiceRequest::decode(&*body).map_err(|error| broken(error.to_string()))?;
    let mut spans = vec![];
    for resource in request.resource_spans {
        let service = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
        let service = text_of(&service, "service.name").unwrap_or_default();
        let scopes = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(scopes.map(|span| read(span, &service)));
    }
    Ok((body, spans))
}

fn read(span: v1::Span, service_name: &str) -> Span {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Span {
        name: span.name,
        kind: span.kind,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        trace_state: span.trace_state,
        service_name: service_name.to_owned(),
        status: span.status.map(|status| status.code).unwrap_or_default(),
        attributes: span.attributes,
    }
}
