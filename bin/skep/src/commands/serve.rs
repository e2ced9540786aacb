//! `skep serve`.

use super::output::CannotWrite;
use crate::{
    Skep,
    background::Background,
    causes::with_causes,
    check,
    config::Config,
    files::report_bucket,
    listen::{listen, listen_for_metrics},
    telemetry::{Metrics, OpenTelemetry, Telemetry},
    waiting::{report_redis, setup_token},
};
use futures_util::future::OptionFuture;
use skep_application::kernel::{BoxError, Runtime};
use skep_http::{
    Api, ApiConfig, MetricsPage,
    edge::{Cors, DrainReport, EdgeConfig, RequestId, RouteTable, TraceContext, Tracer, TrustedProxies, serve},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// How long browsers use HTTPS alone after an answer: two years.
const HSTS: Duration = Duration::from_secs(2 * 365 * 24 * 60 * 60);
/// The most connections to the address of the metrics. A few collectors use it.
const METRICS_CONNECTIONS: usize = 64;

pub(super) async fn run(config: &Config) -> Result<(), BoxError> {
    let metrics = Metrics::start()?;
    let telemetry = Arc::new(Telemetry::start(&config.log_level, config.log_format, config.traces.as_ref())?);
    let listener = listen(config).await?;
    let address = listener.local_addr()?;
    let metrics_listener = match config.metrics_address {
        Some(address) => Some(listen_for_metrics(address).await?),
        None => None,
    };
    let url = config.base_url(address.port());
    tokio::spawn(report_redis(config.clone()));
    tokio::spawn(report_bucket(config.clone()));
    for warning in [check::unnamed_proxy(config), check::local_files(config)].into_iter().flatten() {
        tracing::warn!(remedy = warning.remedy, "{}", warning.text);
    }
    if let Some(note) = check::plain_cookies(config) {
        tracing::info!("{note}");
    }
    // Before the start, which may wait for the store: as the first process of a container, a process without a handler
    // does not get the signal.
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(shutdown.clone())?);
    let start = Skep::builder().config(config.clone()).exclusive().start();
    let Some(skep) = shutdown.run_until_cancelled(start).await else {
        telemetry.end().await;
        return Ok(());
    };
    let skep = skep?;
    let token = match shutdown.run_until_cancelled(setup_token(&skep)).await {
        Some(Ok(token)) => token,
        not_issued => {
            skep.close().await;
            telemetry.end().await;
            return not_issued.map_or(Ok(()), |failed| Ok(failed.map(drop)?));
        }
    };
    let page = metrics_page(config, &skep, &metrics, &telemetry);
    let service = Api::build(skep.app.clone(), api_config(config, &skep, &page));
    let edge = edge_config(config, &skep, &url, service.routes, telemetry.records_traces());
    let metrics_address = metrics_listener.as_ref().map(TcpListener::local_addr).transpose()?;
    let printed = welcome(&skep, &url, address, metrics_address, config, token.as_deref());
    if let Err(error) = printed {
        // The token is nowhere else. Without one, the server works as well without these lines.
        if token.is_some() {
            skep.close().await;
            telemetry.end().await;
            return Err(error.into());
        }
        tracing::warn!(cause = with_causes(&error, ": "), "the addresses of the server cannot be printed");
    }
    let metrics_server = metrics_listener.map(|listener| serve_metrics(config, &skep, page, listener, &shutdown));
    let skep = Arc::new(skep);
    let background = Background::start(&skep, metrics, config.worker_options(), shutdown.clone());
    let report = serve(listener, service.endpoint, edge, shutdown.clone()).await;
    shutdown.cancel();
    background.end().await;
    end_metrics(metrics_server).await;
    skep.close().await;
    telemetry.end().await;
    tracing::info!(connections_cut = report.connections_cut, requests_cut = report.requests_cut, "stopped");
    Ok(())
}

/// Serves the metrics at their own address until `shutdown`.
pub(super) fn serve_metrics(
    config: &Config,
    skep: &Skep,
    page: MetricsPage,
    listener: TcpListener,
    shutdown: &CancellationToken,
) -> JoinHandle<DrainReport> {
    let (endpoint, routes) = page.alone();
    let mut edge = edge_config(config, skep, "", routes, false);
    edge.limits.max_connections = METRICS_CONNECTIONS;
    tokio::spawn(serve(listener, endpoint, edge, shutdown.clone()))
}

/// Waits until the server of the metrics has ended, if there is one.
pub(super) async fn end_metrics(server: Option<JoinHandle<DrainReport>>) {
    if let Some(Err(error)) = OptionFuture::from(server).await {
        tracing::error!(%error, "the server of the metrics failed");
    }
}

pub(super) fn metrics_page(config: &Config, skep: &Skep, metrics: &Metrics, telemetry: &Arc<Telemetry>) -> MetricsPage {
    let (metrics, telemetry, gauges) = (metrics.clone(), telemetry.clone(), skep.gauges());
    let render = move || {
        gauges.record();
        metrics.render(telemetry.lost_lines())
    };
    MetricsPage::new(render, config.metrics_token.as_ref().map(|token| &*token.0))
}

fn api_config(config: &Config, skep: &Skep, page: &MetricsPage) -> ApiConfig {
    ApiConfig {
        source: skep.source.clone(),
        public_url: config.public_url.clone(),
        cursor_key: skep.cursor_key,
        limits: config.limits.clone(),
        docs: config.docs,
        metrics: config.serves_metrics_with_api().then(|| page.clone()),
    }
}

fn edge_config(config: &Config, skep: &Skep, url: &str, routes: RouteTable, traced: bool) -> EdgeConfig {
    let Runtime { ids, random, .. } = skep.app.ports.runtime.clone();
    let mut edge = EdgeConfig::new(Arc::new(move || RequestId::from_u128(ids.next().as_u128())));
    edge.limits.max_connections = config.max_connections;
    edge.limits.http2_max_streams = config.http2_streams;
    edge.clients = config.clients.clone();
    edge.bodies = config.bodies;
    edge.timeouts = config.timeouts;
    edge.trusted_proxies = TrustedProxies::new(config.trusted_proxies.iter().copied());
    let cors = || Cors::new(config.cors_origins.iter().cloned()).with_headers(&config.cors_headers);
    edge.cors = (!config.cors_origins.is_empty()).then(cors);
    edge.hsts = url.starts_with("https://").then_some(HSTS);
    edge.routes = routes;
    edge.tracer = traced.then(|| Arc::new(OpenTelemetry) as Arc<dyn Tracer>);
    // A trace id or a span id of zero is invalid.
    let bits = move || random.bits().max(1);
    edge.new_trace = Some(Arc::new(move || TraceContext {
        trace_id: u128::from(bits()) << 64 | u128::from(bits()),
        parent_id: bits(),
        flags: 0,
    }));
    edge
}

/// Prints the addresses of the server and, before the first admin exists, the command that makes one.
///
/// The command is refused as it stands: the e-mail address, the name and the password are empty.
fn welcome(
    skep: &Skep,
    url: &str,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    config: &Config,
    token: Option<&str>,
) -> Result<(), CannotWrite> {
    tell!("skep {} on {address}, data in {}", env!("CARGO_PKG_VERSION"), skep.store_name())?;
    tell!("  API        {url}/api/v1")?;
    if config.docs {
        tell!("  API docs   {url}/api-docs")?;
    }
    tell!("  OpenAPI    {url}/openapi.json")?;
    tell!("  health     {url}/health, {url}/ready")?;
    if let Some(metrics) = metrics {
        tell!("  metrics    http://{metrics}/metrics")?;
    }
    if let Some(token) = token {
        tell!("")?;
        let least = config.policies.passwords.min_chars();
        tell!("There is no admin yet. Make one within 24 hours with this command. Before you run it, put your e-mail")?;
        tell!("address, your name and a password of {least} characters or more between the empty quotes:")?;
        tell!("")?;
        tell!("  curl --fail-with-body -sS {url}/api/v1/setup -H 'Content-Type: application/json' \\")?;
        tell!("    -d '{{\"token\":\"{token}\",\"email\":\"\",\"display_name\":\"\",\"password\":\"\"}}'")?;
        tell!("")?;
        tell!("`skep user create` makes an admin, too: see `skep user create --help`.")?;
    }
    Ok(())
}

/// Waits for a signal. The first one lets running requests end, the second one ends the process with exit code 1.
pub(super) fn stop_on_signal(shutdown: CancellationToken) -> Result<impl Future<Output = ()>, std::io::Error> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::info!("stopping: waiting for running requests and jobs");
        shutdown.cancel();
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::warn!("a second signal: stopping at once, running requests and jobs are cut");
        std::process::exit(1);
    })
}
