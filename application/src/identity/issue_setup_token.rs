//! The token with which the first admin is made, printed at every start as long as no admin exists.

use super::{IdentityTx, OneTimeSecrets, SetupToken};
use crate::kernel::{Actor, Begin, Denied, Runtime, StoreError, TxMode, permit, run, use_case_error};
use skep_domain::{access::Role, identity::actions};
use std::sync::Arc;

/// How long a set-up token is good: 24 h, in milliseconds.
const GOOD_FOR_MILLIS: i64 = 24 * 60 * 60 * 1000;

use_case_error! {
    /// Why no token was issued.
    IssueSetupTokenError {
        Denied(Denied),
    }
}

/// Issues set-up tokens.
pub struct IssueSetupToken {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    secrets: Arc<dyn OneTimeSecrets>,
    runtime: Runtime,
}

impl IssueSetupToken {
    /// Issues tokens for this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, secrets: Arc<dyn OneTimeSecrets>, runtime: Runtime) -> Self {
        Self { store, secrets, runtime }
    }

    /// A new token in place of the one before; `None` once there is an admin.
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

/// Putting the same token in place twice is the same as once, so an unknown outcome needs no mark.
async fn issue(tx: &mut dyn IdentityTx, token: &SetupToken) -> Result<bool, StoreError> {
    if tx.users().any_with_role(Role::Admin).await? {
        tx.setup_tokens().delete().await?;
        return Ok(false);
    }
    tx.setup_tokens().replace(token).await?;
    Ok(true)
}

#[cfg(test)]
mod tests;
