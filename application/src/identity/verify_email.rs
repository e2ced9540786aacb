//! Verifies the address of an account through a link that was mailed to it, together with the password.

use super::{
    AccountMails, HasherBusy, IdentityTx, LinkInvalid, WrongPassword,
    link_tokens::LinkToken,
    own_password::OwnPassword,
    password_check::{Verified, check_error},
    redeem_link::Opened,
};
use crate::kernel::{Actor, Attempt, Begin, OutboxEvent, Runtime, TooManyAttempts, TxMode, run, use_case_error};
use skep_domain::{
    identity::{LinkPurpose, events::UserEmailVerified},
    shared::{EventId, Timestamp},
};
use std::sync::Arc;

/// The token of a link, and the password of the account, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyEmailCommand {
    /// The token of the link.
    pub token: String,
    /// The password of the account, in plain text.
    pub password: String,
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
        WrongPassword(WrongPassword),
        TooManyAttempts(TooManyAttempts),
        HasherBusy(HasherBusy),
    }
}

check_error! { VerifyEmailError: WrongPassword }

/// Verifies addresses. The link shows that the mails reach the caller, and the password that the caller has registered the
/// account. Either alone is not enough: a stranger may have registered the address of another person, who must not make
/// that account usable by opening the link.
pub struct VerifyEmail {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    present: OwnPassword,
    mails: AccountMails,
}

/// A verification that is ready to be stored.
struct Verification {
    token: LinkToken,
    verified: Verified,
    event_id: EventId,
    now: Timestamp,
}

const PURPOSE: LinkPurpose = LinkPurpose::VerifyEmail;

impl VerifyEmail {
    /// `mails` reads the tokens of links.
    pub(super) const fn new(store: Arc<dyn Begin<dyn IdentityTx>>, present: OwnPassword, mails: AccountMails) -> Self {
        Self { store, present, mails }
    }

    /// Verifies the address of the account and uses the link up. Sessions go on.
    ///
    /// The password is a guess: it has the limits of logins to the account. A wrong one does not use the link up. The link
    /// is checked first, so that a caller without one cannot guess here.
    ///
    /// # Errors
    /// [`VerifyEmailError`]. A link that is wrong, used, replaced or too old, or whose account is disabled, gets one and
    /// the same refusal.
    pub async fn execute(&self, actor: &Actor, command: VerifyEmailCommand) -> Result<(), VerifyEmailError> {
        let token = self.mails.read(PURPOSE, &command.token)?;
        let user = Opened::look::<VerifyEmailError>(&*self.store, self.runtime(), actor, PURPOSE, &token).await?;
        let verified = self.present.check(actor, &(&user).into(), command.password).await?;
        let (now, event_id) = (self.runtime().clock.now(), EventId::new(self.runtime().ids.next()));
        let verification = &Verification { token, verified, event_id, now };
        run(self.runtime(), actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = Self::store(&mut *tx, actor, verification, &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    const fn runtime(&self) -> &Runtime {
        &self.present.runtime
    }

    /// Verifies the address, unless the password has changed meanwhile.
    async fn store(
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        verification: &Verification,
        attempt: &Attempt,
    ) -> Result<(), VerifyEmailError> {
        let Verification { token, verified, event_id, now } = verification;
        if attempt.after_unknown && tx.outbox().settle(*event_id).await? {
            return Ok(());
        }
        let opened = Opened::find::<VerifyEmailError>(tx, PURPOSE, token, *now).await?;
        if opened.user.auth_epoch != verified.credentials.auth_epoch {
            return Err(WrongPassword.into());
        }
        let mut user = opened.consume::<VerifyEmailError>(tx, *now).await?;
        if user.verify_email(*now) {
            let version = tx.users().save(&user).await?;
            let event = UserEmailVerified { user_id: user.id };
            let event = OutboxEvent::of(*event_id, &event, version, actor, user.updated_at)?;
            tx.outbox().append(&event).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
