//! The rule about giving and taking roles.

use super::{Role, Subject};

/// The first of these roles that the subject may neither give nor take: an account passes on only the roles that it
/// has. `None` if it may give and take all of them.
#[must_use]
pub fn not_grantable(subject: Subject<'_>, changed: &[Role]) -> Option<Role> {
    let held = match subject {
        Subject::System => return None,
        Subject::Visitor => &[],
        Subject::User { roles, .. } => roles,
    };
    changed.iter().copied().find(|role| !held.contains(role))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::UserId;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn some_roles() -> impl Strategy<Value = Vec<Role>> {
        prop::sample::subsequence(Role::ALL, 0..=Role::ALL.len())
    }

    proptest! {
        #[test]
        fn an_account_passes_on_only_what_it_has(held in some_roles(), changed in some_roles()) {
            let subject = Subject::User { id: UserId::new(Uuid::nil()), roles: &held };
            let refused = not_grantable(subject, &changed);
            prop_assert_eq!(refused.is_none(), changed.iter().all(|role| held.contains(role)));
            prop_assert!(refused.is_none_or(|role| changed.contains(&role) && !held.contains(&role)));
            prop_assert_eq!(not_grantable(Subject::System, &changed), None);
            prop_assert_eq!(not_grantable(Subject::Visitor, &changed), changed.first().copied());
        }
    }
}
