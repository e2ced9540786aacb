//! The migrations: collections with validators and indexes, or code, step by step. Every step can be repeated.

mod foundation;

use crate::ops::Executor;
use bson::{Document, doc};
use skep_application::{kernel::StoreError, operations::MigrationSet};
use std::{future::Future, pin::Pin};

/// The sets of this program, in the order in which they run.
pub(crate) const SETS: &[MongoSet] = &[
    foundation::SET,
    crate::catalog::schema::SET,
    crate::ordering::schema::SET,
    crate::identity::schema::SET,
    crate::operations::schema::SET,
    crate::kernel::schema::SET,
    crate::jobs::schema::SET,
    crate::notifications::schema::SET,
    crate::events::schema::SET,
    crate::files::schema::SET,
    crate::search::schema::SET,
];

/// A set of migrations for MongoDB.
pub type MongoSet = MigrationSet<MongoStep>;

/// The work of a step, and the work that reverts it.
#[derive(Debug, Clone, Copy)]
pub struct MongoStep(Work);

#[derive(Debug, Clone, Copy)]
enum Work {
    /// Creates collections with their validators and indexes.
    Collections(&'static [Collection]),
    /// Changes collections of earlier steps: code, and then the indexes that are missing.
    Change {
        up: MongoCode,
        indexes: &'static [Collection],
        down: MongoCode,
        indexes_before: &'static [Collection],
    },
    Code {
        up: MongoCode,
        down: MongoCode,
    },
}

/// Code of a step. It must be repeatable: MongoDB cannot store the step and its record together, so an interrupted step
/// runs again from its start, over its earlier work.
pub type MongoCode =
    for<'a> fn(&'a mut MongoSchema<'_>) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

impl MongoStep {
    /// A step that does nothing, so that every store has the same number of steps.
    pub(crate) const NOTHING: Self = Self::collections(&[]);

    /// A step that runs code in both directions.
    #[must_use]
    pub const fn code(up: MongoCode, down: MongoCode) -> Self {
        Self(Work::Code { up, down })
    }

    pub(crate) const fn collections(collections: &'static [Collection]) -> Self {
        Self(Work::Collections(collections))
    }

    /// A step that changes collections of earlier steps. Each direction runs its code and then creates the indexes that
    /// are missing.
    pub(crate) const fn change(
        up: MongoCode,
        indexes: &'static [Collection],
        down: MongoCode,
        indexes_before: &'static [Collection],
    ) -> Self {
        Self(Work::Change { up, indexes, down, indexes_before })
    }

    /// Applies the step, or completes it.
    pub(crate) async fn apply(&self, executor: &mut Executor) -> Result<(), StoreError> {
        match self.0 {
            Work::Collections(collections) => make(executor, collections).await,
            Work::Change { up, indexes, .. } => {
                up(&mut MongoSchema(executor)).await?;
                make(executor, indexes).await
            }
            Work::Code { up, .. } => up(&mut MongoSchema(executor)).await,
        }
    }

    /// Reverts the step and deletes all data in the collections that it created.
    pub(crate) async fn take_back(&self, executor: &mut Executor) -> Result<(), StoreError> {
        match self.0 {
            Work::Collections(collections) => remove(executor, collections).await,
            Work::Change { down, indexes_before, .. } => {
                down(&mut MongoSchema(executor)).await?;
                make(executor, indexes_before).await
            }
            Work::Code { down, .. } => down(&mut MongoSchema(executor)).await,
        }
    }
}

/// The database, for the code of a step.
pub struct MongoSchema<'a>(&'a mut Executor);

impl MongoSchema<'_> {
    /// Runs a command on the database, outside of transactions and in one session. Returns the server's answer. Its
    /// writes are confirmed by a majority.
    ///
    /// # Errors
    /// The server refuses the command, or a single document of a write.
    pub async fn command(&mut self, command: Document) -> Result<Document, StoreError> {
        self.0.command(command).await
    }

    /// Creates the index if it does not exist.
    pub(crate) async fn create_index(&mut self, collection: &str, index: Index) -> Result<(), StoreError> {
        let create = doc! { "createIndexes": collection, "indexes": [index.document()], "writeConcern": majority() };
        self.0.define(create, &[]).await.map(drop)
    }

    /// Creates a collection of at most so many bytes, which drops its oldest documents, unless it exists.
    pub(crate) async fn create_capped(&mut self, collection: &str, size: i64) -> Result<(), StoreError> {
        let create = doc! { "create": collection, "capped": true, "size": size, "writeConcern": majority() };
        self.0.define(create, &[NAMESPACE_EXISTS]).await.map(drop)
    }

    /// Drops an index, unless it does not exist.
    pub(crate) async fn drop_index(&mut self, collection: &str, index: &str) -> Result<(), StoreError> {
        let drop = doc! { "dropIndexes": collection, "index": index, "writeConcern": majority() };
        self.0.define(drop, &[NAMESPACE_NOT_FOUND, INDEX_NOT_FOUND]).await.map(|_| ())
    }

    /// Drops a collection with all its documents, unless it does not exist.
    pub(crate) async fn drop_collection(&mut self, collection: &str) -> Result<(), StoreError> {
        let drop = doc! { "drop": collection, "writeConcern": majority() };
        self.0.define(drop, &[NAMESPACE_NOT_FOUND]).await.map(|_| ())
    }
}

#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) name: &'static str,
    /// The condition that every document meets.
    pub(crate) validator: Option<fn() -> Document>,
    pub(crate) indexes: &'static [Index],
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Index {
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static str],
    pub(crate) unique: bool,
    /// The condition on the documents in the index, if it does not hold all.
    pub(crate) only: Option<fn() -> Document>,
}

pub(crate) const fn collection(name: &'static str, indexes: &'static [Index]) -> Collection {
    Collection { name, validator: None, indexes }
}

pub(crate) const fn index(name: &'static str, keys: &'static [&'static str]) -> Index {
    Index { name, keys, unique: false, only: None }
}

pub(crate) const fn unique(name: &'static str, keys: &'static [&'static str]) -> Index {
    Index { unique: true, ..index(name, keys) }
}

/// An index of the documents that meet this condition.
pub(crate) const fn partial(name: &'static str, keys: &'static [&'static str], only: fn() -> Document) -> Index {
    Index { only: Some(only), ..index(name, keys) }
}

const NAMESPACE_EXISTS: i32 = 48;
const NAMESPACE_NOT_FOUND: i32 = 26;
const INDEX_NOT_FOUND: i32 = 27;

/// Creates the collections and indexes that are missing.
async fn make(executor: &mut Executor, collections: &[Collection]) -> Result<(), StoreError> {
    for collection in collections {
        let (name, validator) = (collection.name, collection.validator.map_or_else(Document::new, |make| make()));
        // The first index creates a collection without a validator.
        if !validator.is_empty() || collection.indexes.is_empty() {
            let create = doc! { "create": name, "validator": &validator, "writeConcern": majority() };
            let is_new = executor.define(create, &[NAMESPACE_EXISTS]).await?;
            // A user with the role `readWrite` may not change a validator, so it is asked only if there is one.
            if !is_new && !validator.is_empty() {
                let change = doc! { "collMod": name, "validator": validator, "writeConcern": majority() };
                executor.define(change, &[]).await?;
            }
        }
        if !collection.indexes.is_empty() {
            let indexes: Vec<Document> = collection.indexes.iter().map(Index::document).collect();
            let create = doc! { "createIndexes": name, "indexes": indexes, "writeConcern": majority() };
            executor.define(create, &[]).await?;
        }
    }
    Ok(())
}

/// Drops the collections with all their documents.
async fn remove(executor: &mut Executor, collections: &[Collection]) -> Result<(), StoreError> {
    let mut schema = MongoSchema(executor);
    for collection in collections.iter().rev() {
        schema.drop_collection(collection.name).await?;
    }
    Ok(())
}

impl Index {
    fn document(&self) -> Document {
        let keys: Document = self.keys.iter().map(|key| ((*key).to_owned(), 1_i32.into())).collect();
        let mut index = doc! { "name": self.name, "key": keys, "unique": self.unique };
        if let Some(only) = self.only {
            index.insert("partialFilterExpression", only());
        }
        index
    }
}

fn majority() -> Document {
    doc! { "w": "majority" }
}

/// Every collection of every set.
#[cfg(test)]
fn collections() -> Vec<&'static Collection> {
    let of_step = |step: &'static skep_application::operations::MigrationStep<MongoStep>| match step.work.0 {
        Work::Collections(collections) | Work::Change { indexes: collections, .. } => collections,
        Work::Code { .. } => &[],
    };
    SETS.iter().flat_map(|set| set.steps).flat_map(of_step).collect()
}

/// Whether the collection has an index with this name that starts with these fields.
#[cfg(test)]
pub(crate) fn has_index(collection: &str, name: &str, fields: &[&str]) -> bool {
    let collections = collections().into_iter().filter(|found| found.name == collection);
    collections.flat_map(|found| found.indexes).any(|index| index.name == name && index.keys.starts_with(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_collection_says_what_an_erasure_and_an_export_do_with_it() {
        let declared: BTreeSet<_> = skep_application::erasures().map(|(table, _)| table).collect();
        for collection in collections() {
            assert!(declared.contains(collection.name), "{} is not in `erasures`", collection.name);
        }
    }

    /// Every uniqueness rule has an index, or is the primary key of a collection. Order lines are part of their order, and
    /// a position is part of its event.
    #[test]
    fn every_constraint_has_its_index() {
        let collections = collections();
        for rule in skep_application::constraints() {
            let mut indexes = collections.iter().flat_map(|found| found.indexes);
            let has_index = indexes.any(|index| index.unique && index.name == rule.name());
            let is_kept = match rule.name() {
                "order_lines_pkey" | "event_positions_event_id_key" => true,
                name => {
                    name.strip_suffix("_pkey").is_some_and(|name| collections.iter().any(|found| found.name == name))
                }
            };
            assert!(has_index || is_kept, "{}", rule.name());
        }
    }
}
