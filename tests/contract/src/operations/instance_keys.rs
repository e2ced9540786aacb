//! `InstanceKeys`.

use crate::{
    check::{Checked, duplicate, equal},
    clause::{self, clauses},
    sample, world,
};
use skep_application::operations::{InstanceKeys, KeyPurpose, SealedKey};
use skep_domain::shared::Timestamp;
use std::sync::Arc;

clauses! { clauses of "instance_keys" on dyn InstanceKeys:
    values_survive_oldest_first,
    one_key_of_a_purpose_is_kept,
    an_id_is_taken_once,
    of_eight_instances_that_start_at_once_one_keeps_its_key,
}

type Given = clause::Given<dyn InstanceKeys>;

fn key(purpose: KeyPurpose) -> SealedKey {
    let sealed = world::uuid().as_bytes().repeat(4);
    SealedKey { id: world::uuid().to_string(), purpose, sealed, created_at: sample::at(0) }
}

async fn values_survive_oldest_first(given: &Given) -> Checked {
    let every_byte: Vec<u8> = (0..=255).collect();
    let keys = [
        SealedKey { created_at: Timestamp::MAX, sealed: vec![], ..key(KeyPurpose::AccessTokens) },
        SealedKey { created_at: sample::at(1), sealed: every_byte, ..key(KeyPurpose::Cursors) },
        SealedKey { created_at: Timestamp::MIN, id: "k".repeat(64), ..key(KeyPurpose::Fingerprints) },
    ];
    equal(given.store.list_keys().await?, vec![])?;
    for key in &keys {
        equal(given.store.insert_first_key(key).await?, true)?;
    }
    let expected: Vec<_> = keys.into_iter().rev().collect();
    equal(given.store.list_keys().await?, expected.clone())?;
    equal(given.second().await?.list_keys().await?, expected)
}

async fn one_key_of_a_purpose_is_kept(given: &Given) -> Checked {
    let first = key(KeyPurpose::Cursors);
    equal(given.store.insert_first_key(&first).await?, true)?;
    equal(given.store.insert_first_key(&key(KeyPurpose::Cursors)).await?, false)?;
    equal(given.store.insert_first_key(&first).await?, false)?;
    equal(given.store.list_keys().await?, vec![first])
}

async fn an_id_is_taken_once(given: &Given) -> Checked {
    let first = key(KeyPurpose::Cursors);
    given.store.insert_first_key(&first).await?;
    let again = SealedKey { id: first.id.clone(), ..key(KeyPurpose::Fingerprints) };
    duplicate(given.store.insert_first_key(&again).await, skep_application::operations::constraints::INSTANCE_KEY_ID)?;
    equal(given.store.list_keys().await?, vec![first])
}

async fn of_eight_instances_that_start_at_once_one_keeps_its_key(given: &Given) -> Checked {
    let mut instances = Vec::new();
    for _ in 0..8 {
        instances.push(given.second().await?);
    }
    for purpose in KeyPurpose::ALL {
        let start = Arc::new(tokio::sync::Barrier::new(8));
        let mut tasks = Vec::new();
        for instance in &instances {
            let (instance, start, key) = (instance.clone(), start.clone(), key(*purpose));
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                instance.insert_first_key(&key).await.map(|kept| (key, kept))
            }));
        }
        let mut kept = Vec::new();
        for task in tasks {
            let (key, was_kept) = task.await??;
            kept.extend(was_kept.then_some(key));
        }
        let stored = given.store.list_keys().await?;
        equal(stored.into_iter().filter(|key| key.purpose == *purpose).collect::<Vec<_>>(), kept.clone())?;
        equal(kept.len(), 1)?;
    }
    Ok(())
}
