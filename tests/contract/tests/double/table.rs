//! A table of versioned rows in memory: all that most entities need to be in the double.

use super::Flaw;
use skep_application::kernel::{Constraint, StoreError};
use skep_domain::shared::Version;
use std::{collections::BTreeMap, ops::Deref};

/// A row with a key, a version and values that are taken once.
pub(crate) trait Row: Clone {
    type Key: Ord + Copy;
    /// The rule that the key is taken once.
    const KEY: Constraint;

    fn key(&self) -> Self::Key;
    fn version(&mut self) -> &mut Version;
    /// The rule, beside that of the key, that both rows together would break.
    fn clash(&self, other: &Self) -> Option<Constraint>;
    /// The row of the same table that it refers to, and the rule.
    fn parent(&self) -> Option<(Self::Key, Constraint)> {
        None
    }
    /// The row as a store with this flaw keeps it, when it is saved over `_stored` or inserted.
    fn kept(&self, _stored: Option<&Self>, _flaw: Flaw) -> Self {
        self.clone()
    }
}

#[derive(Clone)]
pub(crate) struct Table<R: Row>(BTreeMap<R::Key, R>);

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R: Row> Deref for Table<R> {
    type Target = BTreeMap<R::Key, R>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// `Err` with the rule if there is one that is broken.
pub(crate) fn unique(broken: Option<Constraint>, flaw: Flaw) -> Result<(), StoreError> {
    let wrong = |rule| if flaw == Flaw::NamesTheWrongRule { Constraint::new("bees_pkey") } else { rule };
    broken.map_or(Ok(()), |rule| Err(StoreError::Duplicate { constraint: wrong(rule) }))
}

/// The version after a save over `stored` of what was read as `read`.
pub(crate) fn next(stored: Option<Version>, read: Version, flaw: Flaw) -> Result<Version, StoreError> {
    match stored {
        Some(stored) if stored == read || flaw == Flaw::IgnoresVersions => Ok(stored.next()),
        None if flaw == Flaw::SavesTheMissing => Ok(read.next()),
        _ => Err(StoreError::Stale),
    }
}

impl<R: Row> Table<R> {
    pub(crate) fn insert(&mut self, row: &R, flaw: Flaw) -> Result<(), StoreError> {
        unique(self.0.contains_key(&row.key()).then_some(R::KEY), flaw)?;
        unique(self.0.values().find_map(|other| row.clash(other)), flaw)?;
        self.referred(row)?;
        self.0.insert(row.key(), row.kept(None, flaw));
        Ok(())
    }

    /// `Referenced` if the row refers to what is not there.
    fn referred(&self, row: &R) -> Result<(), StoreError> {
        let missing = row.parent().filter(|(parent, _)| !self.0.contains_key(parent));
        missing.map_or(Ok(()), |(_, constraint)| Err(StoreError::Referenced { constraint }))
    }

    pub(crate) fn delete(&mut self, row: &R, flaw: Flaw) -> Result<(), StoreError> {
        let stored = self.0.get_mut(&row.key()).map(|stored| *stored.version());
        next(stored, *row.clone().version(), flaw)?;
        let mut parents = self.0.values().filter_map(Row::parent);
        if let Some((_, constraint)) = parents.find(|(parent, _)| *parent == row.key()) {
            return Err(StoreError::Referenced { constraint });
        }
        self.0.remove(&row.key());
        Ok(())
    }

    pub(crate) fn save(&mut self, row: &R, flaw: Flaw) -> Result<Version, StoreError> {
        let mut saved = row.kept(self.0.get(&row.key()), flaw);
        let stored = self.0.get_mut(&row.key()).map(|stored| *stored.version());
        *saved.version() = next(stored, *row.clone().version(), flaw)?;
        let mut others = self.0.values().filter(|other| other.key() != row.key());
        unique(others.find_map(|other| row.clash(other)), flaw)?;
        self.referred(row)?;
        let version = *saved.version();
        self.0.insert(row.key(), saved);
        Ok(version)
    }
}
