//! The index.

use super::{Done, FlawedUnit};
use async_trait::async_trait;
use skep_application::search::SearchRepository;
use skep_domain::{
    search::{Posting, SearchBuild, SearchKind},
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
