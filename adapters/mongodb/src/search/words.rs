//! The words of documents, by the keys by which mistyped ones find them.

use crate::{
    ops::Query,
    record::{self, Record, Stored, Unreadable},
    schema::{Index, unique},
};
use bson::doc;
use serde::{Deserialize, Serialize};
use skep_domain::search::DictionaryEntry;
use uuid::Uuid;

/// Along it, near words are read.
pub(super) const BY_KEY: Index = unique("search_words_pkey", &["key", "word"]);

#[derive(Serialize, Deserialize)]
pub(super) struct WordDoc {
    key: bson::Uuid,
    word: String,
}

impl Record for WordDoc {
    const COLLECTION: &'static str = "search_words";
    type Entity = DictionaryEntry;
    fn read(self) -> Result<DictionaryEntry, Unreadable> {
        Ok(DictionaryEntry { key: self.key.to_uuid_1(), word: self.word })
    }
}

impl Stored for WordDoc {
    fn of(entry: &DictionaryEntry) -> Self {
        Self { key: record::id(entry.key), word: entry.word.clone() }
    }
}

/// The entries with these keys.
pub(super) fn with(keys: &[Uuid]) -> Query {
    Query::of(doc! { "key": { "$in": record::ids(keys.iter().copied()) } }).along(BY_KEY.name)
}
