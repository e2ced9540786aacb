//! A table of versioned rows in memory. Most entities need nothing else.

use skep_application::kernel::{Constraint, StoreError};
use skep_domain::shared::Version;
use std::{
    collections::{BTreeMap, btree_map},
    ops::{Deref, DerefMut},
    sync::Arc,
};

/// A value that clones share until one of them changes it.
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

/// A uniqueness rule, and whether two rows together break it.
pub type Clash<R> = (Constraint, fn(&R, &R) -> bool);
/// The rule that the parent of a row exists, and the key of the parent in the same table.
pub type Parent<R> = (Constraint, fn(&R) -> Option<<R as Row>::Key>);

/// How a [`Table`] reads its rows, and which rules they follow.
pub struct Rules<R: Row> {
    /// The rule that no two rows have the same key.
    pub key_is_unique: Constraint,
    /// Returns the key of a row.
    pub key: fn(&R) -> R::Key,
    /// Returns the version of a row, to read or change it.
    pub version: fn(&mut R) -> &mut Version,
    /// The rules about other unique values.
    pub unique: &'static [Clash<R>],
    /// The parent of a row, if the rows form a tree.
    pub parent: Option<Parent<R>>,
    /// Returns the row to store when the first row is saved over the second one, which is stored.
    pub saved: fn(&R, &R) -> R,
}

impl<R: Row> Rules<R> {
    /// Rules for rows with a key and a version only. A save stores all fields.
    #[must_use]
    pub const fn of(key_is_unique: Constraint, key: fn(&R) -> R::Key, version: fn(&mut R) -> &mut Version) -> Self {
        Self { key_is_unique, key, version, unique: &[], parent: None, saved: |row, _| row.clone() }
    }
}

/// An entity that a [`Table`] keeps.
pub trait Row: Clone + Send + Sync + 'static {
    /// The type of the key.
    type Key: Ord + Copy + Send + Sync;
    /// How a table reads this entity, and which rules it follows.
    const RULES: Rules<Self>;
}

/// Rows by their keys, under their [`Rules`]. A clone is cheap: it shares the rows until one of the two changes.
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

    /// All rows, in the order of their keys.
    pub fn rows(&self) -> btree_map::Values<'_, R::Key, R> {
        self.0.values()
    }

    /// The existing rows with these keys, in the order of the keys.
    #[must_use]
    pub fn many(&self, keys: &[R::Key]) -> Vec<R> {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().filter_map(|key| self.get(key).cloned()).collect()
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the table has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Stores a new row with the version that it has.
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

    /// Replaces the version that was read, and returns the new version.
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

    /// Changes the row with this key and keeps its version. Returns what `change` returns, or the default if there is no
    /// such row. No rule is checked.
    pub fn amend<T: Default>(&mut self, key: R::Key, change: impl FnOnce(&mut R) -> T) -> T {
        self.0.get_mut(&key).map(change).unwrap_or_default()
    }

    /// Deletes the version that was read.
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

    /// The stored row, if it has the same version as this one.
    fn unchanged(&self, row: &R) -> Result<&R, StoreError> {
        let version = |row: &R| *(R::RULES.version)(&mut row.clone());
        let stored = self.get((R::RULES.key)(row)).ok_or(StoreError::Stale)?;
        if version(stored) == version(row) { Ok(stored) } else { Err(StoreError::Stale) }
    }

    /// Checks the row against the unique values and parents of the others.
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
