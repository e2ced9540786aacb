//! The operations of identity.

use crate::{edge::BodyLimit, parts::Operation};
use skep_application::{
    identity::{LogInError, RegisterUserError, SetUpError},
    kernel::GetError,
};
use skep_domain::identity::actions::READ_PROFILE;

/// The limit of a body with an e-mail address and a password.
const CREDENTIALS: BodyLimit = BodyLimit::new(4, 10);
/// The limit of a body that also has a name.
const ACCOUNT: BodyLimit = BodyLimit::new(8, 10);

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::with_credentials("register_user", RegisterUserError::REFUSALS).body(ACCOUNT),
    Operation::with_credentials("log_in", LogInError::REFUSALS).body(CREDENTIALS),
    Operation::with_credentials("set_up", SetUpError::REFUSALS).body(ACCOUNT),
    Operation::new("get_profile", READ_PROFILE, GetError::REFUSALS),
];
