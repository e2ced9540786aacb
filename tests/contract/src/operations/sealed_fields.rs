//! `SealedFields`.

use super::instance_keys::at_once;
use crate::{
    check::{Checked, equal, holds},
    clause::{self, clauses},
    harness::Need,
    world,
};
use skep_application::{
    kernel::{SealedField, StoreError},
    operations::{Resealed, SealedFields, SealedRow},
};
use skep_domain::shared::Sealed;
use std::{collections::BTreeMap, sync::Arc};

clauses! { clauses of "sealed_fields" on dyn SealedFields:
    a_declared_field_is_listed {Need::SealedField},
    values_are_listed_in_the_order_of_their_bytes ["SealedFields 1"] {Need::SealedField},
    values_are_counted_between_bounds ["SealedFields 2"] {Need::SealedField},
    a_value_is_replaced_only_if_it_is_as_it_was_read ["SealedFields 3"] {Need::SealedField},
    of_eight_instances_that_replace_a_value_one_does ["SealedFields 3"] {Need::SealedField},
    a_field_that_is_not_declared_has_no_rows ["SealedFields 4"],
}

type Given = clause::Given<dyn SealedFields>;

/// The field of [`Instance::sealing`](crate::Instance::sealing).
const NOTES: SealedField = SealedField::new("suite_notes", "text");

/// An instance with these values, and the keys of their rows.
async fn with(given: &Given, values: &[&str]) -> Checked<(Arc<dyn SealedFields>, Vec<SealedRow>)> {
    let row = |value: &&str| (world::uuid(), Some((*value).to_owned()));
    let rows: Vec<_> = values.iter().map(row).collect();
    let mut planted = rows.clone();
    planted.push((world::uuid(), None));
    // Neither in the order of the keys nor in that of the values.
    planted.rotate_left(1);
    let store = given.sealing(&planted).await?;
    let listed = |(id, value): (uuid::Uuid, Option<String>)| {
        value.map(|value| SealedRow { row: id.to_string(), sealed: Sealed::stored(value) })
    };
    Ok((store, rows.into_iter().filter_map(listed).collect()))
}

fn sorted(rows: &[SealedRow]) -> Vec<SealedRow> {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| a.sealed.cmp(&b.sealed));
    rows
}

async fn a_declared_field_is_listed(given: &Given) -> Checked {
    let (store, _) = with(given, &[]).await?;
    holds(store.sealed_fields().contains(&NOTES), "the field is declared, but not listed")?;
    equal(store.list_sealed(NOTES, "", 10).await?, vec![])?;
    equal(store.count_sealed(NOTES, "", Sealed::END).await?, 0)
}

/// Neighbors that orders other than that of the bytes take for equal, or sort otherwise.
const VALUES: &[&str] =
    &["1.b.x", "1.a.-", "1.a._", "1.a.A", "1.a.a", "1.a.B", "1.a.0", "1.aa.0", "1.B.0", "2.a.0", "plain"];

async fn values_are_listed_in_the_order_of_their_bytes(given: &Given) -> Checked {
    let (store, rows) = with(given, VALUES).await?;
    let expected = sorted(&rows);
    equal(store.list_sealed(NOTES, "", 100).await?, expected.clone())?;
    let mut read = vec![];
    let mut after = String::new();
    loop {
        let page = store.list_sealed(NOTES, &after, 3).await?;
        holds(page.len() <= 3, "a page is longer than its limit")?;
        let Some(last) = page.last() else { break };
        holds(page.iter().all(|row| row.sealed.as_str() > after.as_str()), "a page has a row of the one before")?;
        last.sealed.as_str().clone_into(&mut after);
        read.extend(page);
    }
    equal(read, expected.clone())?;
    for key in ["a", "aa", "b", "B", "c"] {
        let (start, end) = (Sealed::start(key), Sealed::end(key));
        let mut of_key = store.list_sealed(NOTES, &start, 100).await?;
        of_key.retain(|row| row.sealed.as_str() < end.as_str());
        let expected = expected.iter().filter(|row| row.sealed.key_id() == Some(key)).cloned().collect::<Vec<_>>();
        equal(of_key, expected)?;
    }
    equal(store.list_sealed(NOTES, Sealed::END, 100).await?, vec![])?;
    equal(store.list_sealed(NOTES, "", 0).await?, vec![])
}

async fn values_are_counted_between_bounds(given: &Given) -> Checked {
    let (store, rows) = with(given, VALUES).await?;
    let bounds = ["", "1.", "1.a.", "1.a.A", "1.a/", "1.b.", "1.b/", "2", Sealed::END];
    for from in bounds {
        for until in bounds {
            let is_between = |row: &&SealedRow| from <= row.sealed.as_str() && row.sealed.as_str() < until;
            let expected = rows.iter().filter(is_between).count();
            equal(store.count_sealed(NOTES, from, until).await?, u64::try_from(expected)?)?;
        }
    }
    Ok(())
}

fn change(row: &SealedRow, from: &str, to: &str) -> Resealed {
    Resealed { row: row.row.clone(), from: Sealed::stored(from.to_owned()), to: Sealed::stored(to.to_owned()) }
}

async fn a_value_is_replaced_only_if_it_is_as_it_was_read(given: &Given) -> Checked {
    let (store, rows) = with(given, &["1.a.0", "1.a.1", "1.a.2", "1.a.2"]).await?;
    let elsewhere = SealedRow { row: world::uuid().to_string(), sealed: rows[0].sealed.clone() };
    let no_key = SealedRow { row: "no key".to_owned(), sealed: rows[0].sealed.clone() };
    let changes = [
        change(&rows[0], "1.a.0", "1.b.0"),
        change(&rows[1], "1.a.0", "1.b.1"),
        change(&rows[2], "1.a.2", "1.b.2"),
        change(&elsewhere, "1.a.0", "1.b.3"),
        change(&no_key, "1.a.0", "1.b.4"),
    ];
    equal(store.replace_sealed(NOTES, &changes).await?, 2)?;
    equal(store.replace_sealed(NOTES, &changes).await?, 0)?;
    equal(store.replace_sealed(NOTES, &[]).await?, 0)?;
    let stored: BTreeMap<_, _> =
        store.list_sealed(NOTES, "", 100).await?.into_iter().map(|row| (row.row, row.sealed)).collect();
    let expected = rows.iter().zip(["1.b.0", "1.a.1", "1.b.2", "1.a.2"]);
    equal(stored, expected.map(|(row, value)| (row.row.clone(), Sealed::stored(value.to_owned()))).collect())
}

async fn of_eight_instances_that_replace_a_value_one_does(given: &Given) -> Checked {
    let (store, rows) = with(given, &["1.a.0"]).await?;
    let instances = vec![store.clone(); 8];
    let mut number = 0;
    let replaced = at_once(&instances, |instance| {
        number += 1;
        let changes = [change(&rows[0], "1.a.0", &format!("1.b.{number}"))];
        async move { instance.replace_sealed(NOTES, &changes).await }
    });
    let mut total = 0;
    for replaced in replaced.await? {
        match replaced {
            Ok(count) => total += count,
            Err(StoreError::Retry(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    equal(total, 1)?;
    equal(store.count_sealed(NOTES, &Sealed::start("b"), &Sealed::end("b")).await?, 1)
}

async fn a_field_that_is_not_declared_has_no_rows(given: &Given) -> Checked {
    for field in [SealedField::new("users", "email"), SealedField::new("no table", "no column")] {
        equal(given.store.list_sealed(field, "", 10).await?, vec![])?;
        equal(given.store.count_sealed(field, "", Sealed::END).await?, 0)?;
        let changes = [Resealed {
            row: world::uuid().to_string(),
            from: Sealed::stored("a".to_owned()),
            to: Sealed::stored("b".to_owned()),
        }];
        equal(given.store.replace_sealed(field, &changes).await?, 0)?;
    }
    Ok(())
}
