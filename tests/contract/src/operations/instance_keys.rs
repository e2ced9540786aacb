//! `InstanceKeys`.

use crate::{
    check::{Checked, duplicate, equal, holds},
    clause::{self, clauses},
    harness::Subject,
    sample, world,
};
use skep_application::{
    kernel::StoreError,
    operations::{InstanceKeys, KeyPurpose, KeyState, SealedKey, constraints::INSTANCE_KEY_ID},
};
use skep_domain::shared::Timestamp;
use std::{future::Future, sync::Arc};

clauses! { clauses of "instance_keys" on dyn InstanceKeys:
    values_survive_oldest_first,
    one_key_of_a_purpose_is_kept ["InstanceKeys 1"],
    a_purpose_has_one_next_key_and_any_number_of_retired_ones ["InstanceKeys 1"],
    an_id_is_taken_once,
    of_eight_instances_that_start_at_once_one_keeps_its_key ["InstanceKeys 1"],
    a_next_key_replaces_the_active_one ["InstanceKeys 2"],
    a_key_that_is_not_next_is_not_activated ["InstanceKeys 2"],
    without_an_active_key_no_key_is_activated ["InstanceKeys 2"],
    of_eight_instances_that_activate_a_key_at_once_one_succeeds ["InstanceKeys 2"],
    content_is_replaced_only_if_it_is_as_it_was_read ["InstanceKeys 3"],
    only_expired_keys_are_deleted ["InstanceKeys 4"],
}

type Given = clause::Given<dyn InstanceKeys>;

fn key(purpose: KeyPurpose, state: KeyState) -> SealedKey {
    let sealed = world::uuid().as_bytes().repeat(4);
    SealedKey { id: world::uuid().to_string(), purpose, state, sealed, created_at: sample::at(0) }
}

/// Stores an active key, and a next key that is a millisecond younger.
async fn active_and_next(given: &Given, purpose: KeyPurpose) -> Checked<(SealedKey, SealedKey)> {
    let active = key(purpose, KeyState::Active);
    let next = SealedKey { created_at: sample::at(1), ..key(purpose, KeyState::Next) };
    for key in [&active, &next] {
        equal(given.store.insert_key(key).await?, true)?;
    }
    Ok((active, next))
}

async fn values_survive_oldest_first(given: &Given) -> Checked {
    let every_byte: Vec<u8> = (0..=255).collect();
    let retired = |expires_at| KeyState::Retired { expires_at };
    let keys = [
        SealedKey { created_at: Timestamp::MAX, sealed: vec![], ..key(KeyPurpose::AccessTokens, KeyState::Active) },
        SealedKey { created_at: sample::at(3), ..key(KeyPurpose::AccessTokens, KeyState::Next) },
        SealedKey { created_at: sample::at(2), ..key(KeyPurpose::AccessTokens, retired(Timestamp::MAX)) },
        SealedKey { created_at: sample::at(1), sealed: every_byte, ..key(KeyPurpose::Cursors, KeyState::Active) },
        SealedKey { created_at: sample::at(0), ..key(KeyPurpose::Cursors, retired(Timestamp::MIN)) },
        SealedKey { created_at: Timestamp::MIN, id: "k".repeat(64), ..key(KeyPurpose::Fingerprints, KeyState::Active) },
    ];
    equal(given.store.list_keys().await?, vec![])?;
    for key in &keys {
        equal(given.store.insert_key(key).await?, true)?;
    }
    let expected: Vec<_> = keys.into_iter().rev().collect();
    equal(given.store.list_keys().await?, expected.clone())?;
    equal(given.second().await?.list_keys().await?, expected)
}

async fn one_key_of_a_purpose_is_kept(given: &Given) -> Checked {
    let first = key(KeyPurpose::Cursors, KeyState::Active);
    equal(given.store.insert_key(&first).await?, true)?;
    equal(given.store.insert_key(&key(KeyPurpose::Cursors, KeyState::Active)).await?, false)?;
    equal(given.store.insert_key(&first).await?, false)?;
    equal(given.store.list_keys().await?, vec![first])
}

async fn a_purpose_has_one_next_key_and_any_number_of_retired_ones(given: &Given) -> Checked {
    let (active, next) = active_and_next(given, KeyPurpose::Cursors).await?;
    equal(given.store.insert_key(&key(KeyPurpose::Cursors, KeyState::Next)).await?, false)?;
    let mut expected = vec![active, next];
    for at in 2..4 {
        let retired = key(KeyPurpose::Cursors, KeyState::Retired { expires_at: sample::at(9) });
        let retired = SealedKey { created_at: sample::at(at), ..retired };
        equal(given.store.insert_key(&retired).await?, true)?;
        expected.push(retired);
    }
    let other = SealedKey { created_at: sample::at(4), ..key(KeyPurpose::Fingerprints, KeyState::Next) };
    equal(given.store.insert_key(&other).await?, true)?;
    expected.push(other);
    equal(given.store.list_keys().await?, expected)
}

async fn an_id_is_taken_once(given: &Given) -> Checked {
    let first = key(KeyPurpose::Cursors, KeyState::Active);
    given.store.insert_key(&first).await?;
    let retired = KeyState::Retired { expires_at: sample::at(9) };
    let others = [(KeyPurpose::Fingerprints, KeyState::Active), (KeyPurpose::Cursors, KeyState::Next)];
    for (purpose, state) in others.into_iter().chain([(KeyPurpose::Cursors, retired)]) {
        let again = SealedKey { id: first.id.clone(), ..key(purpose, state) };
        duplicate(given.store.insert_key(&again).await, INSTANCE_KEY_ID)?;
    }
    equal(given.store.list_keys().await?, vec![first])
}

pub(super) async fn eight_instances<S: Subject + ?Sized>(given: &clause::Given<S>) -> Checked<Vec<Arc<S>>> {
    let mut instances = Vec::new();
    for _ in 0..8 {
        instances.push(given.second().await?);
    }
    Ok(instances)
}

/// Starts the work of all instances at the same time, and returns what each has returned.
pub(super) async fn at_once<S: Subject + ?Sized, T: Send + 'static, Work>(
    instances: &[Arc<S>],
    mut work: impl FnMut(Arc<S>) -> Work,
) -> Checked<Vec<T>>
where
    Work: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(instances.len()));
    let mut tasks = Vec::new();
    for instance in instances {
        let (start, work) = (start.clone(), work(instance.clone()));
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            work.await
        }));
    }
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await?);
    }
    Ok(done)
}

async fn of_eight_instances_that_start_at_once_one_keeps_its_key(given: &Given) -> Checked {
    let instances = eight_instances(given).await?;
    for purpose in KeyPurpose::ALL {
        let inserted = at_once(&instances, |instance| {
            let key = key(*purpose, KeyState::Active);
            async move { instance.insert_key(&key).await.map(|kept| (key, kept)) }
        });
        let mut kept = Vec::new();
        for inserted in inserted.await? {
            let (key, was_kept) = inserted?;
            kept.extend(was_kept.then_some(key));
        }
        let stored = given.store.list_keys().await?;
        equal(stored.into_iter().filter(|key| key.purpose == *purpose).collect::<Vec<_>>(), kept.clone())?;
        equal(kept.len(), 1)?;
    }
    Ok(())
}

async fn a_next_key_replaces_the_active_one(given: &Given) -> Checked {
    let (cursors, next_cursors) = active_and_next(given, KeyPurpose::Cursors).await?;
    let (tokens, next_tokens) = active_and_next(given, KeyPurpose::AccessTokens).await?;
    for (id, expires_at) in [(&next_tokens.id, sample::at(7)), (&next_cursors.id, Timestamp::MAX)] {
        equal(given.store.activate_key(id, expires_at).await?, true)?;
    }
    let mut expected = [
        SealedKey { state: KeyState::Retired { expires_at: Timestamp::MAX }, ..cursors },
        SealedKey { state: KeyState::Retired { expires_at: sample::at(7) }, ..tokens },
        SealedKey { state: KeyState::Active, ..next_cursors },
        SealedKey { state: KeyState::Active, ..next_tokens },
    ];
    let by_age = |key: &SealedKey| (key.created_at, key.id.clone());
    expected.sort_by_key(by_age);
    let mut found = given.second().await?.list_keys().await?;
    found.sort_by_key(by_age);
    equal(found, expected.to_vec())?;
    // The place of the next key is free again.
    equal(given.store.insert_key(&key(KeyPurpose::Cursors, KeyState::Next)).await?, true)
}

async fn a_key_that_is_not_next_is_not_activated(given: &Given) -> Checked {
    let (active, next) = active_and_next(given, KeyPurpose::Cursors).await?;
    let retired = SealedKey {
        created_at: sample::at(2),
        ..key(KeyPurpose::Cursors, KeyState::Retired { expires_at: sample::at(9) })
    };
    given.store.insert_key(&retired).await?;
    for id in [active.id.as_str(), retired.id.as_str(), "no key", ""] {
        equal(given.store.activate_key(id, sample::at(8)).await?, false)?;
    }
    equal(given.store.list_keys().await?, vec![active, next, retired])
}

async fn without_an_active_key_no_key_is_activated(given: &Given) -> Checked {
    let next = key(KeyPurpose::Cursors, KeyState::Next);
    let other = SealedKey { created_at: sample::at(1), ..key(KeyPurpose::AccessTokens, KeyState::Active) };
    for key in [&next, &other] {
        equal(given.store.insert_key(key).await?, true)?;
    }
    equal(given.store.activate_key(&next.id, sample::at(8)).await?, false)?;
    equal(given.store.list_keys().await?, vec![next, other])
}

async fn of_eight_instances_that_activate_a_key_at_once_one_succeeds(given: &Given) -> Checked {
    let (active, next) = active_and_next(given, KeyPurpose::AccessTokens).await?;
    let instances = eight_instances(given).await?;
    let activated = at_once(&instances, |instance| {
        let id = next.id.clone();
        async move { instance.activate_key(&id, sample::at(8)).await }
    });
    let mut successes = 0;
    for activated in activated.await? {
        match activated {
            Ok(true) => successes += 1,
            Ok(false) | Err(StoreError::Retry(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    holds(successes <= 1, format!("{successes} instances have activated the key"))?;
    // Even if all were aborted, one of them can repeat it.
    equal(given.store.activate_key(&next.id, sample::at(8)).await?, successes == 0)?;
    let retired = SealedKey { state: KeyState::Retired { expires_at: sample::at(8) }, ..active };
    equal(given.store.list_keys().await?, vec![retired, SealedKey { state: KeyState::Active, ..next }])
}

async fn content_is_replaced_only_if_it_is_as_it_was_read(given: &Given) -> Checked {
    let (active, next) = active_and_next(given, KeyPurpose::Cursors).await?;
    let (first, second): (&[u8], &[u8]) = (&[], &[0, 0xff]);
    equal(given.store.reseal_key(&active.id, &active.sealed, first).await?, true)?;
    equal(given.second().await?.reseal_key(&active.id, first, second).await?, true)?;
    equal(given.store.reseal_key(&active.id, &active.sealed, first).await?, false)?;
    equal(given.store.reseal_key(&active.id, &next.sealed, first).await?, false)?;
    equal(given.store.reseal_key("no key", &active.sealed, first).await?, false)?;
    let resealed = SealedKey { sealed: second.to_vec(), ..active };
    equal(given.second().await?.list_keys().await?, vec![resealed, next])
}

async fn only_expired_keys_are_deleted(given: &Given) -> Checked {
    let (active, next) = active_and_next(given, KeyPurpose::Cursors).await?;
    let retired = |at: i64| SealedKey {
        created_at: sample::at(at),
        ..key(KeyPurpose::Cursors, KeyState::Retired { expires_at: sample::at(at) })
    };
    let (expired, expiring, later) = (retired(4), retired(5), retired(6));
    for key in [&expired, &expiring, &later] {
        given.store.insert_key(key).await?;
    }
    equal(given.store.delete_expired_keys(sample::at(3)).await?, 0)?;
    equal(given.store.delete_expired_keys(sample::at(5)).await?, 2)?;
    equal(given.store.list_keys().await?, vec![active.clone(), next.clone(), later])?;
    equal(given.store.delete_expired_keys(Timestamp::MAX).await?, 1)?;
    equal(given.second().await?.list_keys().await?, vec![active, next])
}
