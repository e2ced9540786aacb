//! `skep serve`.

use crate::{
    Skep,
    config::Config,
    telemetry::{Metrics, OpenTelemetry, Telemetry},
};
use skep_application::kernel::{Actor, BoxError, Runtime};
use skep_http::{
    Api, ApiConfig,
    edge::{Cors, EdgeConfig, RequestId, RouteTable, TraceContext, Tracer, TrustedProxies, serve},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long browsers are told to insist on HTTPS: two years.
const HSTS: Duration = Duration::from_secs(2 * 365 * 24 * 60 * 60);
/// How often what has expired is forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often metrics are tidied.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

pub(super) async fn run(config: &Config) -> Result<(), BoxError> {
    let metrics = Metrics::start()?;
    let telemetry = Arc::new(Telemetry::start(&config.log_level, config.log_format, config.traces.as_ref())?);
    let listener = TcpListener::bind(SocketAddr::new(config.host, config.port)).await.map_err(|source| {
        BoxError::from(format!("cannot listen on {}: {source}", SocketAddr::new(config.host, config.port)))
    })?;
    let address = listener.local_addr()?;
    let url = config.base_url(address.port());
    let skep = Skep::builder().config(config.clone()).exclusive().start().await?;
    let token = skep.app.identity.issue_setup_token.execute(&Actor::system("start")).await?;
    let service = Api::build(skep.app.clone(), api_config(config, &skep, &metrics, &telemetry));
    let edge = edge_config(config, &skep, &url, service.routes, telemetry.records_traces());
    welcome(&skep, &url, address, config, token.as_deref());
    let shutdown = CancellationToken::new();
    let background = tokio::spawn(keep_tidy(skep.app.clone(), metrics, telemetry.clone(), shutdown.clone()));
    tokio::spawn(stop_on_signal(shutdown.clone())?);
    let report = serve(listener, service.endpoint, edge, shutdown.clone()).await;
    shutdown.cancel();
    if let Err(error) = background.await {
        tracing::error!(%error, "background work ended badly");
    }
    skep.close().await;
    telemetry.end().await;
    tracing::info!(connections_cut = report.connections_cut, requests_cut = report.requests_cut, "stopped");
    Ok(())
}

fn api_config(config: &Config, skep: &Skep, metrics: &Metrics, telemetry: &Arc<Telemetry>) -> ApiConfig {
    // To the world, metrics are served only to those who hold the token.
    let served = config.metrics_token.is_some() || config.host.is_loopback();
    let (metrics, telemetry, gauges) = (metrics.clone(), telemetry.clone(), skep.gauges());
    let render = move || {
        gauges.record();
        metrics.render(telemetry.lost_lines())
    };
    ApiConfig {
        cursor_key: skep.cursor_key,
        limits: config.limits,
        docs: config.docs,
        metrics: served.then(|| Arc::new(render) as Arc<dyn Fn() -> String + Send + Sync>),
        metrics_token: config.metrics_token.as_ref().map(|token| token.0.clone()),
    }
}

fn edge_config(config: &Config, skep: &Skep, url: &str, routes: RouteTable, traced: bool) -> EdgeConfig {
    let Runtime { ids, random, .. } = skep.app.ports.runtime.clone();
    let mut edge = EdgeConfig::new(Arc::new(move || RequestId::from_u128(ids.next().as_u128())));
    edge.limits.max_connections = config.max_connections;
    edge.timeouts = config.timeouts;
    edge.trusted_proxies = TrustedProxies::new(config.trusted_proxies.iter().copied());
    edge.cors = (!config.cors_origins.is_empty()).then(|| Cors::new(config.cors_origins.iter().cloned()));
    edge.hsts = url.starts_with("https://").then_some(HSTS);
    edge.routes = routes;
    edge.tracer = traced.then(|| Arc::new(OpenTelemetry) as Arc<dyn Tracer>);
    // Zero is no id; of random numbers one in 2^64 is.
    let bits = move || random.bits().max(1);
    edge.new_trace = Some(Arc::new(move || TraceContext {
        trace_id: u128::from(bits()) << 64 | u128::from(bits()),
        parent_id: bits(),
        flags: 0,
    }));
    edge
}

/// The first thing that a newcomer reads.
fn welcome(skep: &Skep, url: &str, address: SocketAddr, config: &Config, token: Option<&str>) {
    tell!("skep {} on {address}, data in {}", env!("CARGO_PKG_VERSION"), skep.store_name());
    tell!("  API        {url}/api/v1");
    if config.docs {
        tell!("  API docs   {url}/api-docs");
    }
    tell!("  OpenAPI    {url}/openapi.json");
    tell!("  health     {url}/health, {url}/ready");
    if let Some(token) = token {
        tell!("");
        tell!("There is no admin yet. Make one within 24 hours with this one-time token:");
        tell!("  curl -sS {url}/api/v1/setup -H 'Content-Type: application/json' \\");
        tell!(
            "    -d '{{\"token\":\"{token}\",\"email\":\"you@example.com\",\"password\":\"<15 characters or more>\",\"display_name\":\"You\"}}'"
        );
    }
}

/// Forgets what has expired, and keeps the metrics small.
async fn keep_tidy(
    app: Arc<skep_application::App>,
    metrics: Metrics,
    telemetry: Arc<Telemetry>,
    shutdown: CancellationToken,
) {
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    let mut upkeep = tokio::time::interval(UPKEEP_EVERY);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = upkeep.tick() => metrics.run_upkeep(),
            _ = sweep.tick() => match app.sweep_expired.execute().await {
                Ok(swept) if swept.is_empty() => {}
                Ok(swept) => tracing::info!(%swept, "expired rows forgotten"),
                Err(error) => tracing::warn!(%error, "expired rows could not be forgotten"),
            },
        }
    }
    drop(telemetry);
}

/// The first signal lets running requests end; a second one of any kind ends the process as the system does.
fn stop_on_signal(shutdown: CancellationToken) -> Result<impl Future<Output = ()>, std::io::Error> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::info!("stopping: running requests may end");
        shutdown.cancel();
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::warn!("stopping at once");
        std::process::exit(1);
    })
}
