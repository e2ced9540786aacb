//! Gives an account back the address that it had before it was changed.

use super::{
    AccountMails, Accounts, EmailTaken, HashCaller, HashError, HasherBusy, IdentityTx, LinkInvalid, OneTimeSecrets,
    link_tokens::LinkToken,
    linked_address::{store_address, take_address},
    redeem_link::{Opened, report_return},
};
use crate::kernel::{Actor, Attempt, Begin, Runtime, StoreError, TxMode, run, use_case_error};
use skep_domain::{
    identity::LinkPurpose,
    shared::{EventId, Timestamp},
};
use std::sync::Arc;

/// The token of a link, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct RestoreEmailCommand {
    /// The token of the link.
    pub token: String,
}

impl std::fmt::Debug for RestoreEmailCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestoreEmailCommand").finish_non_exhaustive()
    }
}

use_case_error! {
    /// The reason why the address was not restored.
    RestoreEmailError {
        LinkInvalid(LinkInvalid),
        EmailTaken(EmailTaken),
        HasherBusy(HasherBusy),
    }
}

impl From<HashError> for RestoreEmailError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::HasherBusy(HasherBusy),
            HashError::Failed(cause) => Self::Store(StoreError::unreadable(cause)),
        }
    }
}

/// Restores addresses through links that were mailed to them when they were replaced.
pub struct RestoreEmail {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    accounts: Accounts,
    secrets: Arc<dyn OneTimeSecrets>,
    mails: AccountMails,
}

/// A change that is ready to be stored.
struct Change {
    token: LinkToken,
    password_hash: String,
    event_id: EventId,
    /// The id of the event of a deletion that is taken back.
    return_id: EventId,
    now: Timestamp,
}

const PURPOSE: LinkPurpose = LinkPurpose::RestoreEmail;

impl RestoreEmail {
    /// `secrets` makes the passwords that no one gets to know, and `mails` reads the tokens of links.
    #[must_use]
    pub fn new(
        store: Arc<dyn Begin<dyn IdentityTx>>,
        accounts: Accounts,
        secrets: Arc<dyn OneTimeSecrets>,
        mails: AccountMails,
    ) -> Self {
        Self { store, accounts, secrets, mails }
    }

    /// Gives the account the address of the link, uses the link up, and ends every session and every link to reset the
    /// password or to change the address. The caller that changed the address knew the password, so it no longer opens the
    /// account: the owner sets another one through a link to reset it. A deletion of the account is taken back, because
    /// that caller may have deleted it, unless the account is disabled, too.
    ///
    /// The link is checked before a password is hashed, so that a caller without one cannot keep the hashers busy.
    ///
    /// # Errors
    /// [`RestoreEmailError`]. A link that is wrong, used or too old, or whose account is disabled, gets one and the same
    /// refusal. If the address has another account meanwhile, the link stays.
    pub async fn execute(&self, actor: &Actor, command: RestoreEmailCommand) -> Result<(), RestoreEmailError> {
        let token = self.mails.read(PURPOSE, &command.token)?;
        Opened::look::<RestoreEmailError>(&*self.store, self.runtime(), actor, PURPOSE, &token).await?;
        let caller = HashCaller { network: actor.network, is_known: false };
        let password_hash = self.accounts.hasher.hash(caller, self.secrets.generate().0).await?;
        let (now, ids) = (self.runtime().clock.now(), &self.runtime().ids);
        let [event_id, return_id] = [(); 2].map(|()| EventId::new(ids.next()));
        let change = &Change { token, password_hash, event_id, return_id, now };
        run(self.runtime(), actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = Self::store(&mut *tx, actor, change, &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    const fn runtime(&self) -> &Runtime {
        &self.accounts.runtime
    }

    async fn store(
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        change: &Change,
        attempt: &Attempt,
    ) -> Result<(), RestoreEmailError> {
        let Change { token, password_hash, event_id, return_id, now } = change;
        if attempt.after_unknown && tx.outbox().settle(*event_id).await? {
            return Ok(());
        }
        let opened = Opened::find::<RestoreEmailError>(tx, PURPOSE, token, *now).await?;
        let mut user = take_address::<RestoreEmailError>(tx, opened, *now).await?;
        user.change_password(password_hash.clone(), *now);
        let returns = user.returns_by_restoration(*now) && user.enable(*now);
        let version = store_address::<RestoreEmailError>(tx, actor, &user, *event_id, *now).await?;
        if returns {
            report_return(tx, actor, &user, version, *return_id).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
