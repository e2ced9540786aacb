//! What a mail to the owner of an account says, at the moment at which it is sent.

use super::{AccountMail, AccountMailKind, IdentityTx, LinkTokens};
use crate::kernel::{Actor, Begin, Denied, Runtime, StoreError, TxMode, permit, run, use_case_error};
use skep_domain::{
    identity::{Session, SessionOrigin, actions},
    shared::{SessionId, ShownEmail, Text, Timestamp},
};
use std::sync::Arc;

/// A mail to the owner of an account, with what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct AddressedMail {
    /// The address that the link is for, or else the present address of the account.
    pub to: ShownEmail,
    /// The name of its owner.
    pub name: Text,
    /// The token of the link in the mail, and the time from which on it is not valid; `None` for a mail without a link.
    pub link: Option<(String, Timestamp)>,
    /// The time from which on the account is erased, in a mail about that; `None` in any other mail.
    pub erase_at: Option<Timestamp>,
    /// The login, in a mail about that; `None` in any other mail.
    pub login: Option<SeenLogin>,
}

/// A login, as far as it is known. Nothing is once its session has ended and was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenLogin {
    /// When its session started.
    pub at: Option<Timestamp>,
    /// The program and the network that the session was used with last.
    pub origin: SessionOrigin,
}

impl std::fmt::Debug for AddressedMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddressedMail").finish_non_exhaustive()
    }
}

use_case_error! {
    /// The reason why the mail could not be read.
    ReadAccountMailError {
        Denied(Denied),
    }
}

/// Finds the recipients of mails to the owners of accounts, and derives the tokens of their links. No transport offers it.
pub struct ReadAccountMail {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    tokens: LinkTokens,
    runtime: Runtime,
}

impl ReadAccountMail {
    /// Makes the use case. It finds accounts and links in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, tokens: LinkTokens, runtime: Runtime) -> Self {
        Self { store, tokens, runtime }
    }

    /// Returns what the mail says. `None` if nothing is to be sent: there is no such account or it is not in
    /// the state that the mail is about, its link was used, replaced by a newer one, or is too old.
    ///
    /// # Errors
    /// [`ReadAccountMailError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        mail: AccountMail,
    ) -> Result<Option<AddressedMail>, ReadAccountMailError> {
        permit(actor, actions::MANAGE_USER)?;
        let now = self.runtime.clock.now();
        run(&self.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Read, &[]).await?;
            let found = self.find(&mut *tx, mail, now).await.map_err(ReadAccountMailError::from);
            attempt.end(tx, found).await
        })
        .await
    }

    async fn find(
        &self,
        tx: &mut dyn IdentityTx,
        mail: AccountMail,
        now: Timestamp,
    ) -> Result<Option<AddressedMail>, StoreError> {
        let Some(user) = tx.users().find(mail.user_id).await? else { return Ok(None) };
        let to = user.email.shown();
        let Some(purpose) = mail.kind.link() else {
            let stands = match mail.kind {
                AccountMailKind::AccountDeletion => user.erase_at.is_some(),
                // It says how to set a password.
                AccountMailKind::AccountExists => user.can_reset_password(now),
                _ => user.is_active(),
            };
            let login = if mail.kind == AccountMailKind::NewDevice && stands {
                // The end of the session must not suppress the mail, or a thief would end it at once.
                let session = tx.sessions().find(SessionId::new(mail.id)).await?;
                let session = session.filter(|session| session.user_id == user.id);
                let seen = |of: Session| SeenLogin { at: Some(of.created_at), origin: of.origin };
                Some(session.map(seen).unwrap_or_default())
            } else {
                None
            };
            let (name, erase_at) = (user.display_name, user.erase_at);
            return Ok(stands.then_some(AddressedMail { to, name, link: None, erase_at, login }));
        };
        let link = tx.account_links().find(user.id, purpose).await?;
        let link = link.filter(|link| link.id.uuid() == mail.id && link.opens(&user, now));
        Ok(link.map(|link| {
            let to = link.email.unwrap_or(to);
            let token = self.tokens.of(purpose, link.id).text;
            let link = Some((token, link.expires_at));
            AddressedMail { to, name: user.display_name, link, erase_at: None, login: None }
        }))
    }
}

#[cfg(test)]
mod tests;
