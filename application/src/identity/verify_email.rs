//! Verifies the address of an account through a link that was mailed to it.

use super::{AccountMails, IdentityTx, LinkInvalid, link_tokens::LinkToken, redeem_link::Opened};
use crate::kernel::{Actor, Attempt, Begin, OutboxEvent, Runtime, TxMode, run, use_case_error};
use skep_domain::{
    identity::{LinkPurpose, events::UserEmailVerified},
    shared::{EventId, Timestamp},
};
use std::sync::Arc;

/// The token of a link, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyEmailCommand {
    /// The token of the link.
    pub token: String,
}

impl std::fmt::Debug for VerifyEmailCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyEmailCommand").finish_non_exhaustive()
    }
}

use_case_error! {
    /// The reason why the address was not verified.
    VerifyEmailError {
        LinkInvalid(LinkInvalid),
    }
}

/// Verifies addresses.
pub struct VerifyEmail {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    mails: AccountMails,
    runtime: Runtime,
}

const PURPOSE: LinkPurpose = LinkPurpose::VerifyEmail;

impl VerifyEmail {
    /// `mails` reads the tokens of links.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, mails: AccountMails, runtime: Runtime) -> Self {
        Self { store, mails, runtime }
    }

    /// Verifies the address of the account and uses the link up. Sessions go on.
    ///
    /// # Errors
    /// [`VerifyEmailError`]. A link that is wrong, used, replaced or too old, or whose account is disabled, gets one and
    /// the same refusal.
    pub async fn execute(&self, actor: &Actor, command: VerifyEmailCommand) -> Result<(), VerifyEmailError> {
        let token = &self.mails.read(PURPOSE, &command.token)?;
        let (now, event_id) = (self.runtime.clock.now(), EventId::new(self.runtime.ids.next()));
        run(&self.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = Self::store(&mut *tx, actor, token, (event_id, now), &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    async fn store(
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        token: &LinkToken,
        (event_id, now): (EventId, Timestamp),
        attempt: &Attempt,
    ) -> Result<(), VerifyEmailError> {
        if attempt.after_unknown && tx.outbox().settle(event_id).await? {
            return Ok(());
        }
        let opened = Opened::find::<VerifyEmailError>(tx, PURPOSE, token, now).await?;
        let mut user = opened.consume::<VerifyEmailError>(tx, now).await?;
        if user.verify_email(now) {
            let version = tx.users().save(&user).await?;
            let event = UserEmailVerified { user_id: user.id };
            let event = OutboxEvent::of(event_id, &event, version, actor, user.updated_at)?;
            tx.outbox().append(&event).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
