//! The postings of `SearchRepository` and `SearchQueries`.

use crate::{
    check::{Checked, duplicate, equal},
    clause::{self, clauses},
    units::commit,
    world,
};
use skep_application::search::{SearchStore, constraints::POSTING};
use skep_domain::{
    search::{Posting, SearchDocument, SearchField, SearchKind, Space, TermRange},
    shared::UserId,
};
use uuid::Uuid;

clauses! { clauses of "search_postings" on dyn SearchStore:
    postings_are_read_as_written,
    postings_are_stored_and_deleted_with_their_unit ["SearchRepository 1"],
    a_document_without_postings_can_be_deleted ["SearchRepository 2"],
    a_document_has_a_term_once,
    terms_are_compared_byte_by_byte ["SearchQueries 1"],
    postings_come_in_descending_order_up_to_a_limit ["SearchQueries 2"],
    postings_of_documents_are_those_with_the_terms,
    terms_of_documents_are_counted ["SearchQueries 3"],
    a_document_may_have_many_terms,
}

type Given = clause::Given<dyn SearchStore>;

const KIND: SearchKind = SearchKind::new("suite_thing");

fn document(text: &str) -> SearchDocument {
    let fields = vec![SearchField { name: "text", weight: 3, text: text.to_owned() }];
    SearchDocument { kind: KIND, id: world::uuid(), owner: None, fields, facets: vec![] }
}

fn range(first: &str, last: &str) -> TermRange {
    TermRange { first: first.to_owned(), last: last.to_owned() }
}

fn everything() -> TermRange {
    range("", "\u{10FFFF}")
}

async fn store(given: &Given, documents: &[SearchDocument]) -> Checked<Vec<Posting>> {
    let postings: Vec<Posting> = documents.iter().flat_map(SearchDocument::postings).collect();
    commit!(given.store, tx => tx.search().insert_postings(&postings).await?)?;
    Ok(postings)
}

fn descending(mut postings: Vec<Posting>) -> Vec<Posting> {
    postings.sort_by(|one, other| (&other.term, other.id).cmp(&(&one.term, one.id)));
    postings
}

async fn postings_are_read_as_written(given: &Given) -> Checked {
    let owner = UserId::new(world::uuid());
    let owned = SearchDocument { owner: Some(owner), ..document("Honey, honey 蜂蜜 мёд עברית 5") };
    let postings = store(given, &[owned]).await?;
    for space in [Space::all(KIND), Space::owned(KIND, owner)] {
        let expected = postings.iter().filter(|posting| posting.space == space).cloned().collect();
        equal(given.store.list_postings(&space, &everything(), 100).await?, descending(expected))?;
    }
    let stranger = Space::owned(KIND, UserId::new(world::uuid()));
    equal(given.store.list_postings(&stranger, &everything(), 100).await?, vec![])?;
    equal(given.store.count_postings(&stranger, &everything(), 100).await?, 0)
}

async fn postings_are_stored_and_deleted_with_their_unit(given: &Given) -> Checked {
    let (space, kept) = (Space::all(KIND), document("kept"));
    let stored = store(given, std::slice::from_ref(&kept)).await?;
    let mut tx = crate::units::write(&*given.store).await?;
    tx.search().insert_postings(&document("dropped").postings()).await?;
    tx.search().delete_postings(&[kept.id]).await?;
    equal(given.store.list_postings(&space, &everything(), 100).await?, stored.clone())?;
    drop(tx);
    equal(given.store.list_postings(&space, &everything(), 100).await?, stored)?;
    let changed = SearchDocument { id: kept.id, ..document("kept and changed") }.postings();
    commit!(given.store, tx => {
        tx.search().delete_postings(&[kept.id]).await?;
        tx.search().insert_postings(&changed).await?;
    })?;
    equal(given.store.list_postings(&space, &everything(), 100).await?, descending(changed))
}

async fn a_document_without_postings_can_be_deleted(given: &Given) -> Checked {
    let (one, two, three) = (document("one"), document("two"), document("three"));
    let stored = store(given, &[one.clone(), two.clone(), three]).await?;
    commit!(given.store, tx => tx.search().delete_postings(&[world::uuid()]).await?)?;
    equal(given.store.count_postings(&Space::all(KIND), &everything(), 9).await?, 3)?;
    commit!(given.store, tx => tx.search().delete_postings(&[two.id, one.id, world::uuid()]).await?)?;
    equal(given.store.list_postings(&Space::all(KIND), &everything(), 9).await?, stored[2..].to_vec())
}

async fn a_document_has_a_term_once(given: &Given) -> Checked {
    let postings = store(given, &[document("honey")]).await?;
    let mut tx = crate::units::write(&*given.store).await?;
    duplicate(tx.search().insert_postings(&postings).await, POSTING)
}

async fn terms_are_compared_byte_by_byte(given: &Given) -> Checked {
    let words = "a aa ab b z zz ß é 0 9 蜂 мед \u{10FFFD}x नी が 𝒳 ﬀ";
    store(given, &[document(words)]).await?;
    let space = Space::all(KIND);
    let all = given.store.list_postings(&space, &everything(), 100).await?;
    let terms: Vec<String> = all.into_iter().map(|posting| posting.term).collect();
    let mut sorted = terms.clone();
    sorted.sort_by(|one, other| other.as_bytes().cmp(one.as_bytes()));
    equal(&terms, &sorted)?;
    for first in &terms {
        for last in [first.clone(), format!("{first}\u{10FFFF}"), "мед".to_owned()] {
            let expected: Vec<_> = terms.iter().filter(|term| *first <= **term && **term <= last).cloned().collect();
            let found = given.store.list_postings(&space, &range(first, &last), 100).await?;
            equal(found.into_iter().map(|posting| posting.term).collect::<Vec<_>>(), expected)?;
        }
    }
    Ok(())
}

async fn postings_come_in_descending_order_up_to_a_limit(given: &Given) -> Checked {
    let edges = [Uuid::nil(), Uuid::max(), Uuid::from_u128(1 << 127), Uuid::from_u128((1 << 127) - 1)];
    let mut documents: Vec<_> = edges.map(|id| SearchDocument { id, ..document("honey bee") }).to_vec();
    documents.extend([document("honeydew"), document("hone"), document("honey")]);
    let stored = descending(store(given, &documents).await?);
    let (space, honey) = (Space::all(KIND), range("honey", "honey\u{10FFFF}"));
    let of_honey: Vec<_> = stored.into_iter().filter(|posting| posting.term.starts_with("honey")).collect();
    equal(of_honey.len(), 6)?;
    for limit in 1..=7_u32 {
        let (most, count) = (of_honey.len().min(limit as usize), u64::from(limit.min(6)));
        equal(given.store.list_postings(&space, &honey, limit).await?, of_honey[..most].to_vec())?;
        equal(given.store.count_postings(&space, &honey, limit).await?, count)?;
    }
    equal(given.store.count_postings(&space, &range("honey", "honey"), 100).await?, 5)
}

async fn postings_of_documents_are_those_with_the_terms(given: &Given) -> Checked {
    let owner = UserId::new(world::uuid());
    let documents: Vec<_> = ["wild bee", "bee honey", "honey", "bees"]
        .map(|text| SearchDocument { owner: Some(owner), ..document(text) })
        .to_vec();
    let stored = store(given, &documents).await?;
    let ids = [documents[0].id, documents[2].id, documents[3].id, world::uuid()];
    for (asked, count) in [(range("bee", "bee"), 1), (range("bee", "bee\u{10FFFF}"), 2), (range("x", "y"), 0)] {
        for space in [Space::all(KIND), Space::owned(KIND, owner)] {
            let expected: Vec<_> = stored
                .iter()
                .filter(|one| one.space == space && ids.contains(&one.id) && asked.has(&one.term))
                .cloned()
                .collect();
            equal(expected.len(), count)?;
            let found = given.store.list_postings_of(&space, &asked, &ids, 100).await?;
            equal(descending(found), descending(expected))?;
        }
    }
    let mut all: Vec<_> =
        stored.into_iter().filter(|one| one.space == Space::all(KIND) && ids.contains(&one.id)).collect();
    all.sort_by(|one, other| (other.id, &other.term).cmp(&(one.id, &one.term)));
    for limit in 1..=all.len() + 1 {
        let most = u32::try_from(limit)?;
        let found = given.store.list_postings_of(&Space::all(KIND), &everything(), &ids, most).await?;
        equal(found, all[..limit.min(all.len())].to_vec())?;
    }
    equal(given.store.list_postings_of(&Space::all(KIND), &everything(), &[], 9).await?, vec![])
}

async fn terms_of_documents_are_counted(given: &Given) -> Checked {
    let owner = UserId::new(world::uuid());
    let documents: Vec<_> = ["a b é", "b c é", "c é", "b", "a b c"]
        .map(|text| SearchDocument { owner: Some(owner), ..document(text) })
        .to_vec();
    store(given, &documents).await?;
    let ids: Vec<_> = documents[..4].iter().map(|document| document.id).chain([world::uuid()]).collect();
    let expected = [("b", 3), ("e", 3), ("c", 2), ("a", 1)].map(|(term, count)| (term.to_owned(), count));
    for space in [Space::all(KIND), Space::owned(KIND, owner)] {
        for limit in 0..=5_u32 {
            let found = given.store.count_terms_of(&space, &everything(), &ids, limit).await?;
            equal(found, expected[..expected.len().min(limit as usize)].to_vec())?;
        }
        let found = given.store.count_terms_of(&space, &range("b", "c"), &ids, 9).await?;
        equal(found, vec![expected[0].clone(), expected[2].clone()])?;
    }
    equal(given.store.count_terms_of(&Space::all(KIND), &everything(), &[], 9).await?, vec![])
}

/// More than one command of any store.
async fn a_document_may_have_many_terms(given: &Given) -> Checked {
    let words: Vec<String> = (0..1_000).map(|n| format!("w{n:04}")).collect();
    let documents: Vec<_> = (0..11).map(|_| document(&words.join(" "))).collect();
    store(given, &documents).await?;
    equal(given.store.count_postings(&Space::all(KIND), &everything(), 20_000).await?, 11_000)?;
    let ids: Vec<_> = documents.iter().map(|document| document.id).collect();
    let last = given.store.list_postings_of(&Space::all(KIND), &range("w0999", "w0999"), &ids, 100).await?;
    equal(last.len(), 11)?;
    commit!(given.store, tx => tx.search().delete_postings(&ids).await?)?;
    equal(given.store.count_postings(&Space::all(KIND), &everything(), 20_000).await?, 0)
}
