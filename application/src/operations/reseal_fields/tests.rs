use super::*;
use crate::{
    kernel::{MockFieldCipher, Opened},
    testing::fixed_runtime,
};
use async_trait::async_trait;
use std::{collections::BTreeMap, sync::Mutex};

const NOTES: SealedField = SealedField::new("notes", "text");
const SEEDS: SealedField = SealedField::new("factors", "seed");

/// Fields in memory. A write fails after so many that succeeded.
#[derive(Default)]
struct Rows {
    rows: Mutex<BTreeMap<(SealedField, String), Sealed>>,
    writes_left: Mutex<Option<u32>>,
}

impl Rows {
    fn put(&self, field: SealedField, row: &str, sealed: Sealed) {
        self.rows.lock().unwrap().insert((field, row.to_owned()), sealed);
    }

    fn with(keys: &[(&str, u32)]) -> Arc<Self> {
        let rows = Self::default();
        for (key, count) in keys {
            (0..*count).for_each(|n| rows.put(NOTES, &format!("{key}{n}"), sealed(key, NOTES, &format!("{key}{n}"))));
        }
        Arc::new(rows)
    }

    fn keys(&self) -> BTreeMap<String, usize> {
        let mut keys = BTreeMap::new();
        for sealed in self.rows.lock().unwrap().values() {
            *keys.entry(sealed.key_id().unwrap_or("none").to_owned()).or_default() += 1;
        }
        keys
    }
}

#[async_trait]
impl SealedFields for Rows {
    fn sealed_fields(&self) -> Vec<SealedField> {
        vec![NOTES, SEEDS]
    }

    async fn list_sealed(&self, field: SealedField, after: &str, limit: u32) -> Result<Vec<SealedRow>, StoreError> {
        let rows = self.rows.lock().unwrap();
        let of_field = rows.iter().filter(|((of, _), sealed)| *of == field && sealed.as_str() > after);
        let mut found: Vec<_> =
            of_field.map(|((_, row), sealed)| SealedRow { row: row.clone(), sealed: sealed.clone() }).collect();
        found.sort_by(|a, b| a.sealed.cmp(&b.sealed));
        found.truncate(limit as usize);
        Ok(found)
    }

    async fn count_sealed(&self, field: SealedField, from: &str, until: &str) -> Result<u64, StoreError> {
        let rows = self.rows.lock().unwrap();
        let is_between = |sealed: &Sealed| from <= sealed.as_str() && sealed.as_str() < until;
        Ok(rows.iter().filter(|((of, _), sealed)| *of == field && is_between(sealed)).count() as u64)
    }

    async fn replace_sealed(&self, field: SealedField, changes: &[Resealed]) -> Result<u64, StoreError> {
        if let Some(left) = &mut *self.writes_left.lock().unwrap() {
            *left = left.checked_sub(1).ok_or_else(|| StoreError::Full("full".into()))?;
        }
        let mut rows = self.rows.lock().unwrap();
        let mut replaced = 0;
        for Resealed { row, from, to } in changes {
            if let Some(sealed) = rows.get_mut(&(field, row.clone())).filter(|sealed| *sealed == from) {
                *sealed = to.clone();
                replaced += 1;
            }
        }
        Ok(replaced)
    }
}

/// A value that says for which place it was sealed, so that the cipher of the tests refuses it elsewhere.
fn sealed(key: &str, field: SealedField, row: &str) -> Sealed {
    Sealed::of(key, &format!("{}-{row}", field.column))
}

fn cipher(keys: &'static [&'static str]) -> Arc<MockFieldCipher> {
    let mut cipher = MockFieldCipher::new();
    cipher.expect_key_ids().returning(|| keys.iter().map(|&key| key.to_owned()).collect());
    cipher.expect_open().returning(|place, value| match value.key_id() {
        Some(key) if !keys.contains(&key) => Err(CipherError::LostKey { key_id: key.to_owned() }),
        Some(key) if *value == sealed(key, place.field, &place.row) => Ok(Opened(place.row.clone().into_bytes())),
        _ => Err(CipherError::Damaged),
    });
    cipher.expect_seal().returning(|place, value| {
        assert_eq!(value, place.row.as_bytes());
        Ok(sealed(keys.last().unwrap(), place.field, &place.row))
    });
    Arc::new(cipher)
}

fn use_case(rows: &Arc<Rows>, keys: &'static [&'static str]) -> ResealFields {
    ResealFields::new(rows.clone(), cipher(keys), fixed_runtime().0)
}

#[tokio::test]
async fn every_value_of_an_older_key_is_sealed_again() {
    // The newest key is neither the first nor the last one in the order of the values.
    let rows = Rows::with(&[("a", 250), ("m", 120), ("z", 130)]);
    rows.put(SEEDS, "1", sealed("z", SEEDS, "1"));
    let mut reports = vec![];
    let done = use_case(&rows, &["a", "z", "m"]).execute(&mut |progress| reports.push(progress.clone())).await.unwrap();
    assert_eq!(rows.keys(), BTreeMap::from([("m".to_owned(), 501)]));
    assert_eq!(done.iter().map(|field| (field.field, field.resealed)).collect::<Vec<_>>(), [(SEEDS, 1), (NOTES, 380)]);
    assert!(done.iter().all(|field| field.is_done && field.resealed == field.to_reseal && field.unopened == 0));
    let of_notes: Vec<_> =
        reports.iter().filter(|report| report.field == NOTES).map(|report| report.resealed).collect();
    assert!(of_notes.windows(2).all(|pair| pair[0] <= pair[1] && pair[1] - pair[0] <= 100), "{of_notes:?}");
    assert!(of_notes.len() >= 4);
    let again = use_case(&rows, &["a", "z", "m"]).execute(&mut |_| {}).await.unwrap();
    assert!(again.iter().all(|field| field.resealed == 0 && field.to_reseal == 0));
}

#[tokio::test]
async fn a_run_that_was_interrupted_is_completed_by_the_next_one() {
    let rows = Rows::with(&[("a", 450)]);
    *rows.writes_left.lock().unwrap() = Some(2);
    assert!(use_case(&rows, &["a", "b"]).execute(&mut |_| {}).await.is_err());
    assert_eq!(rows.keys(), BTreeMap::from([("a".to_owned(), 250), ("b".to_owned(), 200)]));
    *rows.writes_left.lock().unwrap() = None;
    let done = use_case(&rows, &["a", "b"]).execute(&mut |_| {}).await.unwrap();
    assert_eq!((done[1].resealed, done[1].to_reseal), (250, 250));
}

#[tokio::test]
async fn a_value_that_does_not_open_stays_and_is_named() {
    let rows = Rows::with(&[("a", 3), ("lost", 150)]);
    rows.put(NOTES, "moved", sealed("a", NOTES, "a1x"));
    rows.put(NOTES, "plain", Sealed::stored("not sealed".to_owned()));
    let done = use_case(&rows, &["a", "b"]).execute(&mut |_| {}).await.unwrap();
    let notes = &done[1];
    assert_eq!((notes.resealed, notes.unopened), (3, 152));
    let first = notes.first_unopened.clone().unwrap();
    assert_eq!((first.place.row.as_str(), first.error), ("moved", CipherError::Damaged));
    assert_eq!(rows.keys()["lost"], 150);
}

#[tokio::test]
async fn the_uses_of_keys_are_counted() {
    let rows = Rows::with(&[("a", 3), ("b", 2)]);
    rows.put(SEEDS, "1", sealed("a", SEEDS, "1"));
    (0..30).for_each(|n| rows.put(NOTES, &format!("plain{n}"), Sealed::stored(format!("plain {n:02}"))));
    let uses = field_uses(&*rows).await.unwrap();
    let of = |field, key: Option<&str>| {
        let matching = uses.iter().filter(|uses| uses.field == field && uses.key_id.as_deref() == key);
        matching.map(|uses| uses.count).sum::<u64>()
    };
    assert_eq!((of(SEEDS, Some("a")), of(NOTES, Some("a")), of(NOTES, Some("b"))), (1, 3, 2));
    assert_eq!(of(NOTES, None), 10);
}

#[tokio::test]
async fn a_value_that_was_changed_meanwhile_stays() {
    let mut fields = crate::operations::MockSealedFields::new();
    fields.expect_sealed_fields().returning(|| vec![NOTES]);
    fields.expect_count_sealed().returning(|_, from, _| Ok(u64::from(from.is_empty())));
    fields.expect_list_sealed().times(2).returning(|_, after, limit| {
        assert!(limit <= ResealFields::BATCH);
        let row = SealedRow { row: "1".to_owned(), sealed: sealed("a", NOTES, "1") };
        Ok(if after.is_empty() { vec![row] } else { vec![] })
    });
    fields.expect_replace_sealed().times(1).returning(|_, changes| {
        assert_eq!((changes[0].from.clone(), changes[0].to.key_id()), (sealed("a", NOTES, "1"), Some("b")));
        Ok(0)
    });
    let use_case = ResealFields::new(Arc::new(fields), cipher(&["a", "b"]), fixed_runtime().0);
    let done = use_case.execute(&mut |_| {}).await.unwrap();
    assert_eq!((done[0].resealed, done[0].unopened), (0, 0));
}
