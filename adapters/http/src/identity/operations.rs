//! The operations of identity.

use crate::parts::Operation;
use skep_application::{
    identity::{LogInError, RegisterUserError, SetUpError},
    kernel::GetError,
};
use skep_domain::identity::actions::READ_PROFILE;

/// Each operation, the action that it asks for, and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::with_credentials("register_user", RegisterUserError::REFUSALS),
    Operation::with_credentials("log_in", LogInError::REFUSALS),
    Operation::with_credentials("set_up", SetUpError::REFUSALS),
    Operation::new("get_profile", READ_PROFILE, GetError::REFUSALS),
];
