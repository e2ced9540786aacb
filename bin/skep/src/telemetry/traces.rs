//! Traces: makes spans of OpenTelemetry from the spans of the program.

use super::export::{Ending, PlainHttp, Queue};
use crate::config::Traces;
use opentelemetry::{
    KeyValue,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TracerProvider as _},
};
use opentelemetry_otlp::{RetryPolicy, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider, SpanExporter as _},
};
use skep_application::kernel::BoxError;
use skep_http::edge::{TraceContext, Tracer};
use tracing::{Span, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, Registry, filter::filter_fn};

/// The target of every span that goes into traces.
const SPANS: &str = "skep::spans";

/// The recorder of traces.
pub(super) struct Recording {
    provider: SdkTracerProvider,
    ending: Ending,
}

/// A layer of a subscriber, of any type.
pub(super) type BoxLayer = Box<dyn Layer<Registry> + Send + Sync>;

impl Recording {
    /// Starts to record. Needs the runtime, and the recorder of metrics.
    pub(super) fn start(traces: &Traces) -> Result<(Self, BoxLayer), BoxError> {
        let resource = Resource::builder()
            .with_service_name(traces.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(PlainHttp)
            .with_endpoint(format!("{}/v1/traces", traces.endpoint))
            .with_retry_policy(RetryPolicy::disabled())
            .build()?;
        exporter.set_resource(&resource);
        let (queue, ending) = Queue::start(exporter);
        let ratio = Sampler::TraceIdRatioBased(f64::from(traces.percent) / 100.0);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_span_processor(queue)
            .build();
        let ours = filter_fn(|metadata| metadata.target() == SPANS).with_max_level_hint(LevelFilter::INFO);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("skep"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(ours);
        Ok((Self { provider, ending }, Box::new(layer)))
    }

    /// Sends the recorded spans, for a short time.
    pub(super) async fn end(&self) {
        self.ending.end().await;
        // The provider has no spans left. Shutting it down drops its processor.
        let _ = self.provider.shutdown();
    }
}

/// Connects requests to the traces of their callers.
#[derive(Debug)]
pub(crate) struct OpenTelemetry;

impl Tracer for OpenTelemetry {
    fn adopt(&self, span: &Span, caller: Option<&TraceContext>, state: Option<&str>) -> Option<TraceContext> {
        if let Some(caller) = caller {
            let remote = SpanContext::new(
                TraceId::from(caller.trace_id),
                SpanId::from(caller.parent_id),
                TraceFlags::new(caller.flags),
                true,
                state.and_then(|state| state.parse().ok()).unwrap_or_default(),
            );
            // This fails only if nothing is recorded.
            let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote));
        }
        let context = span.context();
        let own = context.span().span_context().clone();
        own.is_valid().then(|| TraceContext {
            trace_id: u128::from_be_bytes(own.trace_id().to_bytes()),
            parent_id: u64::from_be_bytes(own.span_id().to_bytes()),
            flags: own.trace_flags().to_u8(),
        })
    }
}
