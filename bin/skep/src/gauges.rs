//! Metrics that are read when they are rendered.

use crate::{config::Config, keys::Keys, stores::OpenStore, telemetry::number};
use skep_blobs::S3Blobs;
use skep_crypto::HashPool;
use skep_images::InProcessScaler;
use std::sync::Arc;

/// The threads that work for a long time, the requests that wait for them, and the bucket with its uploads.
#[derive(Clone)]
pub(crate) struct Pools {
    pub(crate) hashers: HashPool,
    pub(crate) scaler: InProcessScaler,
    pub(crate) bucket: Option<S3Blobs>,
}

impl Pools {
    pub(crate) fn of(config: &Config, bucket: Option<S3Blobs>) -> Self {
        Self { hashers: HashPool::for_cores(config.hash_wait), scaler: InProcessScaler::new(config.scaler), bucket }
    }
}

/// Metrics that are read instead of counted: how busy the pools are, and what uploads hold.
#[derive(Clone)]
pub struct Gauges {
    store: OpenStore,
    keys: Arc<Keys>,
    pools: Pools,
}

impl Gauges {
    pub(crate) const fn of(store: OpenStore, keys: Arc<Keys>, pools: Pools) -> Self {
        Self { store, keys, pools }
    }

    /// Passes them to the recorder of metrics. Call this before the metrics are rendered.
    pub fn record(&self) {
        self.store.record();
        self.keys.record();
        let stats = self.pools.hashers.stats();
        metrics::gauge!("skep_password_hash_running").set(number(stats.running));
        metrics::gauge!("skep_password_hash_waiting").set(number(stats.waiting));
        metrics::gauge!("skep_password_hash_workers").set(number(stats.workers));
        metrics::gauge!("skep_password_hash_places").set(number(stats.places));
        metrics::counter!("skep_password_hash_rejected_total").absolute(stats.rejected);
        let stats = self.pools.scaler.stats();
        metrics::gauge!("skep_image_scaling_running").set(number(stats.running));
        metrics::gauge!("skep_image_scaling_waiting").set(number(stats.waiting));
        metrics::gauge!("skep_image_scaling_workers").set(number(stats.at_once));
        metrics::gauge!("skep_image_scaling_places").set(number(stats.places));
        metrics::counter!("skep_image_scaling_rejected_total").absolute(stats.rejected);
        let (held, most) =
            self.pools.bucket.as_ref().map_or((0, 0), |bucket| (bucket.memory().held, bucket.memory().limit));
        metrics::gauge!("skep_s3_upload_memory_bytes").set(number(held));
        metrics::gauge!("skep_s3_upload_memory_max_bytes").set(number(most));
    }
}
