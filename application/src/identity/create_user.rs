//! Creates an account with roles for another user. This is the operator's command.

use super::{AccountInput, Accounts, IdentityTx, NewAccountError, UserView, new_account::Address};
use crate::kernel::{Actor, Begin, Denied, TxMode, permit, run, use_case_error};
use skep_domain::{access::Role, identity::actions};
use std::sync::Arc;

use_case_error! {
    /// The reason why no account was created.
    CreateUserError {
        Denied(Denied),
        Account(NewAccountError),
    }
}

/// The input for an account with roles, not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUserCommand {
    /// The account to create.
    pub account: AccountInput,
    /// The roles in addition to `user`, which every account has.
    pub roles: Vec<Role>,
}

/// Creates accounts, with roles, for other users.
pub struct CreateUser {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    accounts: Accounts,
}

impl CreateUser {
    /// Makes the use case. It stores accounts in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, accounts: Accounts) -> Self {
        Self { store, accounts }
    }

    /// Creates the account, on behalf of Skep itself or an admin.
    ///
    /// # Errors
    /// [`CreateUserError`].
    pub async fn execute(&self, actor: &Actor, command: CreateUserCommand) -> Result<UserView, CreateUserError> {
        permit(actor, actions::CREATE_USER)?;
        let account = self.accounts.prepare(actor, command.account, &command.roles, Address::Vouched).await?;
        let (store, account) = (&self.store, &account);
        run(&self.accounts.runtime, actor.deadline, |attempt| async move {
            let mut tx = store.begin(TxMode::Write, &[]).await?;
            let result = account.store(&mut *tx, actor, &attempt).await.map_err(CreateUserError::from);
            attempt.end(tx, result).await
        })
        .await
    }
}

#[cfg(test)]
mod tests;
