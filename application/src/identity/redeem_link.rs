//! What the uses of a link have in common.

use super::{AccountMails, IdentityTx, link_tokens::LinkToken};
use crate::kernel::{Actor, AppError, Begin, OutboxEvent, Runtime, StoreError, TxMode, refusal, run};
use skep_domain::{
    identity::{AccountLink, LinkPurpose, User, events::UserEnabled},
    shared::{EventId, Timestamp, Version},
};

refusal! {
    /// The link is wrong or has expired, was used, or was replaced by a newer one; ask for another.
    LinkInvalid = Denied, "link_invalid";
}

/// An account and the link to it that a caller presents.
pub(super) struct Opened {
    pub(super) user: User,
    pub(super) link: AccountLink,
}

impl AccountMails {
    /// Reads a token of this purpose, without a look into the store.
    pub(super) fn read(&self, purpose: LinkPurpose, token: &str) -> Result<LinkToken, LinkInvalid> {
        self.tokens.read(purpose, token).ok_or(LinkInvalid)
    }
}

impl Opened {
    /// Finds the account that the token opens at `now`. The link stays.
    pub(super) async fn find<E: From<LinkInvalid> + From<StoreError>>(
        tx: &mut dyn IdentityTx,
        purpose: LinkPurpose,
        token: &LinkToken,
        now: Timestamp,
    ) -> Result<Self, E> {
        let link = tx.account_links().find_by_hash(&token.hash).await?;
        let link = link.filter(|link| link.purpose == purpose).ok_or(LinkInvalid)?;
        let user = tx.users().find(link.user_id).await?.ok_or(LinkInvalid)?;
        if link.opens(&user, now) { Ok(Self { user, link }) } else { Err(LinkInvalid.into()) }
    }

    /// Finds the account that the token opens now, in a unit of its own. The link stays. Before a password is checked or
    /// hashed, this refuses callers without a link.
    pub(super) async fn look<E: AppError + From<LinkInvalid> + From<StoreError>>(
        store: &dyn Begin<dyn IdentityTx>,
        runtime: &Runtime,
        actor: &Actor,
        purpose: LinkPurpose,
        token: &LinkToken,
    ) -> Result<User, E> {
        let now = runtime.clock.now();
        run(runtime, actor.deadline, |attempt| async move {
            let mut tx = store.begin(TxMode::Read, &[]).await?;
            let opened = Self::find::<E>(&mut *tx, purpose, token, now).await;
            attempt.end(tx, opened.map(|opened| opened.user)).await
        })
        .await
    }

    /// Uses the link up, which one of several callers does, and returns its account.
    pub(super) async fn consume<E: From<LinkInvalid> + From<StoreError>>(
        self,
        tx: &mut dyn IdentityTx,
        now: Timestamp,
    ) -> Result<User, E> {
        let is_first = tx.account_links().consume(&self.link.hash, now).await?;
        if is_first { Ok(self.user) } else { Err(LinkInvalid.into()) }
    }
}

/// Reports that the use of a link has taken the deletion of the account back.
pub(super) async fn report_return(
    tx: &mut dyn IdentityTx,
    actor: &Actor,
    user: &User,
    version: Version,
    event_id: EventId,
) -> Result<(), StoreError> {
    let event = UserEnabled { user_id: user.id };
    tx.outbox().append(&OutboxEvent::of(event_id, &event, version, actor, user.updated_at)?).await
}
