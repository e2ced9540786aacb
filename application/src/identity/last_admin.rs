//! The rule that one active admin stays.

use super::IdentityTx;
use crate::kernel::{StoreError, refusal};
use skep_domain::{access::Role, identity::User};

refusal! {
    /// The account is the only active admin. Without an admin, no account could give the role again.
    LastAdmin = Conflict, "last_admin";
}

/// Checks that an active admin stays if the account becomes `changed`. The admin that was found stays one until the
/// unit has ended, whatever other units do.
pub(super) async fn keep_an_admin<E: From<LastAdmin> + From<StoreError>>(
    unit: &mut dyn IdentityTx,
    user: &User,
    changed: &User,
) -> Result<(), E> {
    if user.loses_admin(changed) && unit.users().hold_another_with_role(Role::ADMIN, user.id).await?.is_none() {
        return Err(LastAdmin.into());
    }
    Ok(())
}
