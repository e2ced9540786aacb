//! The index.

use super::{Done, FlawedUnit};
use async_trait::async_trait;
use skep_application::search::SearchRepository;
use skep_domain::{
    search::{DictionaryEntry, Posting, SearchBuild, SearchKind},
    shared::Version,
};
use uuid::Uuid;

#[async_trait]
impl SearchRepository for FlawedUnit {
    async fn insert_postings(&mut self, postings: &[Posting]) -> Done<()> {
        through!(self, SearchRepository::insert_postings(postings))
    }
    async fn delete_postings(&mut self, ids: &[Uuid]) -> Done<()> {
        through!(self, SearchRepository::delete_postings(ids))
    }
    async fn find_words(&mut self, keys: &[Uuid]) -> Done<Vec<DictionaryEntry>> {
        through!(self, SearchRepository::find_words(keys))
    }
    async fn insert_words(&mut self, entries: &[DictionaryEntry]) -> Done<()> {
        through!(self, SearchRepository::insert_words(entries))
    }
    async fn find_build(&mut self, kind: SearchKind) -> Done<Option<SearchBuild>> {
        through!(self, SearchRepository::find_build(kind))
    }
    async fn insert_build(&mut self, build: &SearchBuild) -> Done<()> {
        through!(self, SearchRepository::insert_build(build))
    }
    async fn save_build(&mut self, build: &SearchBuild) -> Done<Version> {
        through!(self, SearchRepository::save_build(build))
    }
}
