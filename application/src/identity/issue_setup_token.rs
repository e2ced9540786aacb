//! Issues the token for creating the first admin. Each start without an admin prints a new one.

use super::{IdentityTx, OneTimeSecrets, SetupToken};
use crate::kernel::{Actor, Begin, Denied, Runtime, StoreError, TxMode, permit, run, use_case_error};
use skep_domain::{access::Role, identity::actions};
use std::sync::Arc;

/// How long a setup token is valid, in milliseconds: 24 hours.
const GOOD_FOR_MILLIS: i64 = 24 * 60 * 60 * 1000;

use_case_error! {
    /// The reason why no token was issued.
    IssueSetupTokenError {
        Denied(Denied),
    }
}

/// Issues setup tokens, on behalf of Skep itself or an admin.
pub struct IssueSetupToken {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    secrets: Arc<dyn OneTimeSecrets>,
    runtime: Runtime,
}

impl IssueSetupToken {
    /// Makes the use case. It stores the hashes of tokens in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, secrets: Arc<dyn OneTimeSecrets>, runtime: Runtime) -> Self {
        Self { store, secrets, runtime }
    }

    /// Replaces the token by a new one and returns it. If there is an admin, deletes the token and returns `None`.
    ///
    /// # Errors
    /// [`IssueSetupTokenError`].
    pub async fn execute(&self, actor: &Actor) -> Result<Option<String>, IssueSetupTokenError> {
        permit(actor, actions::CREATE_USER)?;
        let (text, hash) = self.secrets.generate();
        let token = SetupToken { hash, expires_at: self.runtime.clock.now().plus_millis(GOOD_FOR_MILLIS) };
        let issued = run(&self.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = issue(&mut *tx, &token).await;
            attempt.end(tx, result.map_err(IssueSetupTokenError::from)).await
        })
        .await?;
        Ok(issued.then_some(text))
    }
}

/// Storing the same token twice has the same result as storing it once, so an unknown outcome needs no event to settle.
async fn issue(tx: &mut dyn IdentityTx, token: &SetupToken) -> Result<bool, StoreError> {
    if tx.users().any_with_role(Role::ADMIN).await? {
        tx.setup_tokens().delete().await?;
        return Ok(false);
    }
    tx.setup_tokens().replace(token).await?;
    Ok(true)
}

#[cfg(test)]
mod tests;
