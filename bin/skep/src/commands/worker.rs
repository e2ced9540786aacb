//! `skep worker`.

use super::serve::{end_metrics, metrics_page, serve_metrics, stop_on_signal};
use crate::{
    Skep,
    background::Background,
    config::{Config, StoreChoice},
    listen::listen_for_metrics,
    telemetry::{Metrics, Telemetry},
};
use skep_application::kernel::BoxError;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(super) async fn run(config: &Config) -> Result<(), BoxError> {
    if matches!(config.store, StoreChoice::Sqlite) {
        let text = "the store is SQLite, so its server runs the jobs (`skep serve`). Workers in a process of their own need \
                    PostgreSQL (DATABASE_URL) or MongoDB (MONGODB_URI)";
        return Err(text.into());
    }
    let Some(options) = config.worker_options() else {
        return Err("SKEP_WORKERS is 0, so this process would run no jobs: set it to a number from 1 to 1000".into());
    };
    let metrics = Metrics::start()?;
    let telemetry = Arc::new(Telemetry::start(&config.log_level, config.log_format, config.traces.as_ref())?);
    let listener = match config.metrics_address {
        Some(address) => Some(listen_for_metrics(address).await?),
        None => None,
    };
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(shutdown.clone())?);
    let Some(skep) = shutdown.run_until_cancelled(Skep::builder().config(config.clone()).start()).await else {
        telemetry.end().await;
        return Ok(());
    };
    let skep = Arc::new(skep?);
    let page = metrics_page(config, &skep, &metrics, &telemetry);
    let metrics_server = listener.map(|listener| serve_metrics(config, &skep, page, listener, &shutdown));
    let background = Background::start(&skep, metrics, Some(options), shutdown.clone());
    let (workers, store) = (config.workers, skep.store_name());
    if let Err(error) =
        tell!("skep {} runs at most {workers} jobs at a time, data in {store}", env!("CARGO_PKG_VERSION"))
    {
        tracing::warn!(%error, "the start cannot be printed");
    }
    shutdown.cancelled().await;
    background.end().await;
    end_metrics(metrics_server).await;
    skep.close().await;
    telemetry.end().await;
    tracing::info!("stopped");
    Ok(())
}
