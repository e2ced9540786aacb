//! Symbolic operations on accounts and sessions.

use super::{Command, Seen};
use crate::{
    call,
    desk::Desk,
    step::{self, Target, pooled},
};

pub(super) use crate::step::NAMES;

/// Email addresses. The first two are the same account, and so are the two of Zoe. The last is invalid.
pub(super) const EMAILS: &[&str] = &[
    "ada@example.com",
    "ADA@Example.com",
    "bob@example.com",
    "zoe@b\u{fc}cher.example",
    "zoe@XN--BCHER-KVA.example",
    "no address",
];
/// Passwords. The first two are the same, in two encodings. The last two are refused.
pub(super) const PASSWORDS: &[&str] =
    &["correct horse bath\u{e9}", "correct horse bathe\u{301}", "staple of the hive", "short", "111111111111111111"];

/// An operation on accounts and sessions. Numbers are indexes into the pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Creates an account with an email address, a password and a name.
    Register(usize, usize, usize),
    /// Starts a session with an email address and a password.
    LogIn(usize, usize),
    /// Checks the token of an earlier login.
    Authenticate(Target),
    /// Reads the caller's own account.
    GetProfile,
}

impl step::Operation for Operation {
    fn command(&self, desk: &Desk) -> call::Command {
        call::Command::new(match self {
            Self::Register(email, password, name) => Command::Register {
                email: pooled(EMAILS, *email),
                password: pooled(PASSWORDS, *password),
                display_name: pooled(NAMES, *name),
            },
            Self::LogIn(email, password) => {
                Command::LogIn { email: pooled(EMAILS, *email), password: pooled(PASSWORDS, *password) }
            }
            Self::Authenticate(which) => {
                let token = which.pick(&desk.seen::<Seen>().tokens);
                Command::Authenticate(token.unwrap_or_else(|| "no token".to_owned()))
            }
            Self::GetProfile => Command::GetProfile,
        })
    }
}
