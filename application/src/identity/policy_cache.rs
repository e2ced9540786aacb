//! The roles of the deployment, kept in the process.

use super::RoleQueries;
use crate::kernel::StoreError;
use skep_domain::access::{Policy, PolicyVersion};
use std::sync::{Arc, PoisonError, RwLock};

/// Keeps the definitions of roles for as long as the version of the policy stays. Each request has read that version, so
/// it is never judged by older definitions.
pub(super) struct PolicyCache {
    roles: Arc<dyn RoleQueries>,
    kept: RwLock<Option<Arc<Policy>>>,
}

impl PolicyCache {
    pub(super) fn new(roles: Arc<dyn RoleQueries>) -> Self {
        Self { roles, kept: RwLock::default() }
    }

    /// Returns the policy of this version or a later one. It is read again if the kept one has another version. A reader
    /// that was slow may keep an older policy than another one; the next request then reads it again.
    pub(super) async fn at(&self, version: PolicyVersion) -> Result<Arc<Policy>, StoreError> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(policy) = kept.filter(|policy| policy.version == version) {
            return Ok(policy);
        }
        let policy = Arc::new(self.roles.find_policy().await?);
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(policy.clone());
        Ok(policy)
    }
}
