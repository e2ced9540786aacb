//! The order of migrations. All stores use it, so that they apply and revert steps in the same order.

use super::{Down, MigrationError, MigrationStatus};
use crate::kernel::StoreError;
use skep_domain::shared::Timestamp;

/// The oldest set: the steps from the time before sets existed. A record without a set belongs to it.
pub const FOUNDATION: &str = "foundation";

/// The longest name of a set or a step, in bytes.
const LONGEST_NAME: usize = 64;

/// A part of a schema, as a list of steps. `W` is the type of the work, which depends on the kind of store.
#[derive(Debug, Clone, Copy)]
pub struct MigrationSet<W: 'static> {
    /// In `snake_case`, at most 64 characters; unique within a program.
    pub name: &'static str,
    /// The earlier sets whose tables this set refers to. Their steps cannot be reverted while later steps of this set
    /// are applied.
    pub after: &'static [&'static str],
    /// In order; the first step has the number 1. Never change a released step; add a new one.
    pub steps: &'static [MigrationStep<W>],
}

/// One step of a set.
#[derive(Debug, Clone, Copy)]
pub struct MigrationStep<W> {
    /// What the step does, in `snake_case`, at most 64 characters.
    pub name: &'static str,
    /// The change to the schema.
    pub work: W,
}

/// The record of an applied step in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedStep {
    /// Counts from 1 over all sets, in the order in which the steps were applied.
    pub position: i64,
    /// The set that the step belongs to.
    pub set: String,
    /// The number within the set.
    pub number: i64,
    /// When the step was applied.
    pub applied_at: Timestamp,
}

/// A step that the program knows, with its set and number.
#[derive(Debug)]
pub struct ScheduledStep<W: 'static> {
    /// The set that the step belongs to.
    pub set: &'static str,
    /// The number within the set.
    pub number: i64,
    /// What the step does.
    pub name: &'static str,
    /// The change to the schema.
    pub work: &'static W,
}

impl<W> ScheduledStep<W> {
    /// The status of the step in a store.
    #[must_use]
    pub fn status(&self, applied_at: Option<Timestamp>) -> MigrationStatus {
        MigrationStatus { set: self.set.to_owned(), number: self.number, name: self.name.to_owned(), applied_at }
    }

    /// The error that reports a failure of the step.
    #[must_use]
    pub fn failed(&self, source: StoreError) -> MigrationError {
        MigrationError::Failed { set: self.set.to_owned(), number: self.number, name: self.name.to_owned(), source }
    }
}

/// The sets of a program, in the order in which they run.
#[derive(Debug, Clone)]
pub struct Schedule<W: 'static> {
    sets: Vec<MigrationSet<W>>,
}

impl<W: Copy> Schedule<W> {
    /// Starts a schedule with these sets, in this order. They are not checked.
    #[must_use]
    pub fn new(sets: &[MigrationSet<W>]) -> Self {
        Self { sets: sets.to_vec() }
    }

    /// Appends more sets, and checks all of them.
    ///
    /// # Errors
    /// `Misdeclared`: a name is not valid or not unique, or `after` names a set that does not come earlier.
    pub fn and(mut self, more: &[MigrationSet<W>]) -> Result<Self, MigrationError> {
        self.sets.extend_from_slice(more);
        for (at, set) in self.sets.iter().enumerate() {
            let earlier = &self.sets[..at];
            let fault = |text: String| Err(MigrationError::Misdeclared(text));
            if let Some(name) =
                std::iter::once(set.name).chain(set.steps.iter().map(|step| step.name)).find(is_invalid_name)
            {
                return fault(format!("{name:?} is not a name in snake_case of at most {LONGEST_NAME} characters"));
            }
            if earlier.iter().any(|other| other.name == set.name) {
                return fault(format!("two sets are named {}", set.name));
            }
            if let Some(after) = set.after.iter().find(|name| earlier.iter().all(|other| other.name != **name)) {
                return fault(format!("the set {} must come after {after}, which does not come before it", set.name));
            }
        }
        Ok(self)
    }

    fn steps(&self) -> impl Iterator<Item = ScheduledStep<W>> {
        let of_set = |set: &MigrationSet<W>| {
            let name = set.name;
            let step = move |(number, step): (i64, &'static MigrationStep<W>)| ScheduledStep {
                set: name,
                number,
                name: step.name,
                work: &step.work,
            };
            (1..).zip(set.steps).map(step)
        };
        self.sets.iter().flat_map(of_set)
    }

    /// Refuses a store that has steps which this program does not know.
    ///
    /// # Errors
    /// `Newer` or `UnknownSet`.
    pub fn check(&self, applied: &[AppliedStep]) -> Result<(), MigrationError> {
        for step in applied {
            let greatest = applied.iter().filter(|other| other.set == step.set).map(|other| other.number).max();
            let (set, found) = (step.set.clone(), greatest.unwrap_or(step.number));
            match self.sets.iter().find(|known| known.name == set) {
                None => return Err(MigrationError::UnknownSet { set, found }),
                Some(known) => {
                    let known = i64::try_from(known.steps.len()).unwrap_or(i64::MAX);
                    if found > known {
                        return Err(MigrationError::Newer { set, found, known });
                    }
                }
            }
        }
        Ok(())
    }

    /// The steps that are not applied, in order.
    #[must_use]
    pub fn missing(&self, applied: &[AppliedStep]) -> Vec<ScheduledStep<W>> {
        self.steps().filter(|step| record(applied, step).is_none()).collect()
    }

    /// The status of all steps, in order.
    #[must_use]
    pub fn status(&self, applied: &[AppliedStep]) -> Vec<MigrationStatus> {
        self.steps().map(|step| step.status(record(applied, &step).map(|found| found.applied_at))).collect()
    }

    /// The steps to revert, in order, each with the position of its record. The step that was applied last comes first,
    /// because a step may depend on any earlier one.
    ///
    /// # Errors
    /// `NoSuchSet`. `Needed` if a set has the named set in `after`, and one of its steps was applied later than the
    /// oldest of these steps.
    pub fn back(&self, applied: &[AppliedStep], which: &Down) -> Result<Vec<(ScheduledStep<W>, i64)>, MigrationError> {
        if let Some(set) = which.set.as_ref().filter(|set| self.sets.iter().all(|known| known.name != **set)) {
            let known = self.sets.iter().map(|set| set.name).collect::<Vec<_>>().join(", ");
            return Err(MigrationError::NoSuchSet { set: set.clone(), known });
        }
        let mut steps: Vec<_> = self
            .steps()
            .filter(|step| which.set.as_ref().is_none_or(|set| set == step.set))
            .filter_map(|step| record(applied, &step).map(|found| (step, found.position)))
            .collect();
        steps.sort_by_key(|(_, position)| std::cmp::Reverse(*position));
        steps.truncate(usize::try_from(which.steps).unwrap_or(usize::MAX));
        if let (Some(set), Some((_, oldest))) = (&which.set, steps.last()) {
            let needs = |other: &&AppliedStep| {
                let other_set = self.sets.iter().find(|known| known.name == other.set);
                other.position > *oldest && other_set.is_some_and(|known| known.after.contains(&set.as_str()))
            };
            if let Some(other) = applied.iter().find(needs) {
                return Err(MigrationError::Needed { set: set.clone(), by: other.set.clone() });
            }
        }
        Ok(steps)
    }
}

/// The position of the step that is applied next.
#[must_use]
pub fn next_position(applied: &[AppliedStep]) -> i64 {
    applied.iter().map(|step| step.position).max().unwrap_or(0) + 1
}

fn record<'a, W>(applied: &'a [AppliedStep], step: &ScheduledStep<W>) -> Option<&'a AppliedStep> {
    applied.iter().find(|found| found.set == step.set && found.number == step.number)
}

fn is_invalid_name(name: &&str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(fits)
}

#[cfg(test)]
mod tests;
