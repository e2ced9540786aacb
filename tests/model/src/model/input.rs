//! What is wrong with the input of a command.

use crate::call::{Failure, Outcome, Refusal};
use skep_application::kernel::{ErrorKind, Precondition};
use skep_domain::shared::{Patch, Version};
use std::fmt;

/// Pointer, code and text of the wrong fields of a command.
#[derive(Default)]
pub(crate) struct Faults(pub(crate) Vec<(String, &'static str, String)>);

impl Faults {
    pub(crate) fn one(pointer: impl Into<String>, code: &'static str, text: impl fmt::Display) -> Failure {
        Self(vec![(pointer.into(), code, text.to_string())]).refusal()
    }

    /// Returns the value, or notes why it is wrong.
    pub(crate) fn read<T, E: fmt::Display>(
        &mut self,
        pointer: &str,
        code: &'static str,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.0.push((pointer.to_owned(), code, error.to_string()))).ok()
    }

    /// Reads a field of a patch that must not be null.
    pub(crate) fn set<T: Clone>(&mut self, pointer: &str, field: &Patch<T>) -> Option<T> {
        match field {
            Patch::Keep => None,
            Patch::Clear => self.read(pointer, "required", Err("must not be null")),
            Patch::Set(value) => Some(value.clone()),
        }
    }

    pub(crate) fn refusal(self) -> Failure {
        Failure::Refused(Refusal { kind: ErrorKind::Invalid, code: "validation_failed", fields: self.0 })
    }
}

/// Requires a precondition that the current version meets.
pub(crate) fn require(precondition: &Precondition, current: Version) -> Outcome<()> {
    match precondition {
        Precondition::Missing => Err(Failure::refusal(ErrorKind::PreconditionRequired, "precondition_required")),
        Precondition::Except { .. } => unreachable!("the programs of the model do not send it"),
        Precondition::Any | Precondition::OneOf(_) => allow(precondition, current),
    }
}

/// Accepts a missing precondition, or one that the current version meets.
pub(crate) fn allow(precondition: &Precondition, current: Version) -> Outcome<()> {
    let meets = match precondition {
        Precondition::Missing | Precondition::Any => true,
        Precondition::OneOf(seen) => seen.contains(&current),
        Precondition::Except { .. } => unreachable!("the programs of the model do not send it"),
    };
    if meets { Ok(()) } else { Err(Failure::refusal(ErrorKind::Stale, "precondition_failed")) }
}
