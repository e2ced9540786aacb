//! The words of documents, clustered by the keys by which mistyped ones find them.

use crate::{Kind, Row, Statement, declared::Declared, shape::Verb, stored::Stored, table::Table};
use skep_application::{kernel::StoreError, search::constraints};
use skep_domain::search::DictionaryEntry;
use std::sync::LazyLock;

pub(super) static WORDS: LazyLock<Table<DictionaryEntry>> = LazyLock::new(|| {
    Table::<DictionaryEntry>::new("search_words", "search.word", constraints::DICTIONARY)
        .key("key", Kind::Uuid, |entry| entry.key.into())
        .key("word", Kind::Text, |entry| entry.word.as_str().into())
        .offers(&[Verb::InsertMany])
});

pub(super) static FIND: LazyLock<Statement> =
    LazyLock::new(|| WORDS.query("find_many", "SELECT {*} FROM {search_words by key in $1}", &[Kind::Uuids], &[]));
pub(super) static LIST: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM {search_words by key in $1} ORDER BY key, word LIMIT $2";
    WORDS.query("list", text, &[Kind::Uuids, Kind::Int], &[]).long()
});

pub(super) fn declared() -> Declared {
    Declared::table(&WORDS).statements([&*FIND, &*LIST])
}

impl Stored for DictionaryEntry {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { key: row.uuid()?, word: row.text()? })
    }
}
