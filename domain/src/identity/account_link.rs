//! Links to one account that are mailed to its owner and work once.

use super::{AuthEpoch, User};
use crate::shared::{ShownEmail, Timestamp, UserId, named, typed_id};

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
        /// Replace the address of the account by the one that the link was mailed to.
        ChangeEmail = "change_email",
        /// Give the account back the address that it had before it was changed.
        RestoreEmail = "restore_email",
        /// Set the first password of an account that an admin has created.
        AcceptInvitation = "accept_invitation",
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
    /// The address that the link is mailed to and that it gives the account; `None` for a link to the address that the
    /// account has.
    pub email: Option<ShownEmail>,
}

impl AccountLink {
    /// Whether the link allows its purpose at `now`, for this account.
    ///
    /// A new password, a new address or a disabled account ends the epoch, and so each link from before to reset the
    /// password or to change the address. A link to verify the address stays valid, because it allows nothing else. A link
    /// to restore an address stays valid, because a thief of the account could replace the password. An invitation opens
    /// an account that waits for it, and no other link does. A deleted account is opened by the links that take the
    /// deletion back: see [`User::returns_by_reset`] and [`User::returns_by_restoration`].
    #[must_use]
    pub fn opens(&self, user: &User, now: Timestamp) -> bool {
        let is_of_now = match self.purpose {
            LinkPurpose::ResetPassword => user.can_reset_password(now) && self.auth_epoch == user.auth_epoch,
            LinkPurpose::ChangeEmail => user.is_active() && self.auth_epoch == user.auth_epoch,
            LinkPurpose::VerifyEmail => user.is_active(),
            LinkPurpose::RestoreEmail => user.is_active() || user.returns_by_restoration(now),
            LinkPurpose::AcceptInvitation => user.is_invited() && self.auth_epoch == user.auth_epoch,
        };
        is_of_now && self.user_id == user.id && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::AccountGrace,
        shared::{Email, Text},
    };
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
        let (user_id, auth_epoch) = (user.id, user.auth_epoch);
        AccountLink { id, user_id, purpose, hash: [7; 32], auth_epoch, expires_at: at(1_000), email: None }
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

    #[test]
    fn a_new_address_ends_the_links_to_take_the_account_over_and_not_the_one_to_restore_the_old_address() {
        let purposes = [LinkPurpose::ResetPassword, LinkPurpose::ChangeEmail, LinkPurpose::RestoreEmail];
        for change in
            [(|user| user.change_email(Email::parse("new@example.com").unwrap(), at(20))) as fn(&mut User), |user| {
                user.change_password("new".to_owned(), at(20))
            }]
        {
            let mut user = account(1);
            let links = purposes.map(|purpose| link(&user, purpose));
            assert!(links.iter().all(|link| link.opens(&user, at(20))));
            change(&mut user);
            assert_eq!(links.map(|link| link.opens(&user, at(20))), [false, false, true]);
        }
    }

    #[test]
    fn an_invitation_opens_an_account_until_it_has_a_password_and_nothing_else_opens_it() {
        let mut user = account(1).invited();
        let links: Vec<_> = LinkPurpose::ALL.iter().map(|purpose| link(&user, *purpose)).collect();
        let open = |user: &User| {
            let open = links.iter().filter(|link| link.opens(user, at(20)));
            open.map(|link| link.purpose).collect::<Vec<_>>()
        };
        assert_eq!(open(&user), [LinkPurpose::AcceptInvitation]);
        let mut disabled = user.clone();
        assert!(disabled.disable(at(20)));
        assert_eq!(open(&disabled), []);
        assert!(disabled.enable(at(20)));
        assert_eq!(open(&disabled), [], "it needs a new invitation");
        user.change_password("first".to_owned(), at(20));
        assert_eq!(open(&user), [LinkPurpose::VerifyEmail, LinkPurpose::RestoreEmail]);
    }

    #[test]
    fn links_that_take_a_deletion_back_open_the_account() {
        let mut user = account(1);
        let before = link(&user, LinkPurpose::ResetPassword);
        assert!(user.delete(at(20), AccountGrace::USUAL));
        let open = |user: &User| {
            let links = LinkPurpose::ALL.iter().map(|purpose| link(user, *purpose));
            links.filter(|link| link.opens(user, at(30))).map(|link| link.purpose).collect::<Vec<_>>()
        };
        assert_eq!(open(&user), [LinkPurpose::ResetPassword, LinkPurpose::RestoreEmail]);
        assert!(!before.opens(&user, at(30)), "it is from before the deletion");
        assert!(user.verify_email(at(30)));
        assert_eq!(open(&user), [LinkPurpose::RestoreEmail]);
        assert!(user.disable(at(30)));
        assert_eq!(open(&user), []);
    }

    proptest! {
        /// A link opens its own account and no other, and never from its end on.
        #[test]
        fn a_link_opens_its_account_until_it_expires(
            of in 1_u128..4, tried in 1_u128..4, now in 0_i64..2_000, purpose in prop::sample::select(LinkPurpose::ALL)
        ) {
            let waiting = purpose == LinkPurpose::AcceptInvitation;
            let account = |n| if waiting { account(n).invited() } else { account(n) };
            let link = link(&account(of), purpose);
            prop_assert_eq!(link.opens(&account(tried), at(now)), of == tried && now < 1_000);
        }
    }
}
