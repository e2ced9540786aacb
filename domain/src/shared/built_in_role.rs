//! The roles that every deployment has.

use super::named;

named! {
    /// A role that comes with Skep. Each context declares with its actions which of these roles have them. The last one
    /// is the role of every account.
    #[derive(PartialOrd, Ord)]
    BuiltInRole {
        /// Runs the deployment, and has every permission.
        Admin = "admin",
        /// Runs the shop: products, stock and orders.
        Manager = "manager",
        /// Writes the texts of products and categories.
        Editor = "editor",
        /// Reviews what users have stored.
        Moderator = "moderator",
        /// Helps customers with their accounts and orders.
        Support = "support",
        /// Reads everything, also events and jobs, and changes nothing.
        Auditor = "auditor",
        /// Reads what the shop sells and its orders.
        Viewer = "viewer",
        /// Every account has this role. It allows what accounts may do to their own things.
        User = "user",
    }
}

impl BuiltInRole {
    /// Describes the role in a sentence or two.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Admin => "Runs the deployment, and has every permission.",
            Self::Manager => "Runs the shop: products, stock and orders.",
            Self::Editor => "Writes the texts of products and categories.",
            Self::Moderator => "Reviews what users have stored.",
            Self::Support => "Helps customers with their accounts and orders.",
            Self::Auditor => "Reads everything, also events and jobs, and changes nothing.",
            Self::Viewer => "Reads what the shop sells and its orders.",
            Self::User => "Every account has this role. It allows what accounts may do to their own things.",
        }
    }
}
