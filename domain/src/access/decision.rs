//! The one place that decides who may do what.

use super::Role;
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
        /// The roles of the account.
        roles: &'a [Role],
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

/// `Ok` if the action is allowed, and the reason if it is not.
pub type Decision = Result<(), Denial>;

/// Decides whether `subject` may do `action` to `resource`. An action that no rule allows is denied.
///
/// If several roles of an account deny the action, the denial of the strongest role is reported.
///
/// # Errors
/// The [`Denial`].
pub fn decide(subject: Subject<'_>, action: Action, resource: Resource) -> Decision {
    let (id, roles) = match subject {
        Subject::System => return Ok(()),
        Subject::Visitor => {
            return match action.others() {
                Some(Audience::Everyone) => Ok(()),
                _ => Err(Denial::NeedsAccount),
            };
        }
        Subject::User { id, roles } => (id, roles),
    };
    let own = match resource {
        Resource::Any => true,
        Resource::OwnedBy(owner) => owner == id,
    };
    combined(roles.iter().map(|role| (audience_of(*role), of_audience(audience_of(*role), action, own))))
}

/// The built-in roles as audiences. There is no role for staff yet; an admin is staff too.
const fn audience_of(role: Role) -> Audience {
    match role {
        Role::User => Audience::Account,
        Role::Admin => Audience::Admin,
    }
}

/// The decision for one role of the account.
fn of_audience(audience: Audience, action: Action, own: bool) -> Decision {
    let others = action.others().is_some_and(|others| audience >= others);
    match audience >= action.own() {
        true if own || others => Ok(()),
        true => Err(Denial::Ownership),
        false => Err(Denial::Role),
    }
}

/// One role that allows the action is enough. If none does, the denial of the strongest role is reported. The order of
/// the roles does not matter. An account without roles may do nothing.
fn combined(decisions: impl Iterator<Item = (Audience, Decision)>) -> Decision {
    let strongest = decisions.max_by_key(|(audience, decision)| (decision.is_ok(), *audience));
    strongest.map_or(Err(Denial::Role), |(_, decision)| decision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions;
    use uuid::Uuid;

    fn user(n: u128) -> UserId {
        UserId::new(Uuid::from_u128(n))
    }

    #[test]
    fn an_account_without_roles_may_do_nothing() {
        for action in actions() {
            assert!(decide(Subject::User { id: user(1), roles: &[] }, action, Resource::Any).is_err());
        }
    }

    #[test]
    fn the_denial_of_the_strongest_role_is_reported_in_any_order_of_the_roles() {
        let weak = (Audience::Account, Err(Denial::NeedsAccount));
        let middle = (Audience::Staff, Err(Denial::Role));
        let strong = (Audience::Admin, Err(Denial::Ownership));
        for decisions in [
            [weak, middle, strong],
            [weak, strong, middle],
            [middle, weak, strong],
            [middle, strong, weak],
            [strong, weak, middle],
            [strong, middle, weak],
        ] {
            assert_eq!(combined(decisions.into_iter()), Err(Denial::Ownership), "{decisions:?}");
        }
        assert_eq!(combined([weak, middle].into_iter()), Err(Denial::Role));
        assert_eq!(combined([(Audience::Account, Ok(())), middle, strong].into_iter()), Ok(()), "one is enough");
    }

    #[test]
    fn staff_stands_between_an_account_and_an_admin() {
        let action = Action::staff("shop.shelf.tidy");
        let decided =
            [Audience::Account, Audience::Staff, Audience::Admin].map(|role| of_audience(role, action, false));
        assert_eq!(decided, [Err(Denial::Role), Ok(()), Ok(())]);
    }

    /// An action that is denied before anything is read is denied for every resource as well.
    #[test]
    fn a_resource_never_widens_what_a_role_allows() {
        for roles in [&[][..], &[Role::User], &[Role::Admin], &[Role::Admin, Role::User]] {
            let subject = Subject::User { id: user(1), roles };
            for action in actions() {
                for resource in [Resource::OwnedBy(user(1)), Resource::OwnedBy(user(2))] {
                    let permitted = decide(subject, action, Resource::Any).is_ok();
                    assert!(permitted || decide(subject, action, resource).is_err());
                }
            }
        }
    }
}
