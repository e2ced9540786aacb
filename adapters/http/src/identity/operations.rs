//! The operations of identity.

use crate::parts::{Operation, Refusal};
use skep_domain::identity::actions::READ_PROFILE;

const EMAIL_TAKEN: Refusal = Refusal::new(409, "email_taken", "The e-mail address has an account.");
const INVALID_CREDENTIALS: Refusal =
    Refusal::new(401, "invalid_credentials", "The e-mail address or the password is wrong.");
const SETUP_TOKEN_INVALID: Refusal = Refusal::new(
    403,
    "setup_token_invalid",
    "The token is wrong or has expired; every start without an admin prints a new one.",
);
const SETUP_CLOSED: Refusal = Refusal::new(409, "setup_closed", "There is an admin already.");

/// Each operation, the action that it asks for, and the refusals of its own.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::with_credentials("register_user").refuses(&[EMAIL_TAKEN]),
    Operation::with_credentials("log_in").refuses(&[INVALID_CREDENTIALS]),
    Operation::with_credentials("set_up").refuses(&[SETUP_TOKEN_INVALID, SETUP_CLOSED]),
    Operation::new("get_profile", READ_PROFILE),
];
