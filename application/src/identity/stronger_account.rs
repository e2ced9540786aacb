//! The rule that no account manages one that has more permissions.

use super::{IdentityTx, role_fields::definitions};
use crate::kernel::{Authorized, StoreError, refusal};
use skep_domain::{access::not_grantable, identity::User};

refusal! {
    /// The account has a permission that the caller lacks, and only a caller with all of them manages it.
    StrongerAccount = Denied, "stronger_account";
}

/// Refuses to manage an account that has a role which the caller could not give. Otherwise a caller that manages accounts
/// could lock out the admins.
pub(super) async fn not_above_the_caller<E: From<StrongerAccount> + From<StoreError>>(
    unit: &mut dyn IdentityTx,
    user: &Authorized<'_, User>,
) -> Result<(), E> {
    let policy = definitions(unit, &user.roles).await?;
    match not_grantable(user.caller(), &user.roles, &policy) {
        None => Ok(()),
        Some(_) => Err(StrongerAccount.into()),
    }
}
