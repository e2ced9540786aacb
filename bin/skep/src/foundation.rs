//! What the start opens before it changes anything.

use crate::{config::Config, data_dir::DataDir, start_error::StartError, stores::OpenStore, waiting::open_store};
use skep_application::{Store, kernel::Runtime};
use skep_local::system_runtime;
use std::sync::Arc;

/// The data folder, the store and the runtime, before the schema is changed.
pub(crate) struct Foundation {
    pub(crate) store: OpenStore,
    pub(crate) data: DataDir,
    pub(crate) runtime: Runtime,
}

impl Foundation {
    /// Opens the data folder and the store, and waits until the store answers. Does not change the schema.
    ///
    /// # Errors
    /// [`StartError`].
    pub(crate) async fn open(config: &Config) -> Result<Self, StartError> {
        Self::on(DataDir::open(&config.data_dir)?, config, system_runtime(), None).await
    }

    /// Opens the store that is configured, or takes this one.
    ///
    /// # Errors
    /// [`StartError`].
    pub(crate) async fn on(
        data: DataDir,
        config: &Config,
        runtime: Runtime,
        store: Option<Arc<dyn Store>>,
    ) -> Result<Self, StartError> {
        let store = match store {
            Some(store) => OpenStore::given(store),
            None => open_store(config, &data, runtime.clock.clone()).await?,
        };
        Ok(Self { store, data, runtime })
    }
}
