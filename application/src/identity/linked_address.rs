//! What the links that give an account another address have in common.

use super::{
    EmailTaken, IdentityTx, LinkInvalid,
    new_account::{find_owner, lookups, taken},
    redeem_link::Opened,
};
use crate::kernel::{Actor, OutboxEvent, StoreError};
use skep_domain::{
    identity::{User, events::UserEmailChanged},
    shared::{Email, EventId, Timestamp, Version},
};

/// Uses the link up, and returns its account with the address of the link, which counts as verified. Nothing is stored yet.
pub(super) async fn take_address<E>(tx: &mut dyn IdentityTx, opened: Opened, now: Timestamp) -> Result<User, E>
where
    E: From<LinkInvalid> + From<EmailTaken> + From<StoreError>,
{
    let typed = opened.link.email.clone().ok_or(LinkInvalid)?;
    let email = Email::parse(typed.as_str()).map_err(|_| LinkInvalid)?;
    let mut user = opened.consume::<E>(tx, now).await?;
    let other = find_owner(tx, &lookups(typed.as_str())).await?;
    if other.is_some_and(|other| other.id != user.id) {
        return Err(EmailTaken.into());
    }
    user.change_email(email, now);
    Ok(user)
}

/// Stores the account with its other address, ends its sessions, and reports the change. Returns the new version.
pub(super) async fn store_address<E>(
    tx: &mut dyn IdentityTx,
    actor: &Actor,
    user: &User,
    event_id: EventId,
    now: Timestamp,
) -> Result<Version, E>
where
    E: From<EmailTaken> + From<StoreError>,
{
    let version = tx.users().save(user).await.map_err(taken::<E>)?;
    // The new epoch has ended them already. This shows it in the rows, so that they are not listed, and are swept.
    tx.sessions().revoke_all(user.id, None, now).await?;
    let event = UserEmailChanged { user_id: user.id };
    let event = OutboxEvent::of(event_id, &event, version, actor, user.updated_at)?;
    tx.outbox().append(&event).await?;
    Ok(version)
}
