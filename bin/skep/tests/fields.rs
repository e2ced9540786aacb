//! Fields are sealed by several instances while their key is replaced.
#![expect(clippy::unwrap_used, reason = "a test's helper fails its test by panicking")]

use skep::{RefreshError, Skep, config::Config};
use skep_application::{
    kernel::{CipherError, SealedField, StoreError},
    operations::FieldProgress,
};
use std::path::Path;

const SEED: SealedField = SealedField::new("factors", "seed");

async fn instance(folder: &Path) -> Skep {
    let config = Config { data_dir: folder.join("data"), ..Config::default() };
    Skep::builder().config(config).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_learns_a_key_of_another_one_when_it_meets_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (instance(folder.path()).await, instance(folder.path()).await);
    let place = SEED.of(7);
    let before = one.app.ports.fields.seal(&place, b"before").unwrap();
    let rotation = one.keys.fields.rotate(&mut |_| {}).await.unwrap();
    assert!(rotation.is_new);
    let after = one.app.ports.fields.seal(&place, b"after").unwrap();
    assert_eq!(after.key_id(), Some(rotation.key_id.as_str()));

    let theirs = &other.app.ports.fields;
    assert_eq!(theirs.open(&place, &before).unwrap().0, b"before");
    let unknown = theirs.open(&place, &after).unwrap_err();
    assert_eq!(unknown, CipherError::UnknownKey { key_id: rotation.key_id });
    assert!(matches!(StoreError::from(unknown), StoreError::Retry(_)));
    other.keys.fields.wants_keys().await;
    other.keys.fields.refresh().await.unwrap();
    assert_eq!(theirs.open(&place, &after).unwrap().0, b"after");
    assert_eq!(theirs.seal(&place, b"x").unwrap().key_id(), after.key_id());
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_at_the_same_time_agree_on_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (instance(folder.path()).await, instance(folder.path()).await);
    let (mut here, mut there) = (|_: &FieldProgress| {}, |_: &FieldProgress| {});
    let (one_done, other_done) = tokio::join!(one.keys.fields.rotate(&mut here), other.keys.fields.rotate(&mut there));
    one_done.unwrap();
    other_done.unwrap();
    one.keys.refresh().await.unwrap();
    other.keys.refresh().await.unwrap();
    assert_eq!(one.app.ports.fields.key_ids(), other.app.ports.fields.key_ids());
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_read_again_leave_those_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let skep = instance(folder.path()).await;
    let sealed = skep.app.ports.fields.seal(&SEED.of(7), b"seed").unwrap();
    let store = &skep.app.ports.store;
    let key = store.list_field_keys().await.unwrap().remove(0);
    assert!(store.rewrap_field_key(&key.id, &key.wrapped, b"damaged").await.unwrap());
    let refused = skep.keys.refresh().await.unwrap_err();
    assert!(matches!(refused, RefreshError::Fields(_)) && refused.to_string().contains(&key.id), "{refused}");
    assert_eq!(skep.app.ports.fields.open(&SEED.of(7), &sealed).unwrap().0, b"seed");
    skep.close().await;
}
