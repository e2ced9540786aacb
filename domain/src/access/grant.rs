//! The rule about giving and taking roles.

use super::{Permissions, Policy, Role, Subject};
use crate::{actions, shared::Action};

/// Whether the subject may put this permission into a role or take it out: an account passes on only permissions that it
/// has. A name that no action of this build has may stand for anything, so only a subject with every permission passes
/// it on.
#[must_use]
pub fn may_pass_on(subject: Subject<'_>, permission: &str) -> bool {
    match actions().find(|action| action.is_permission() && action.name() == permission) {
        Some(action) => has(subject, action),
        None => has_all(subject),
    }
}

/// The first of these roles that the subject may neither give nor take: an account passes on only roles whose every
/// permission it has, and only members of groups that give nothing more. `None` if it may give and take all of them. A role
/// or a group that is not defined may have had any permission, so only a subject with every permission passes it on.
#[must_use]
pub fn not_grantable<'a>(subject: Subject<'_>, changed: &'a [Role], policy: &Policy) -> Option<&'a Role> {
    changed.iter().find(|role| !passes_on(subject, role, policy))
}

fn passes_on(subject: Subject<'_>, role: &Role, policy: &Policy) -> bool {
    match role {
        Role::BuiltIn(_) => {
            let given = Permissions::of([role], policy);
            actions().filter(|action| given.include(*action)).all(|action| has(subject, action))
        }
        Role::Own(name) => match policy.role(name) {
            Some(role) => role.permissions.iter().all(|permission| may_pass_on(subject, permission)),
            None => has_all(subject),
        },
        Role::Group(membership) => match policy.group(membership.group()) {
            Some(group) => policy.roles_of_group(group.id).into_iter().all(|role| passes_on(subject, role, policy)),
            None => has_all(subject),
        },
    }
}

fn has(subject: Subject<'_>, action: Action) -> bool {
    match subject {
        Subject::System => true,
        Subject::Visitor => false,
        Subject::User { permissions, .. } => permissions.include(action),
    }
}

fn has_all(subject: Subject<'_>) -> bool {
    actions().filter(|action| action.is_permission()).all(|action| has(subject, action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::samples::{some_policy, some_roles},
        shared::{BuiltInRole, UserId},
    };
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    fn names(permissions: &Permissions) -> BTreeSet<&'static str> {
        actions().filter(|action| permissions.include(*action)).map(|action| action.name()).collect()
    }

    proptest! {
        #[test]
        fn an_account_passes_on_only_what_it_has(
            policy in some_policy(),
            held in some_roles(),
            changed in some_roles()
        ) {
            let permissions = Permissions::of(&held, &policy);
            let subject = Subject::User { id: UserId::new(Uuid::nil()), permissions: &permissions };
            let refused = not_grantable(subject, &changed, &policy);
            if refused.is_none() {
                let given = Permissions::of(&changed, &policy);
                prop_assert!(names(&given).is_subset(&names(&permissions)));
            }
            let lacks = |role: &Role| !names(&Permissions::of([role], &policy)).is_subset(&names(&permissions));
            prop_assert!(!changed.iter().any(lacks) || refused.is_some());
            prop_assert_eq!(not_grantable(Subject::System, &changed, &policy), None);
            let is_plain_nothing = |role: &Role| *role == Role::USER
                || matches!(role, Role::Own(name) if policy.role(name).is_some_and(|role| role.permissions.is_empty()));
            let is_nothing = |role: &Role| match role {
                Role::Group(member) => policy.group(member.group()).is_some()
                    && policy.roles_of_group(member.group()).into_iter().all(is_plain_nothing),
                other => is_plain_nothing(other),
            };
            let something = changed.iter().find(|role| !is_nothing(role));
            prop_assert_eq!(not_grantable(Subject::Visitor, &changed, &policy), something);
        }

        /// Otherwise an account could put together from its permissions a role that it could not give.
        #[test]
        fn a_role_that_an_account_may_define_is_one_that_it_may_give(policy in some_policy(), held in some_roles()) {
            let permissions = Permissions::of(&held, &policy);
            let subject = Subject::User { id: UserId::new(Uuid::nil()), permissions: &permissions };
            for role in policy.roles() {
                let may_define = role.permissions.iter().all(|name| may_pass_on(subject, name));
                let role = [Role::Own(role.name.clone())];
                prop_assert_eq!(not_grantable(subject, &role, &policy).is_none(), may_define);
            }
        }
    }

    #[test]
    fn only_every_permission_passes_on_what_this_build_does_not_know() {
        let (admin, manager) =
            (Permissions::built_in(&[BuiltInRole::Admin]), Permissions::built_in(&[BuiltInRole::Manager]));
        let subject = |permissions| Subject::User { id: UserId::new(Uuid::nil()), permissions };
        let undefined = [Role::stored("from-a-newer-build")];
        for (permissions, may) in [(&admin, true), (&manager, false)] {
            assert_eq!(not_grantable(subject(permissions), &undefined, &Policy::default()).is_none(), may);
            assert_eq!(may_pass_on(subject(permissions), "shop.moon.sell"), may);
        }
        assert!(!may_pass_on(Subject::Visitor, "shop.moon.sell"));
    }
}
