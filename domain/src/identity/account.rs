//! The state and the roles of an account, and the rule that one admin stays.

use super::User;
use crate::{
    access::{Group, GroupId, Membership, Role},
    shared::{Text, Timestamp, named},
};

named! {
    /// Whether an account may be used.
    AccountState {
        /// The user can log in.
        Active = "active",
        /// The user cannot log in, and every session has ended.
        Disabled = "disabled",
        /// The user cannot log in before accepting the invitation.
        Invited = "invited",
        /// The user cannot log in, every session has ended, and the account is erased at a set time.
        Deleting = "deleting",
    }
}

impl AccountState {
    /// The state of an account, from the values of [`User::erase_at`], [`User::disabled_at`] and [`User::invited_at`].
    #[must_use]
    pub const fn of(
        erase_at: Option<Timestamp>,
        disabled_at: Option<Timestamp>,
        invited_at: Option<Timestamp>,
    ) -> Self {
        match (erase_at, disabled_at, invited_at) {
            (Some(_), _, _) => Self::Deleting,
            (None, Some(_), _) => Self::Disabled,
            (None, None, Some(_)) => Self::Invited,
            (None, None, None) => Self::Active,
        }
    }
}

/// The account is in as many groups as an account can be, which is [`Group::MOST_OF_AN_ACCOUNT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account is in too many groups")]
pub struct TooManyGroups;

/// How long a deleted account can be taken back before it is erased, in whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountGrace(u16);

impl AccountGrace {
    /// 30 days.
    pub const USUAL: Self = Self(30);
    /// The longest grace in days.
    pub const MOST_DAYS: u16 = 3_650;

    /// A grace of so many days; `None` above [`AccountGrace::MOST_DAYS`]. With 0, accounts are erased at once.
    #[must_use]
    pub const fn days(days: u16) -> Option<Self> {
        if days <= Self::MOST_DAYS { Some(Self(days)) } else { None }
    }

    /// Whether a deletion can never be taken back.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The end of the grace of an account that was deleted at this time.
    #[must_use]
    pub fn after(self, deleted_at: Timestamp) -> Timestamp {
        deleted_at.plus_millis(i64::from(self.0) * 24 * 60 * 60 * 1_000)
    }
}

impl User {
    /// The state of the account.
    #[must_use]
    pub const fn state(&self) -> AccountState {
        AccountState::of(self.erase_at, self.disabled_at, self.invited_at)
    }

    /// Whether the user can log in.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self.state(), AccountState::Active)
    }

    /// Whether the account waits for its owner to accept an invitation.
    #[must_use]
    pub const fn is_invited(&self) -> bool {
        matches!(self.state(), AccountState::Invited)
    }

    /// Whether the user can log in and do what an admin may do.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.is_active() && self.roles.contains(&Role::ADMIN)
    }

    /// Whether a change from this account to `changed` takes an admin away. It is allowed only while another active
    /// account is an admin. Without an admin, no account could give the role again.
    #[must_use]
    pub fn loses_admin(&self, changed: &Self) -> bool {
        self.is_active_admin() && !changed.is_active_admin()
    }

    /// Disables the account, and ends every session. Returns whether this changed anything.
    pub fn disable(&mut self, now: Timestamp) -> bool {
        if self.disabled_at.is_some() {
            return false;
        }
        self.auth_epoch = self.auth_epoch.next();
        self.updated_at = now.not_before(self.updated_at);
        self.disabled_at = Some(self.updated_at);
        true
    }

    /// Takes a deletion back, and lets the user of a disabled account log in again, or accept a new invitation. The
    /// sessions from before stay ended. Returns whether this changed anything. The erasure must not be due.
    pub fn enable(&mut self, now: Timestamp) -> bool {
        if self.disabled_at.is_none() && self.erase_at.is_none() {
            return false;
        }
        self.updated_at = now.not_before(self.updated_at);
        (self.disabled_at, self.erase_at) = (None, None);
        true
    }

    /// Ends every session, and has the account erased after `grace`. Returns whether this changed anything: an account
    /// that is deleted already keeps its time.
    pub fn delete(&mut self, now: Timestamp, grace: AccountGrace) -> bool {
        if self.erase_at.is_some() {
            return false;
        }
        self.auth_epoch = self.auth_epoch.next();
        self.updated_at = now.not_before(self.updated_at);
        self.erase_at = Some(grace.after(self.updated_at));
        true
    }

    /// Whether the account is to be erased at this time. From then on, the deletion cannot be taken back.
    #[must_use]
    pub fn is_erasure_due(&self, now: Timestamp) -> bool {
        self.erase_at.is_some_and(|at| at <= now)
    }

    /// Whether a reset of the password by mail takes the deletion back.
    ///
    /// The address was never verified, so a stranger may have registered and deleted the account. Without this rule, the
    /// stranger would keep the address from its owner for the whole grace.
    #[must_use]
    pub fn returns_by_reset(&self, now: Timestamp) -> bool {
        self.returns_by_restoration(now) && self.email_verified_at.is_none()
    }

    /// Whether the restoration of an earlier address takes the deletion back. A thief of the account could replace the
    /// address and then delete the account. An account that is disabled, too, stays deleted.
    #[must_use]
    pub fn returns_by_restoration(&self, now: Timestamp) -> bool {
        let was_deleted = self.erase_at.is_some() && !self.is_erasure_due(now);
        was_deleted && self.disabled_at.is_none() && self.invited_at.is_none()
    }

    /// Whether the owner of the address can set a password through a mail.
    #[must_use]
    pub fn can_reset_password(&self, now: Timestamp) -> bool {
        self.is_active() || self.returns_by_reset(now)
    }

    /// The roles that were given to the account itself.
    pub fn own_roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter().filter(|role| !matches!(role, Role::Group(_)))
    }

    /// The groups that the account is in.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        let group = |role: &Role| match role {
            Role::Group(membership) => Some(membership.group()),
            _ => None,
        };
        self.roles.iter().filter_map(group)
    }

    /// Puts the account into a group, and its sessions go on. Returns whether this changed anything.
    ///
    /// # Errors
    /// [`TooManyGroups`].
    pub fn join(&mut self, group: GroupId, now: Timestamp) -> Result<bool, TooManyGroups> {
        let membership = Role::Group(Membership::of(group));
        if self.roles.contains(&membership) {
            return Ok(false);
        }
        if self.groups().count() >= Group::MOST_OF_AN_ACCOUNT {
            return Err(TooManyGroups);
        }
        self.roles.push(membership);
        self.roles.sort();
        self.updated_at = now.not_before(self.updated_at);
        Ok(true)
    }

    /// Takes the account out of a group, and its sessions go on. Returns whether this changed anything.
    pub fn leave(&mut self, group: GroupId, now: Timestamp) -> bool {
        let membership = Role::Group(Membership::of(group));
        let before = self.roles.len();
        self.roles.retain(|role| *role != membership);
        let is_changed = self.roles.len() < before;
        if is_changed {
            self.updated_at = now.not_before(self.updated_at);
        }
        is_changed
    }

    /// Replaces the roles of the account itself. [`Role::USER`] and the groups stay, and sessions go on. Returns the roles that were given or taken, in
    /// their order, without repetition.
    pub fn set_roles(&mut self, roles: &[Role], now: Timestamp) -> Vec<Role> {
        let groups = self.roles.iter().filter(|role| matches!(role, Role::Group(_)));
        let new = with_user(&roles.iter().chain(groups).cloned().collect::<Vec<_>>());
        let mut changed: Vec<Role> = new.iter().filter(|role| !self.roles.contains(role)).cloned().collect();
        changed.extend(self.roles.iter().filter(|role| !new.contains(role)).cloned());
        changed.sort();
        if !changed.is_empty() {
            self.roles = new;
            self.updated_at = now.not_before(self.updated_at);
        }
        changed
    }

    /// Notes that the owner reads the mails to the address of the account. Returns whether this changed anything.
    pub fn verify_email(&mut self, now: Timestamp) -> bool {
        if self.email_verified_at.is_some() {
            return false;
        }
        self.updated_at = now.not_before(self.updated_at);
        self.email_verified_at = Some(self.updated_at);
        true
    }

    /// Gives the account another name. Returns whether this changed anything.
    pub fn rename(&mut self, display_name: Option<Text>, now: Timestamp) -> bool {
        let Some(name) = display_name.filter(|name| *name != self.display_name) else { return false };
        self.display_name = name;
        self.updated_at = now.not_before(self.updated_at);
        true
    }
}

/// These roles and [`Role::USER`], in their order, without repetition.
pub(super) fn with_user(roles: &[Role]) -> Vec<Role> {
    let mut all: Vec<Role> = roles.iter().cloned().chain([Role::USER]).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::{Session, SessionId, UserId},
        shared::Email,
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    const DAY: i64 = 24 * 60 * 60 * 1_000;

    fn account(n: u128, roles: &[Role]) -> User {
        let (email, name) = (Email::parse("bea@example.com").unwrap(), Text::line("Bea", 9).unwrap());
        User::register(UserId::new(Uuid::from_u128(n)), email, name, roles, "hash".to_owned(), at(10))
    }

    #[test]
    fn a_disabled_account_has_no_session_and_gets_none_back() {
        let mut user = account(1, &[]);
        let mut session = Session::start(SessionId::new(Uuid::from_u128(2)), user.id, at(10), 1_000);
        session.auth_epoch = user.auth_epoch;
        assert!(session.holds(at(20), user.auth_epoch));
        let before = user.clone();
        assert!(user.disable(at(20)));
        assert_eq!((user.state(), user.disabled_at, user.updated_at), (AccountState::Disabled, Some(at(20)), at(20)));
        assert!(!session.holds(at(20), user.auth_epoch));
        let disabled = user.clone();
        assert!(!user.disable(at(30)) && user == disabled, "a second time changes nothing");
        // The clock may have been set back.
        assert!(user.enable(at(5)));
        assert!(!session.holds(at(20), user.auth_epoch), "the session stays ended");
        let enabled = User { auth_epoch: before.auth_epoch.next(), updated_at: at(20), ..before };
        assert!(user == enabled, "nothing else has changed");
        assert!(!user.enable(at(40)) && user == enabled);
    }

    #[test]
    fn a_deleted_account_has_no_session_until_it_is_erased_or_taken_back() {
        let grace = AccountGrace::days(3).unwrap();
        let mut user = account(1, &[Role::ADMIN]);
        let mut session = Session::start(SessionId::new(Uuid::from_u128(2)), user.id, at(10), 1_000);
        session.auth_epoch = user.auth_epoch;
        let before = user.clone();
        assert!(user.delete(at(20), grace));
        assert_eq!((user.state(), user.erase_at), (AccountState::Deleting, Some(at(20 + 3 * DAY))));
        assert!(!session.holds(at(21), user.auth_epoch) && !user.is_active_admin() && before.loses_admin(&user));
        assert!(!user.is_erasure_due(at(19 + 3 * DAY)) && user.is_erasure_due(at(20 + 3 * DAY)));
        let deleted = user.clone();
        assert!(!user.delete(at(30), grace) && user == deleted, "a second time does not put the erasure off");
        assert!(user.disable(at(40)) && user.state() == AccountState::Deleting, "and neither does a disabled account");
        assert!(user.enable(at(50)) && !user.enable(at(60)));
        let (auth_epoch, updated_at) = (before.auth_epoch.next().next(), at(50));
        assert!(user == User { auth_epoch, updated_at, ..before }, "nothing else has changed");
        assert!(!session.holds(at(21), user.auth_epoch), "the session stays ended");
    }

    #[test]
    fn a_mail_takes_a_deletion_back_until_it_is_due_unless_the_address_was_verified() {
        let mut user = account(1, &[]);
        assert!(user.can_reset_password(at(20)) && !user.returns_by_reset(at(20)));
        assert!(user.delete(at(20), AccountGrace::days(1).unwrap()));
        let of = |user: &User, now| {
            [user.returns_by_reset(at(now)), user.can_reset_password(at(now)), user.returns_by_restoration(at(now))]
        };
        assert_eq!((of(&user, 19 + DAY), of(&user, 20 + DAY)), ([true; 3], [false; 3]));
        let mut verified = user.clone();
        assert!(verified.verify_email(at(30)));
        let mut disabled = user.clone();
        assert!(disabled.disable(at(30)));
        assert_eq!(of(&verified, 30), [false, false, true]);
        assert_eq!((of(&disabled, 30), of(&user.invited(), 30)), ([false; 3], [false; 3]));
    }

    #[test]
    fn without_a_grace_the_erasure_is_due_at_once_and_the_longest_one_has_an_end() {
        let mut user = account(1, &[]);
        assert!(user.delete(at(20), AccountGrace::days(0).unwrap()) && user.is_erasure_due(at(20)));
        assert_eq!(AccountGrace::days(AccountGrace::MOST_DAYS + 1), None);
        assert_eq!(AccountGrace::days(30), Some(AccountGrace::USUAL));
    }

    #[test]
    fn every_account_keeps_the_role_user_and_its_sessions() {
        let mut user = account(1, &[]);
        let epoch = user.auth_epoch;
        assert_eq!(user.set_roles(&[Role::ADMIN, Role::ADMIN], at(20)), [Role::ADMIN]);
        assert_eq!((user.roles.as_slice(), user.updated_at), ([Role::ADMIN, Role::USER].as_slice(), at(20)));
        assert_eq!(user.set_roles(&[Role::USER, Role::ADMIN], at(30)), []);
        assert_eq!(user.updated_at, at(20), "the same roles change nothing");
        assert_eq!(user.set_roles(&[], at(40)), [Role::ADMIN]);
        assert_eq!((user.roles.as_slice(), user.auth_epoch), ([Role::USER].as_slice(), epoch));
    }

    #[test]
    fn an_account_is_in_up_to_32_groups_which_its_own_roles_do_not_change() {
        let id = |number: usize| GroupId::new(Uuid::from_u128(number as u128));
        let mut user = account(1, &[]);
        let epoch = user.auth_epoch;
        for number in 1..=Group::MOST_OF_AN_ACCOUNT {
            assert_eq!(user.join(id(number), at(20)), Ok(true));
        }
        let full = user.clone();
        assert_eq!(user.join(id(1), at(30)), Ok(false));
        assert_eq!(user.join(id(33), at(30)), Err(TooManyGroups));
        assert!(!user.leave(id(33), at(30)) && user == full);
        assert_eq!(user.set_roles(&[Role::ADMIN], at(40)), [Role::ADMIN]);
        assert!(user.groups().eq(full.groups()) && user.own_roles().eq(&[Role::ADMIN, Role::USER]));
        assert!(user.leave(id(1), at(50)));
        assert_eq!((user.groups().next(), user.updated_at, user.auth_epoch), (Some(id(2)), at(50), epoch));
        assert_eq!(user.join(id(33), at(5)), Ok(true));
        assert_eq!(user.updated_at, at(50), "the clock may have been set back");
    }

    #[test]
    fn the_same_name_changes_nothing() {
        let mut user = account(1, &[]);
        let before = user.clone();
        assert!(!user.rename(None, at(20)) && !user.rename(Some(before.display_name.clone()), at(20)));
        assert!(user == before);
        assert!(user.rename(Some(Text::line("Ada", 9).unwrap()), at(20)));
        assert_eq!((user.display_name.as_str(), user.updated_at), ("Ada", at(20)));
    }

    #[test]
    fn an_address_is_verified_once_and_sessions_go_on() {
        let mut user = account(1, &[]);
        let before = user.clone();
        // The clock may have been set back.
        assert!(user.verify_email(at(5)));
        assert!(user == User { email_verified_at: Some(at(10)), ..before });
        let verified = user.clone();
        assert!(!user.verify_email(at(30)) && user == verified);
    }

    #[test]
    fn an_invited_account_cannot_be_used_before_it_has_a_password_and_is_no_admin_that_others_rely_on() {
        let mut user = account(1, &[Role::ADMIN]).invited();
        assert_eq!((user.state(), user.is_invited(), user.is_active()), (AccountState::Invited, true, false));
        assert!(!user.is_active_admin());
        assert!(user.disable(at(20)) && !user.is_invited() && user.state() == AccountState::Disabled);
        assert!(user.enable(at(30)) && user.is_invited());
        user.change_password("new".to_owned(), at(40));
        assert_eq!((user.state(), user.is_active_admin()), (AccountState::Active, true));
    }

    proptest! {
        /// Any sequence of changes that follows the rule leaves an active admin, and the rule refuses nothing else.
        #[test]
        fn one_active_admin_stays(
            changes in prop::collection::vec((0_usize..3, 0_usize..5), 0..40)
        ) {
            let mut accounts = [account(1, &[Role::ADMIN]), account(2, &[Role::ADMIN]), account(3, &[])];
            for (n, change) in changes {
                let mut changed = accounts[n].clone();
                match change {
                    0 => drop(changed.disable(at(20))),
                    1 => drop(changed.enable(at(20))),
                    2 => drop(changed.set_roles(&[], at(20))),
                    3 => drop(changed.delete(at(20), AccountGrace::USUAL)),
                    _ => drop(changed.set_roles(&[Role::ADMIN], at(20))),
                }
                let others = (0..3).filter(|other| *other != n).any(|other| accounts[other].is_active_admin());
                let is_allowed = !accounts[n].loses_admin(&changed) || others;
                prop_assert_eq!(is_allowed, others || changed.is_active_admin(), "someone is an admin before");
                if is_allowed {
                    accounts[n] = changed;
                }
                prop_assert!(accounts.iter().any(User::is_active_admin));
            }
        }
    }
}
