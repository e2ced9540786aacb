//! The index of documents, and how far it is built.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules};
use async_trait::async_trait;
use skep_application::{
    kernel::StoreError,
    search::{
        SearchQueries, SearchRepository,
        constraints::{BUILD_ID, BUILD_KIND, DICTIONARY, POSTING},
    },
};
use skep_domain::{
    search::{DictionaryEntry, Posting, SearchBuild, SearchBuildId, SearchKind, Space, TermRange},
    shared::Version,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};
use uuid::Uuid;

impl Row for SearchBuild {
    type Key = SearchBuildId;
    const RULES: Rules<Self> = Rules {
        unique: &[(BUILD_KIND, |one, other| one.kind == other.kind)],
        ..Rules::of(BUILD_ID, |build| build.id, |build| &mut build.version)
    };
}

/// The terms of documents, by space, term and document.
pub(crate) type Postings = BTreeMap<(Space, String, Uuid), Posting>;

/// The words of documents, by their keys.
pub(crate) type Words = BTreeSet<DictionaryEntry>;

/// The entries with these keys, in their order.
fn words(words: &Words, keys: &[Uuid]) -> Vec<DictionaryEntry> {
    let from = |key: Uuid| DictionaryEntry { key, word: String::new() };
    let keys: BTreeSet<_> = keys.iter().copied().collect();
    let of = |key: Uuid| words.range(from(key)..).take_while(move |entry| entry.key == key);
    keys.into_iter().flat_map(of).cloned().collect()
}

/// The postings with these terms, in descending order.
fn within<'a>(postings: &'a Postings, space: &Space, range: &TermRange) -> impl Iterator<Item = &'a Posting> {
    let first = (space.clone(), range.first.clone(), Uuid::nil());
    let last = (space.clone(), range.last.clone(), Uuid::max());
    // A map panics if the ends are in the wrong order.
    let found = (first <= last).then(|| postings.range(first..=last));
    found.into_iter().flatten().rev().map(|(_, posting)| posting)
}

#[async_trait]
impl SearchRepository for MemoryUnit {
    async fn insert_postings(&mut self, postings: &[Posting]) -> Done<()> {
        self.run(|state| {
            for posting in postings {
                let key = (posting.space.clone(), posting.term.clone(), posting.id);
                if state.postings.insert(key, posting.clone()).is_some() {
                    return Err(StoreError::Duplicate { constraint: POSTING });
                }
            }
            Ok(())
        })
        .await
    }
    async fn delete_postings(&mut self, ids: &[Uuid]) -> Done<()> {
        self.run(|state| {
            if state.postings.keys().any(|(_, _, id)| ids.contains(id)) {
                state.postings.retain(|(_, _, id), _| !ids.contains(id));
            }
            Ok(())
        })
        .await
    }
    async fn find_words(&mut self, keys: &[Uuid]) -> Done<Vec<DictionaryEntry>> {
        self.run(|state| Ok(words(&state.words, keys))).await
    }
    async fn insert_words(&mut self, entries: &[DictionaryEntry]) -> Done<()> {
        self.run(|state| {
            let is_new = entries.iter().all(|entry| state.words.insert(entry.clone()));
            if is_new { Ok(()) } else { Err(StoreError::Duplicate { constraint: DICTIONARY }) }
        })
        .await
    }
    async fn find_build(&mut self, kind: SearchKind) -> Done<Option<SearchBuild>> {
        self.run(|state| Ok(state.builds.rows().find(|build| build.kind == kind.name()).cloned())).await
    }
    async fn insert_build(&mut self, build: &SearchBuild) -> Done<()> {
        self.run(|state| state.builds.insert(build)).await
    }
    async fn save_build(&mut self, build: &SearchBuild) -> Done<Version> {
        self.run(|state| state.builds.save(build)).await
    }
}

#[async_trait]
impl SearchQueries for MemoryStore {
    async fn count_postings(&self, space: &Space, range: &TermRange, most: u32) -> Done<u64> {
        let count = within(&self.state().postings, space, range).take(most as usize).count();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }
    async fn list_postings(&self, space: &Space, range: &TermRange, limit: u32) -> Done<Vec<Posting>> {
        Ok(within(&self.state().postings, space, range).take(limit as usize).cloned().collect())
    }
    async fn list_postings_of(&self, space: &Space, range: &TermRange, ids: &[Uuid], limit: u32) -> Done<Vec<Posting>> {
        let state = self.state();
        let of = |posting: &&Posting| ids.contains(&posting.id);
        let mut found: Vec<_> = within(&state.postings, space, range).filter(of).cloned().collect();
        found.sort_by(|one, other| (other.id, &other.term).cmp(&(one.id, &one.term)));
        found.truncate(limit as usize);
        Ok(found)
    }
    async fn count_terms_of(
        &self,
        space: &Space,
        range: &TermRange,
        ids: &[Uuid],
        limit: u32,
    ) -> Done<Vec<(String, u64)>> {
        let (state, mut counts) = (self.state(), BTreeMap::<String, u64>::new());
        for posting in within(&state.postings, space, range).filter(|posting| ids.contains(&posting.id)) {
            *counts.entry(posting.term.clone()).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| Reverse(*count));
        counts.truncate(limit as usize);
        Ok(counts)
    }
    async fn list_words(&self, keys: &[Uuid], limit: u32) -> Done<Vec<DictionaryEntry>> {
        let mut found = words(&self.state().words, keys);
        found.truncate(limit as usize);
        Ok(found)
    }
    async fn find_build(&self, kind: SearchKind) -> Done<Option<SearchBuild>> {
        Ok(self.state().builds.rows().find(|build| build.kind == kind.name()).cloned())
    }
}
