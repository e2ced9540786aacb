//! `FieldKeys`.

use super::instance_keys::{at_once, eight_instances};
use crate::{
    check::{Checked, duplicate, equal},
    clause::{self, clauses},
    sample, world,
};
use skep_application::operations::{FieldKey, FieldKeys, constraints::FIELD_KEY_ID};
use skep_domain::shared::Timestamp;

clauses! { clauses of "field_keys" on dyn FieldKeys:
    values_survive_by_number,
    a_number_is_taken_once ["FieldKeys 1"],
    an_id_of_a_field_key_is_taken_once,
    of_eight_instances_that_add_a_key_at_once_one_stores_it ["FieldKeys 1"],
    a_key_is_rewrapped_only_if_it_is_as_it_was_read ["FieldKeys 2"],
}

type Given = clause::Given<dyn FieldKeys>;

fn key(number: u32) -> FieldKey {
    let wrapped = world::uuid().as_bytes().repeat(4);
    FieldKey { id: world::uuid().to_string(), number, wrapped, created_at: sample::at(0) }
}

async fn stored(given: &Given, keys: &[FieldKey]) -> Checked {
    for key in keys {
        equal(given.store.insert_field_key(key).await?, true)?;
    }
    Ok(())
}

async fn values_survive_by_number(given: &Given) -> Checked {
    let every_byte: Vec<u8> = (0..=255).collect();
    let keys = [
        FieldKey { created_at: Timestamp::MAX, wrapped: vec![], ..key(1) },
        FieldKey { created_at: Timestamp::MIN, wrapped: every_byte, ..key(2) },
        FieldKey { id: "k".repeat(64), ..key(10) },
        key(u32::MAX),
    ];
    equal(given.store.list_field_keys().await?, vec![])?;
    for at in [2, 0, 3, 1] {
        equal(given.store.insert_field_key(&keys[at]).await?, true)?;
    }
    equal(given.store.list_field_keys().await?, keys.to_vec())?;
    equal(given.second().await?.list_field_keys().await?, keys.to_vec())
}

async fn a_number_is_taken_once(given: &Given) -> Checked {
    let first = key(1);
    stored(given, std::slice::from_ref(&first)).await?;
    equal(given.store.insert_field_key(&key(1)).await?, false)?;
    equal(given.second().await?.insert_field_key(&first).await?, false)?;
    equal(given.store.list_field_keys().await?, vec![first])
}

async fn an_id_of_a_field_key_is_taken_once(given: &Given) -> Checked {
    let first = key(1);
    stored(given, std::slice::from_ref(&first)).await?;
    let again = FieldKey { id: first.id.clone(), ..key(2) };
    duplicate(given.store.insert_field_key(&again).await, FIELD_KEY_ID)?;
    equal(given.store.list_field_keys().await?, vec![first])
}

async fn of_eight_instances_that_add_a_key_at_once_one_stores_it(given: &Given) -> Checked {
    let instances = eight_instances(given).await?;
    for number in 1..=3 {
        let inserted = at_once(&instances, |instance| {
            let key = key(number);
            async move { instance.insert_field_key(&key).await.map(|kept| (key, kept)) }
        });
        let mut kept = Vec::new();
        for inserted in inserted.await? {
            let (key, was_kept) = inserted?;
            kept.extend(was_kept.then_some(key));
        }
        equal(kept.len(), 1)?;
        equal(given.store.list_field_keys().await?.pop(), kept.pop())?;
    }
    Ok(())
}

async fn a_key_is_rewrapped_only_if_it_is_as_it_was_read(given: &Given) -> Checked {
    let (one, two) = (key(1), key(2));
    stored(given, &[one.clone(), two.clone()]).await?;
    let (first, second): (&[u8], &[u8]) = (&[], &[0, 0xff]);
    equal(given.store.rewrap_field_key(&one.id, &one.wrapped, first).await?, true)?;
    equal(given.second().await?.rewrap_field_key(&one.id, first, second).await?, true)?;
    equal(given.store.rewrap_field_key(&one.id, &one.wrapped, first).await?, false)?;
    equal(given.store.rewrap_field_key(&one.id, &two.wrapped, first).await?, false)?;
    equal(given.store.rewrap_field_key("no key", second, first).await?, false)?;
    let rewrapped = FieldKey { wrapped: second.to_vec(), ..one };
    equal(given.second().await?.list_field_keys().await?, vec![rewrapped, two])
}
