//! A table of versioned rows in memory: all that most entities need.

use skep_application::kernel::{Constraint, StoreError};
use skep_domain::shared::Version;
use std::{
    collections::{BTreeMap, btree_map},
    ops::{Deref, DerefMut},
    sync::Arc,
};

/// A value that copies share until one of them changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shared<T>(Arc<T>);

impl<T> Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

/// A rule that two rows together would break.
pub type Clash<R> = (Constraint, fn(&R, &R) -> bool);
/// A reference to a row of the same table, and the rule that it exists.
pub type Parent<R> = (Constraint, fn(&R) -> Option<<R as Row>::Key>);

/// What a [`Table`] has to know of its rows.
pub struct Rules<R: Row> {
    /// The rule that a key is taken once.
    pub key_is_unique: Constraint,
    /// The key of a row.
    pub key: fn(&R) -> R::Key,
    /// Where a row keeps its version.
    pub version: fn(&mut R) -> &mut Version,
    /// Further values that are taken once.
    pub unique: &'static [Clash<R>],
    /// What a row is under, where rows of one table form a tree.
    pub parent: Option<Parent<R>>,
    /// What is stored when the first row is saved over the second one, the stored row.
    pub saved: fn(&R, &R) -> R,
}

impl<R: Row> Rules<R> {
    /// Rows with a key and a version. A save stores every field.
    #[must_use]
    pub const fn of(key_is_unique: Constraint, key: fn(&R) -> R::Key, version: fn(&mut R) -> &mut Version) -> Self {
        Self { key_is_unique, key, version, unique: &[], parent: None, saved: |row, _| row.clone() }
    }
}

/// An entity that a [`Table`] keeps.
pub trait Row: Clone + Send + Sync + 'static {
    /// What it is found by.
    type Key: Ord + Copy + Send + Sync;
    /// What the table has to know of it.
    const RULES: Rules<Self>;
}

/// Rows by their keys, under their [`Rules`]. A copy is cheap: it shares the rows until one of both changes.
#[derive(Debug, Clone)]
pub struct Table<R: Row>(Shared<BTreeMap<R::Key, R>>);

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self(Shared(Arc::default()))
    }
}

fn refused(broken: Option<StoreError>) -> Result<(), StoreError> {
    broken.map_or(Ok(()), Err)
}

impl<R: Row> Table<R> {
    /// The row with this key.
    #[must_use]
    pub fn get(&self, key: R::Key) -> Option<&R> {
        self.0.get(&key)
    }

    /// Every row, by key.
    pub fn rows(&self) -> btree_map::Values<'_, R::Key, R> {
        self.0.values()
    }

    /// Those of these rows that exist, by key.
    #[must_use]
    pub fn many(&self, keys: &[R::Key]) -> Vec<R> {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().filter_map(|key| self.get(key).cloned()).collect()
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Stores a new row, in the version that it has.
    ///
    /// # Errors
    /// `Duplicate`, `Referenced`.
    pub fn insert(&mut self, row: &R) -> Result<(), StoreError> {
        let key = (R::RULES.key)(row);
        let constraint = R::RULES.key_is_unique;
        refused(self.get(key).map(|_| StoreError::Duplicate { constraint }))?;
        self.check(row)?;
        self.0.insert(key, row.clone());
        Ok(())
    }

    /// Stores a changed row over the version that it was read with, and answers the new version.
    ///
    /// # Errors
    /// `Stale`, `Duplicate`, `Referenced`.
    pub fn save(&mut self, row: &R) -> Result<Version, StoreError> {
        let mut saved = (R::RULES.saved)(row, self.unchanged(row)?);
        self.check(&saved)?;
        let version = (R::RULES.version)(&mut saved);
        *version = version.next();
        let version = *version;
        self.0.insert((R::RULES.key)(row), saved);
        Ok(version)
    }

    /// Deletes a row in the version that it was read with.
    ///
    /// # Errors
    /// `Stale`, `Referenced`.
    pub fn delete(&mut self, row: &R) -> Result<(), StoreError> {
        self.unchanged(row)?;
        let key = (R::RULES.key)(row);
        if let Some((constraint, parent)) = R::RULES.parent {
            let child = self.rows().find(|other| parent(other) == Some(key));
            refused(child.map(|_| StoreError::Referenced { constraint }))?;
        }
        self.0.remove(&key);
        Ok(())
    }

    /// The stored row, if it has the version of this one.
    fn unchanged(&self, row: &R) -> Result<&R, StoreError> {
        let version = |row: &R| *(R::RULES.version)(&mut row.clone());
        let stored = self.get((R::RULES.key)(row)).ok_or(StoreError::Stale)?;
        if version(stored) == version(row) { Ok(stored) } else { Err(StoreError::Stale) }
    }

    /// Whether the row may stand among the others.
    fn check(&self, row: &R) -> Result<(), StoreError> {
        let key = (R::RULES.key)(row);
        for (constraint, clash) in R::RULES.unique {
            let other = self.rows().find(|other| (R::RULES.key)(other) != key && clash(row, other));
            refused(other.map(|_| StoreError::Duplicate { constraint: *constraint }))?;
        }
        if let Some((constraint, parent)) = R::RULES.parent {
            let missing = parent(row).filter(|parent| self.get(*parent).is_none());
            refused(missing.map(|_| StoreError::Referenced { constraint }))?;
        }
        Ok(())
    }
}
