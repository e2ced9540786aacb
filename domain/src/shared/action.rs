//! Actions, and the audiences that may do them.

/// The people who may do something. Each audience includes the ones after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// Every caller, even without an account.
    Everyone,
    /// Every caller with an account.
    Account,
    /// The people who work in the shop.
    Staff,
    /// The people who run the shop.
    Admin,
}

/// Something that can be done. Each context declares its actions as constants in its `actions.rs`.
///
/// An action states two audiences: one for a caller's own things, and one for the things of others. The access context
/// maps audiences to roles; no other context knows a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action {
    name: &'static str,
    own: Audience,
    others: Option<Audience>,
}

impl Action {
    /// An action that every caller may do to every resource, even without an account.
    #[must_use]
    pub const fn everyone(name: &'static str) -> Self {
        Self { name, own: Audience::Everyone, others: Some(Audience::Everyone) }
    }

    /// An action that every account may do to its own things, and no account to the things of others.
    #[must_use]
    pub const fn account(name: &'static str) -> Self {
        Self { name, own: Audience::Account, others: None }
    }

    /// An action that staff may do to every resource.
    #[must_use]
    pub const fn staff(name: &'static str) -> Self {
        Self { name, own: Audience::Staff, others: Some(Audience::Staff) }
    }

    /// An action that admins may do to every resource.
    #[must_use]
    pub const fn admin(name: &'static str) -> Self {
        Self { name, own: Audience::Admin, others: Some(Audience::Admin) }
    }

    /// The same action, which `audience` may also do to the things of others.
    ///
    /// # Panics
    /// If `audience` is wider than the audience for one's own things. In a constant, this is a compile error.
    #[must_use]
    pub const fn of_others(self, audience: Audience) -> Self {
        assert!(audience as u8 >= self.own as u8, "others' things have a wider audience than one's own");
        Self { others: Some(audience), ..self }
    }

    /// The stable name, `context.entity.verb`. Logs, the audit trail and policies use it.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_things_may_have_a_narrower_audience() {
        let action = Action::account("bees.hive.open").of_others(Audience::Staff);
        assert_eq!((action.own(), action.others()), (Audience::Account, Some(Audience::Staff)));
    }

    #[test]
    #[should_panic(expected = "a wider audience than")]
    fn others_things_never_have_a_wider_audience() {
        let _ = Action::staff("bees.hive.open").of_others(Audience::Account);
    }
}
