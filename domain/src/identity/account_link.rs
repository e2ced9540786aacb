//! Links to one account that are mailed to its owner and work once.

use super::{AuthEpoch, User};
use crate::shared::{Timestamp, UserId, named, typed_id};

typed_id! {
    /// A link that was issued; its token is derived from it.
    AccountLinkId
}

named! {
    /// What a link allows. A link of one purpose does nothing for another.
    LinkPurpose {
        /// Set a new password.
        ResetPassword = "reset_password",
        /// Show that the owner of the account reads the mails to its address.
        VerifyEmail = "verify_email",
    }
}

/// A link that was issued and not used. An account has at most one of each purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLink {
    /// The identifier. A newer link of the purpose has another one.
    pub id: AccountLinkId,
    /// The account. No account may have this id: a link is also issued for an address without an account.
    pub user_id: UserId,
    /// What the link allows.
    pub purpose: LinkPurpose,
    /// The SHA-256 of the token. The token itself is never stored.
    pub hash: [u8; 32],
    /// The epoch of the account in which the link was issued.
    pub auth_epoch: AuthEpoch,
    /// From this time on the link is not valid.
    pub expires_at: Timestamp,
}

impl AccountLink {
    /// Whether the link allows its purpose at `now`, for this account.
    ///
    /// A new password or a disabled account ends the epoch, and so each link to reset the password from before. A link to
    /// verify the address stays valid, because the address has not changed.
    #[must_use]
    pub fn opens(&self, user: &User, now: Timestamp) -> bool {
        let is_of_now = match self.purpose {
            LinkPurpose::ResetPassword => self.auth_epoch == user.auth_epoch,
            LinkPurpose::VerifyEmail => true,
        };
        is_of_now && self.user_id == user.id && user.is_active() && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::{Email, Text};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn account(n: u128) -> User {
        let (email, name) = (Email::parse("bea@example.com").unwrap(), Text::line("Bea", 9).unwrap());
        User::register(UserId::new(Uuid::from_u128(n)), email, name, &[], "hash".to_owned(), at(10))
    }

    fn link(user: &User, purpose: LinkPurpose) -> AccountLink {
        let id = AccountLinkId::new(Uuid::from_u128(9));
        AccountLink { id, user_id: user.id, purpose, hash: [7; 32], auth_epoch: user.auth_epoch, expires_at: at(1_000) }
    }

    #[test]
    fn a_new_password_ends_a_link_to_reset_it_and_not_one_to_verify_the_address() {
        let mut user = account(1);
        let links = [LinkPurpose::ResetPassword, LinkPurpose::VerifyEmail].map(|purpose| link(&user, purpose));
        let open = |user: &User| [links[0].opens(user, at(20)), links[1].opens(user, at(20))];
        assert_eq!(open(&user), [true, true]);
        user.change_password("new".to_owned(), at(20));
        assert_eq!(open(&user), [false, true]);
        assert!(user.disable(at(30)));
        assert_eq!(open(&user), [false, false]);
        assert!(user.enable(at(40)));
        assert_eq!(open(&user), [false, true]);
    }

    proptest! {
        /// A link opens its own account and no other, and never from its end on.
        #[test]
        fn a_link_opens_its_account_until_it_expires(
            of in 1_u128..4, tried in 1_u128..4, now in 0_i64..2_000, purpose in prop::sample::select(LinkPurpose::ALL)
        ) {
            let link = link(&account(of), purpose);
            prop_assert_eq!(link.opens(&account(tried), at(now)), of == tried && now < 1_000);
        }
    }
}
