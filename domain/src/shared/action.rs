//! Actions, and the callers that may do them.

use super::BuiltInRole;

/// The callers that may do something. Each audience includes the ones after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// Every caller, even without an account.
    Everyone,
    /// Every caller with an account.
    Account,
    /// Accounts with a role that has the permission for the action.
    Roles,
}

/// Something that can be done. Each context declares its actions as constants in its `actions.rs`.
///
/// An action states two audiences: one for a caller's own things, and one for the things of others. If roles are one of
/// them, the name of the action is a permission, and the action lists the built-in roles that have it. The admin has
/// every permission and is never listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action {
    name: &'static str,
    own: Audience,
    others: Option<Audience>,
    roles: &'static [BuiltInRole],
}

impl Action {
    /// An action that every caller may do to every resource, even without an account.
    #[must_use]
    pub const fn everyone(name: &'static str) -> Self {
        Self { name, own: Audience::Everyone, others: Some(Audience::Everyone), roles: &[] }
    }

    /// An action that every account may do to its own things, and no account to the things of others.
    #[must_use]
    pub const fn account(name: &'static str) -> Self {
        Self { name, own: Audience::Account, others: None, roles: &[] }
    }

    /// An action that accounts with the permission may do to every resource: admins, and those with one of `roles`.
    #[must_use]
    pub const fn roles(name: &'static str, roles: &'static [BuiltInRole]) -> Self {
        Self { name, own: Audience::Roles, others: Some(Audience::Roles), roles }
    }

    /// An action that no built-in role has except the admin.
    #[must_use]
    pub const fn admin(name: &'static str) -> Self {
        Self::roles(name, &[])
    }

    /// The same action, which accounts with the permission may also do to the things of others: admins, and those with
    /// one of `roles`.
    #[must_use]
    pub const fn of_others(self, roles: &'static [BuiltInRole]) -> Self {
        Self { others: Some(Audience::Roles), roles, ..self }
    }

    /// The stable name, `context.entity.verb`. Logs, the audit trail and roles use it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The audience that may do the action to its own things.
    #[must_use]
    pub const fn own(self) -> Audience {
        self.own
    }

    /// The audience that may do the action to the things of others; `None` if no audience may.
    #[must_use]
    pub const fn others(self) -> Option<Audience> {
        self.others
    }

    /// Whether roles can have the permission for the action. Other actions are open to every caller or account.
    #[must_use]
    pub const fn is_permission(self) -> bool {
        matches!(self.others, Some(Audience::Roles))
    }

    /// Whether the built-in role has the permission for the action.
    #[must_use]
    pub fn is_given_to(self, role: BuiltInRole) -> bool {
        self.is_permission() && (role == BuiltInRole::Admin || self.roles.contains(&role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_things_may_have_a_narrower_audience() {
        let action = Action::account("bees.hive.open").of_others(&[BuiltInRole::Support]);
        assert_eq!((action.own(), action.others()), (Audience::Account, Some(Audience::Roles)));
        let given =
            |action: Action| BuiltInRole::ALL.iter().copied().filter(|role| action.is_given_to(*role)).collect();
        let roles: Vec<_> = given(action);
        assert_eq!(roles, [BuiltInRole::Admin, BuiltInRole::Support]);
        let roles: Vec<_> = given(Action::account("bees.hive.open"));
        assert_eq!(roles, [], "what every account may do is no permission");
    }
}
