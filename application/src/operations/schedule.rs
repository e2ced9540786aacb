//! The order of migrations, so that every store moves its schema in the same way.

use super::{Down, MigrationError, MigrationStatus};
use crate::kernel::StoreError;
use skep_domain::shared::Timestamp;

/// The set of everything that was there before there were sets. A record without a set is of this one.
pub const FOUNDATION: &str = "foundation";

/// The longest name of a set or a step, in bytes.
const LONGEST_NAME: usize = 64;

/// One part of a schema, in steps; `W` is what a step does to a store of some kind.
#[derive(Debug, Clone, Copy)]
pub struct MigrationSet<W: 'static> {
    /// In `snake_case`, at most 64 characters. No two sets of a program have the same.
    pub name: &'static str,
    /// The earlier sets whose tables this one refers to. While its steps are applied, those are not taken back.
    pub after: &'static [&'static str],
    /// In order; the first has the number 1. Steps that were released are never changed, only more are added.
    pub steps: &'static [MigrationStep<W>],
}

/// One step of a set.
#[derive(Debug, Clone, Copy)]
pub struct MigrationStep<W> {
    /// What it does, in `snake_case`, at most 64 characters.
    pub name: &'static str,
    /// How.
    pub work: W,
}

/// The record of a step that a store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedStep {
    /// Counts from 1 over all sets, in the order in which steps were applied.
    pub position: i64,
    /// The set.
    pub set: String,
    /// The number within the set.
    pub number: i64,
    /// When it was applied.
    pub applied_at: Timestamp,
}

/// A step that the program knows, and its place.
#[derive(Debug)]
pub struct ScheduledStep<W: 'static> {
    /// The set.
    pub set: &'static str,
    /// The number within the set.
    pub number: i64,
    /// What it does.
    pub name: &'static str,
    /// How.
    pub work: &'static W,
}

impl<W> ScheduledStep<W> {
    /// Its line in the status of the schema.
    #[must_use]
    pub fn status(&self, applied_at: Option<Timestamp>) -> MigrationStatus {
        MigrationStatus { set: self.set.to_owned(), number: self.number, name: self.name.to_owned(), applied_at }
    }

    /// The error that reports its failure.
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
    /// These sets, in this order.
    #[must_use]
    pub fn new(sets: &[MigrationSet<W>]) -> Self {
        Self { sets: sets.to_vec() }
    }

    /// These and then `more`.
    ///
    /// # Errors
    /// `Misdeclared`: a name is taken or not valid, or a set names one in `after` that does not come before it.
    pub fn and(mut self, more: &[MigrationSet<W>]) -> Result<Self, MigrationError> {
        self.sets.extend_from_slice(more);
        for (at, set) in self.sets.iter().enumerate() {
            let earlier = &self.sets[..at];
            let fault = |text: String| Err(MigrationError::Misdeclared(text));
            if let Some(name) = std::iter::once(set.name).chain(set.steps.iter().map(|step| step.name)).find(is_no_name)
            {
                return fault(format!("{name:?} is no name in snake_case of at most {LONGEST_NAME} characters"));
            }
            if earlier.iter().any(|other| other.name == set.name) {
                return fault(format!("two sets are named {}", set.name));
            }
            if let Some(after) = set.after.iter().find(|name| earlier.iter().all(|other| other.name != **name)) {
                return fault(format!("the set {} is to come after {after}, which does not come before it", set.name));
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

    /// Refuses a store with steps that this program does not know.
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

    /// The steps that the store lacks, in order.
    #[must_use]
    pub fn missing(&self, applied: &[AppliedStep]) -> Vec<ScheduledStep<W>> {
        self.steps().filter(|step| record(applied, step).is_none()).collect()
    }

    /// Every step.
    #[must_use]
    pub fn status(&self, applied: &[AppliedStep]) -> Vec<MigrationStatus> {
        self.steps().map(|step| step.status(record(applied, &step).map(|found| found.applied_at))).collect()
    }

    /// The steps to take back, in order, each with the position of its record. Those that were applied last go first:
    /// a step may rest on any that was there before it.
    ///
    /// # Errors
    /// `NoSuchSet`; `Needed` if a step of a set that comes after the named one was applied later than the oldest of
    /// these steps.
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

/// The position of the next step.
#[must_use]
pub fn next_position(applied: &[AppliedStep]) -> i64 {
    applied.iter().map(|step| step.position).max().unwrap_or(0) + 1
}

fn record<'a, W>(applied: &'a [AppliedStep], step: &ScheduledStep<W>) -> Option<&'a AppliedStep> {
    applied.iter().find(|found| found.set == step.set && found.number == step.number)
}

fn is_no_name(name: &&str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(fits)
}

#[cfg(test)]
mod tests;
