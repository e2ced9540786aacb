//! The one place that decides.

use super::Role;
use crate::shared::UserId;

/// Everything that can be done, a closed list. The name is what logs, audit and policies speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read one's own profile.
    ReadProfile,
    /// Make an account for somebody, with any role.
    CreateUser,
    /// Read products that are on sale.
    ReadProduct,
    /// Read products that were archived.
    ReadArchivedProduct,
    /// Create, change and archive products.
    ManageProduct,
    /// Read how many of a product can be had.
    ReadAvailability,
    /// See and set how many of a product are on hand and reserved.
    ManageStock,
    /// Place an order for oneself.
    PlaceOrder,
    /// Read an order.
    ReadOrder,
    /// Cancel an order.
    CancelOrder,
}

impl Action {
    /// Every action, for the authorization matrix.
    pub const ALL: &[Self] = &[
        Self::ReadProfile,
        Self::CreateUser,
        Self::ReadProduct,
        Self::ReadArchivedProduct,
        Self::ManageProduct,
        Self::ReadAvailability,
        Self::ManageStock,
        Self::PlaceOrder,
        Self::ReadOrder,
        Self::CancelOrder,
    ];

    /// The stable name, `context.entity.verb`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadProfile => "identity.profile.read",
            Self::CreateUser => "identity.user.create",
            Self::ReadProduct => "catalog.product.read",
            Self::ReadArchivedProduct => "catalog.product.read_archived",
            Self::ManageProduct => "catalog.product.manage",
            Self::ReadAvailability => "catalog.stock.read_availability",
            Self::ManageStock => "catalog.stock.manage",
            Self::PlaceOrder => "ordering.order.place",
            Self::ReadOrder => "ordering.order.read",
            Self::CancelOrder => "ordering.order.cancel",
        }
    }
}

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Not known yet, or nothing in particular: only what no resource could allow is denied.
    Any,
    /// Something that belongs to this user.
    OwnedBy(UserId),
}

/// Who asks, as far as the decision needs to know.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// Somebody without credentials.
    Visitor,
    /// A user with roles.
    User {
        /// The account.
        id: UserId,
        /// Its roles.
        roles: &'a [Role],
    },
    /// Skep itself: set-up, commands of the operator, background work.
    System,
}

/// Why an action is denied. Which rule it was is for the log and for `explain`, not for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The action needs an account.
    #[error("needs an account")]
    NeedsAccount,
    /// No role of the account has the action.
    #[error("no role of the account allows it")]
    Role,
    /// The action is allowed on one's own things only.
    #[error("belongs to somebody else")]
    Ownership,
}

/// Allowed, or why not.
pub type Decision = Result<(), Denial>;

/// Decides whether `subject` may do `action` to `resource`. What is not allowed is denied.
///
/// # Errors
/// The [`Denial`].
pub fn decide(subject: Subject<'_>, action: Action, resource: Resource) -> Decision {
    let (id, roles) = match subject {
        Subject::System => return Ok(()),
        Subject::Visitor => {
            return match action {
                Action::ReadProduct | Action::ReadAvailability => Ok(()),
                _ => Err(Denial::NeedsAccount),
            };
        }
        Subject::User { id, roles } => (id, roles),
    };
    let own = match resource {
        Resource::Any => true,
        Resource::OwnedBy(owner) => owner == id,
    };
    // The first denial is kept: it names the rule of the strongest role that came closest.
    roles.iter().map(|role| of_role(*role, action, own)).reduce(Result::or).unwrap_or(Err(Denial::Role))
}

/// The table: a row per role.
fn of_role(role: Role, action: Action, own: bool) -> Decision {
    match (role, action) {
        (_, Action::ReadProduct | Action::ReadAvailability) => Ok(()),
        (_, Action::ReadProfile | Action::PlaceOrder) | (Role::User, Action::ReadOrder | Action::CancelOrder) => {
            if own { Ok(()) } else { Err(Denial::Ownership) }
        }
        (
            Role::Admin,
            Action::CreateUser
            | Action::ReadArchivedProduct
            | Action::ManageProduct
            | Action::ManageStock
            | Action::ReadOrder
            | Action::CancelOrder,
        ) => Ok(()),
        (
            Role::User,
            Action::CreateUser | Action::ReadArchivedProduct | Action::ManageProduct | Action::ManageStock,
        ) => Err(Denial::Role),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn user(n: u128) -> UserId {
        UserId::new(Uuid::from_u128(n))
    }

    #[test]
    fn visitors_may_only_look_at_what_is_on_sale() {
        for action in Action::ALL {
            let open = matches!(action, Action::ReadProduct | Action::ReadAvailability);
            assert_eq!(decide(Subject::Visitor, *action, Resource::Any).is_ok(), open, "{}", action.name());
        }
    }

    #[test]
    fn an_account_without_roles_may_do_nothing() {
        for action in Action::ALL {
            assert!(decide(Subject::User { id: user(1), roles: &[] }, *action, Resource::Any).is_err());
        }
    }

    #[test]
    fn a_user_reads_the_own_order_and_nobody_elses() {
        let subject = Subject::User { id: user(1), roles: &[Role::User] };
        assert_eq!(decide(subject, Action::ReadOrder, Resource::OwnedBy(user(1))), Ok(()));
        assert_eq!(decide(subject, Action::ReadOrder, Resource::OwnedBy(user(2))), Err(Denial::Ownership));
        assert_eq!(decide(subject, Action::ManageProduct, Resource::Any), Err(Denial::Role));
    }

    #[test]
    fn an_admin_reads_every_order_but_orders_for_nobody_else() {
        let subject = Subject::User { id: user(1), roles: &[Role::Admin, Role::User] };
        assert_eq!(decide(subject, Action::ReadOrder, Resource::OwnedBy(user(2))), Ok(()));
        assert_eq!(decide(subject, Action::PlaceOrder, Resource::OwnedBy(user(2))), Err(Denial::Ownership));
    }

    /// What is denied before anything is read is denied for every resource as well.
    #[test]
    fn a_resource_never_widens_what_a_role_allows() {
        for roles in [&[][..], &[Role::User], &[Role::Admin], &[Role::Admin, Role::User]] {
            let subject = Subject::User { id: user(1), roles };
            for action in Action::ALL {
                for resource in [Resource::OwnedBy(user(1)), Resource::OwnedBy(user(2))] {
                    let permitted = decide(subject, *action, Resource::Any).is_ok();
                    assert!(permitted || decide(subject, *action, resource).is_err());
                }
            }
        }
    }
}
