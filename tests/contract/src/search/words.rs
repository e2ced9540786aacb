//! The dictionary of `SearchRepository` and `SearchQueries`.

use crate::{
    check::{Checked, duplicate, equal},
    clause::{self, clauses},
    units::{commit, look},
    world,
};
use skep_application::search::{SearchStore, constraints::DICTIONARY};
use skep_domain::search::DictionaryEntry;
use uuid::Uuid;

clauses! { clauses of "search_words" on dyn SearchStore:
    words_are_stored_with_their_unit ["SearchRepository 3"],
    a_word_is_under_a_key_once,
    words_come_by_key_and_word_up_to_a_limit ["SearchQueries 4"],
}

type Given = clause::Given<dyn SearchStore>;

fn entry(key: Uuid, word: &str) -> DictionaryEntry {
    DictionaryEntry { key, word: word.to_owned() }
}

async fn words_are_stored_with_their_unit(given: &Given) -> Checked {
    let (kept, dropped) = (entry(world::uuid(), "мёд"), entry(world::uuid(), "蜂蜜"));
    let keys = [kept.key, dropped.key, world::uuid()];
    commit!(given.store, tx => tx.search().insert_words(std::slice::from_ref(&kept)).await?)?;
    let mut tx = crate::units::write(&*given.store).await?;
    tx.search().insert_words(std::slice::from_ref(&dropped)).await?;
    let mut found = tx.search().find_words(&keys).await?;
    found.sort();
    let mut both = vec![kept.clone(), dropped];
    both.sort();
    equal(found, both)?;
    equal(given.store.list_words(&keys, 9).await?, vec![kept.clone()])?;
    drop(tx);
    equal(look!(given.store, tx => tx.search().find_words(&keys).await?)?, vec![kept])?;
    equal(look!(given.store, tx => tx.search().find_words(&[]).await?)?, vec![])
}

async fn a_word_is_under_a_key_once(given: &Given) -> Checked {
    let one = entry(world::uuid(), "honey");
    let others = [entry(one.key, "hone"), entry(world::uuid(), "honey")];
    commit!(given.store, tx => tx.search().insert_words(std::slice::from_ref(&one)).await?)?;
    commit!(given.store, tx => tx.search().insert_words(&others).await?)?;
    let mut tx = crate::units::write(&*given.store).await?;
    duplicate(tx.search().insert_words(&[one]).await, DICTIONARY)
}

async fn words_come_by_key_and_word_up_to_a_limit(given: &Given) -> Checked {
    let keys = [Uuid::nil(), Uuid::max(), Uuid::from_u128(1 << 127), Uuid::from_u128((1 << 127) - 1)];
    let words = ["honey", "Honey", "hone", "é", "蜂蜜", "мед", "\u{10FFFD}"];
    let mut entries: Vec<_> = keys.iter().flat_map(|key| words.map(|word| entry(*key, word))).collect();
    commit!(given.store, tx => tx.search().insert_words(&entries).await?)?;
    entries.sort();
    let asked = [keys[1], keys[3], keys[0]];
    let expected: Vec<_> = entries.into_iter().filter(|entry| asked.contains(&entry.key)).collect();
    for limit in [0, 1, 6, 7, 8, 15, 21, 22_u32] {
        let most = expected.len().min(limit as usize);
        equal(given.store.list_words(&asked, limit).await?, expected[..most].to_vec())?;
    }
    equal(given.store.list_words(&[], 9).await?, vec![])
}
