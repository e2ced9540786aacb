//! The uniqueness rules of identity. Each is the name of an index or key in every store.

use crate::kernel::Constraint;

/// The id of a user is unique.
pub const USER_ID: Constraint = Constraint::new("users_pkey");
/// An e-mail address has at most one account.
pub const USER_EMAIL: Constraint = Constraint::new("users_email_key");
/// The key of an e-mail address has at most one account.
pub const USER_EMAIL_KEY: Constraint = Constraint::new("users_email_key_key");
/// The id of a role is unique.
pub const ROLE_ID: Constraint = Constraint::new("roles_pkey");
/// A name has at most one role of the deployment.
pub const ROLE_NAME: Constraint = Constraint::new("roles_name_key");
/// The id of a group is unique.
pub const GROUP_ID: Constraint = Constraint::new("user_groups_pkey");
/// A name has at most one group.
pub const GROUP_NAME: Constraint = Constraint::new("user_groups_name_key");
/// There is at most one version of the policy.
pub const ROLE_POLICY: Constraint = Constraint::new("role_policy_pkey");
/// The id of a session is unique.
pub const SESSION_ID: Constraint = Constraint::new("sessions_pkey");
/// An account has at most one list of known networks.
pub const KNOWN_NETWORKS: Constraint = Constraint::new("known_networks_pkey");
/// An account has at most one link of a purpose.
pub const ACCOUNT_LINK: Constraint = Constraint::new("account_links_pkey");
/// There is at most one setup token.
pub const SETUP_TOKEN: Constraint = Constraint::new("setup_tokens_pkey");

/// The uniqueness rules of identity.
pub const ALL: &[Constraint] = &[
    USER_ID,
    USER_EMAIL,
    USER_EMAIL_KEY,
    ROLE_ID,
    ROLE_NAME,
    GROUP_ID,
    GROUP_NAME,
    ROLE_POLICY,
    SESSION_ID,
    KNOWN_NETWORKS,
    ACCOUNT_LINK,
    SETUP_TOKEN,
];
