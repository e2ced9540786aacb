//! Ports for tests that build a whole [`App`](crate::App).

use crate::{
    app::Ports,
    files::{MockBlobStore, MockContentTypes, MockImageScaler},
    identity::{IdentityHooks, MockAccessTokens, MockOneTimeSecrets, MockPasswordHasher},
    kernel::{MockFieldCipher, MockFingerprints, MockRateLimits, Runtime},
    notifications::{MockMailer, MockRenderer},
    store::Store,
};
use std::sync::Arc;

/// This store and this runtime. Each other port is a mock without expectations, or is absent. A test replaces those that
/// it needs.
#[must_use]
pub fn mock_ports(store: Arc<dyn Store>, runtime: Runtime) -> Ports {
    Ports {
        store,
        runtime,
        hasher: Arc::new(MockPasswordHasher::new()),
        tokens: Arc::new(MockAccessTokens::new()),
        fingerprints: Arc::new(MockFingerprints::new()),
        fields: Arc::new(MockFieldCipher::new()),
        link_key: Arc::new(MockFingerprints::new()),
        secrets: Arc::new(MockOneTimeSecrets::new()),
        limits: Arc::new(MockRateLimits::new()),
        renderer: Arc::new(MockRenderer::new()),
        mailer: Arc::new(MockMailer::new()),
        blobs: Arc::new(MockBlobStore::new()),
        content_types: Arc::new(MockContentTypes::new()),
        image_scaler: Arc::new(MockImageScaler::new()),
        scanner: None,
        hooks: IdentityHooks::default(),
        tickets: None,
    }
}
