//! The one place that decides who may do what.

use super::Permissions;
use crate::shared::{Action, Audience, UserId};

/// The target of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// No particular resource, or one that is not loaded yet. An action is denied only if no resource could allow it.
    Any,
    /// A resource that belongs to this user.
    OwnedBy(UserId),
}

/// The caller, as far as the decision needs to know.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A caller without credentials.
    Visitor,
    /// A user with roles.
    User {
        /// The account.
        id: UserId,
        /// What the roles of the account allow.
        permissions: &'a Permissions,
    },
    /// Skep itself: setup, commands of the operator and background work. It may do everything.
    System,
}

/// The rule that denies an action. It is for the log and for `explain`; the caller does not learn it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The action needs an account.
    #[error("needs an account")]
    NeedsAccount,
    /// No role of the account has the action.
    #[error("no role of the account allows it")]
    Role,
    /// The account may do the action only to its own things.
    #[error("belongs to another account")]
    Ownership,
}

impl Denial {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeedsAccount => "needs_account",
            Self::Role => "role",
            Self::Ownership => "ownership",
        }
    }
}

/// `Ok` if the action is allowed, and the reason if it is not.
pub type Decision = Result<(), Denial>;

/// Decides whether `subject` may do `action` to `resource`. An action that no rule allows is denied. An account without a
/// role may do nothing.
///
/// # Errors
/// The [`Denial`].
pub fn decide(subject: Subject<'_>, action: Action, resource: Resource) -> Decision {
    let (id, permissions) = match subject {
        Subject::System => return Ok(()),
        Subject::Visitor => {
            return match action.others() {
                Some(Audience::Everyone) => Ok(()),
                _ => Err(Denial::NeedsAccount),
            };
        }
        Subject::User { permissions, .. } if permissions.are_of_no_role() => return Err(Denial::Role),
        Subject::User { id, permissions } => (id, permissions),
    };
    let own = match resource {
        Resource::Any => true,
        Resource::OwnedBy(owner) => owner == id,
    };
    let includes = |audience| audience < Audience::Roles || permissions.include(action);
    match includes(action.own()) {
        true if own || action.others().is_some_and(includes) => Ok(()),
        true => Err(Denial::Ownership),
        false => Err(Denial::Role),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{
            BuiltInRole, Policy, Role,
            samples::{some_policy, some_roles},
        },
        actions,
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    fn user(n: u128) -> UserId {
        UserId::new(Uuid::from_u128(n))
    }

    const RESOURCES: [fn() -> Resource; 3] =
        [|| Resource::Any, || Resource::OwnedBy(user(1)), || Resource::OwnedBy(user(2))];

    /// The decisions about every action and resource for user 1 with these roles.
    fn decisions(roles: &[Role], policy: &Policy) -> Vec<Decision> {
        let permissions = Permissions::of(roles, policy);
        let subject = Subject::User { id: user(1), permissions: &permissions };
        actions().flat_map(|action| RESOURCES.map(|resource| decide(subject, action, resource()))).collect()
    }

    #[test]
    fn an_account_without_a_role_that_is_defined_may_do_nothing() {
        for roles in [&[][..], &[Role::stored("from-a-newer-build")]] {
            assert!(decisions(roles, &Policy::default()).iter().all(Result::is_err));
        }
    }

    #[test]
    fn an_admin_may_do_everything_that_any_role_allows() {
        let admin = decisions(&[Role::ADMIN], &Policy::default());
        for role in BuiltInRole::ALL {
            let with = decisions(&[Role::ADMIN, Role::BuiltIn(*role)], &Policy::default());
            assert_eq!(with, admin, "{}", role.name());
        }
    }

    /// The permissions of auditors are those of actions that only read.
    #[test]
    fn an_auditor_reads_and_changes_nothing() {
        let auditor = Permissions::built_in(&[BuiltInRole::Auditor]);
        let reads = |action: &Action| action.name().contains(".read");
        for action in actions().filter(|action| action.is_permission()) {
            assert_eq!(auditor.include(action), reads(&action), "{}", action.name());
        }
    }

    proptest! {
        #[test]
        fn another_role_takes_no_permission(
            policy in some_policy(),
            roles in some_roles(),
            more in some_roles()
        ) {
            let (before, both) = (decisions(&roles, &policy), decisions(&[&roles[..], &more].concat(), &policy));
            prop_assert!(before.iter().zip(&both).all(|(before, both)| before.is_err() || both.is_ok()));
        }

        #[test]
        fn the_order_of_the_roles_and_repetitions_do_not_matter(policy in some_policy(), roles in some_roles()) {
            let reversed: Vec<_> = roles.iter().rev().chain(&roles).cloned().collect();
            prop_assert_eq!(decisions(&roles, &policy), decisions(&reversed, &policy));
        }

        /// An action that is denied before anything is read is denied for every resource as well, and what is allowed for
        /// the things of others is allowed for one's own.
        #[test]
        fn a_resource_never_widens_what_a_role_allows(policy in some_policy(), roles in some_roles()) {
            for decided in decisions(&roles, &policy).chunks(3) {
                let [any, own, others] = [0, 1, 2].map(|at| decided[at].is_ok());
                prop_assert!((any || !own) && (own || !others), "{:?}", decided);
            }
        }

        /// A permission is what makes the difference: an account that lacks it never gets to the things of others.
        #[test]
        fn only_the_permission_opens_the_things_of_others(policy in some_policy(), roles in some_roles()) {
            let permissions = Permissions::of(&roles, &policy);
            let subject = Subject::User { id: user(1), permissions: &permissions };
            for action in actions().filter(|action| action.is_permission()) {
                let decided = decide(subject, action, Resource::OwnedBy(user(2)));
                prop_assert_eq!(decided.is_ok(), permissions.include(action), "{}", action.name());
            }
        }
    }
}
