//! The API with two subscribers to orders, or with no background work.

use super::open;
use crate::bench::Fault;
use skep::config::Config;
use skep_application::{
    events::{EventHandler, EventsTx, HandlerError, Handling, PlacedEvent, Subscribers},
    jobs::Handlers,
};
use skep_domain::{ordering::events::OrderPlaced, shared::Event as _};
use skep_http::edge::{EdgeConfig, RequestId, serve};
use skep_workers::{WorkerOptions, Workers};
use std::{net::Ipv4Addr, sync::Arc};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// A subscriber that only receives. The numbers of two subscribers differ.
struct Follower<const NUMBER: u8>;

impl<const NUMBER: u8> EventHandler for Follower<NUMBER> {
    const NAME: &'static str = if NUMBER == 1 { "bench.first" } else { "bench.second" };
    const EVENTS: &'static [&'static str] = &[OrderPlaced::NAME];
    type Unit = dyn EventsTx;

    async fn handle(&self, _: &mut Self::Unit, _: &PlacedEvent, _: &Handling<'_>) -> Result<(), HandlerError> {
        Ok(())
    }
}

pub(super) async fn run(relay: bool) -> Result<(), Fault> {
    let config = Config::load()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
    let skep = open().await?;
    let (app, stop) = (skep.app.clone(), CancellationToken::new());
    let (store, runtime) = (app.ports.store.clone(), app.ports.runtime.clone());
    let subscribers = Subscribers::default()
        .with(Follower::<1>, store.clone(), runtime.clone(), |unit| unit.deliveries())
        .with(Follower::<2>, store, runtime.clone(), |unit| unit.deliveries());
    let workers = Workers::new(app.clone(), Handlers::default(), WorkerOptions::default());
    let workers = relay.then(|| tokio::spawn(workers.with_subscribers(subscribers).run(stop.clone())));
    let service = skep.api(config.limits);
    let mut edge = EdgeConfig::new(Arc::new(move || RequestId::from_u128(runtime.ids.next().as_u128())));
    (edge.routes, edge.clients) = (service.routes, config.clients);
    let mut terminate = signal(SignalKind::terminate())?;
    let server = tokio::spawn(serve(listener, service.endpoint, edge, stop.clone()));
    terminate.recv().await;
    stop.cancel();
    server.await?;
    if let Some(workers) = workers {
        workers.await?;
    }
    skep.close().await;
    Ok(())
}
