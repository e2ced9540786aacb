use super::*;
use crate::{
    InstanceSecret,
    testing::{CountingRandom, MemoryFieldKeys, runtime},
};

fn texts() -> [String; 3] {
    let random = CountingRandom::default();
    [(); 3].map(|()| InstanceSecret::generate(&random).to_text())
}

fn read(text: &str) -> InstanceSecret {
    InstanceSecret::from_text(text).unwrap()
}

#[tokio::test]
async fn the_first_start_makes_a_key_and_later_ones_read_it() {
    let (keys, runtime) = (MemoryFieldKeys::default(), runtime());
    let secrets = InstanceSecrets::from(read(&texts()[0]));
    let first = FieldKeyRing::load_or_create(&keys, &secrets, &runtime).await.unwrap();
    let second = FieldKeyRing::load_or_create(&keys, &secrets, &runtime).await.unwrap();
    assert_eq!((first.ids(), first.ids().len()), (second.ids(), 1));
    assert!(FieldKeyRing::is_id(&first.ids()[0]));
    assert_eq!(format!("{first:?}"), format!("FieldKeyRing([\"{}\"])", first.ids()[0]));
}

#[tokio::test]
async fn an_added_key_is_the_newest() {
    let (keys, runtime) = (MemoryFieldKeys::default(), runtime());
    let secrets = InstanceSecrets::from(read(&texts()[0]));
    FieldKeyRing::load_or_create(&keys, &secrets, &runtime).await.unwrap();
    assert!(FieldKeyRing::add(&keys, &secrets, &runtime).await.unwrap());
    let mut stored = keys.list_field_keys().await.unwrap();
    stored.reverse();
    let ring = FieldKeyRing::open(stored.clone(), &secrets).unwrap();
    assert_eq!(ring.ids(), [stored[1].id.clone(), stored[0].id.clone()]);
    assert_eq!(ring.newest().map(|key| key.id.as_str()), Some(stored[0].id.as_str()));
    assert_eq!((stored[1].number, stored[0].number), (1, 2));
}

#[tokio::test]
async fn a_key_of_another_secret_or_place_is_named() {
    let (keys, runtime) = (MemoryFieldKeys::default(), runtime());
    let [ours, theirs, _] = texts();
    let (secrets, other) = (InstanceSecrets::from(read(&ours)), InstanceSecrets::from(read(&theirs)));
    FieldKeyRing::load_or_create(&keys, &secrets, &runtime).await.unwrap();
    FieldKeyRing::add(&keys, &secrets, &runtime).await.unwrap();
    let stored = keys.list_field_keys().await.unwrap();
    for refused in [
        FieldKeyRing::load_or_create(&keys, &other, &runtime).await.map(drop),
        FieldKeyRing::add(&keys, &other, &runtime).await.map(drop),
        FieldKeyRing::rewrap(&keys, &other).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(&error, FieldKeyError::OtherSecret { id } if *id == stored[0].id), "{error}");
        assert!(error.to_string().contains("SKEP_FIELD_SECRET_FILE"), "{error}");
    }
    let damaged = |change: fn(&mut Vec<FieldKey>)| {
        let mut stored = stored.clone();
        change(&mut stored);
        let error = FieldKeyRing::open(stored, &secrets).unwrap_err();
        assert!(matches!(error, FieldKeyError::Unusable { .. } | FieldKeyError::OtherSecret { .. }), "{error}");
    };
    damaged(|keys| keys[1].id = keys[0].id.clone());
    damaged(|keys| keys[1].number = 7);
    damaged(|keys| keys[1].wrapped = keys[0].wrapped.clone());
    damaged(|keys| keys[0].wrapped.clear());
    damaged(|keys| keys[0].wrapped.truncate(30));
    damaged(|keys| keys[0].wrapped[25] ^= 1);
    assert_eq!(keys.list_field_keys().await.unwrap(), stored, "nothing was changed");
}

#[tokio::test]
async fn a_key_whose_content_has_another_id_or_length_is_refused() {
    let secrets = InstanceSecrets::from(read(&texts()[0]));
    let id = DataKey::of(&[7; 32]).unwrap().id;
    for material in [vec![8; 32], vec![7; 31], vec![]] {
        let wrapped = secrets.seal(&context(1, &id), &material).unwrap();
        let key = FieldKey { id: id.clone(), number: 1, wrapped, created_at: runtime().clock.now() };
        assert!(matches!(FieldKeyRing::open(vec![key], &secrets), Err(FieldKeyError::Unusable { .. })));
    }
}

#[tokio::test]
async fn keys_are_wrapped_again_when_their_secret_is_replaced() {
    let (keys, runtime) = (MemoryFieldKeys::default(), runtime());
    let [instance, own, next] = texts();
    let instances = InstanceSecrets::from(read(&instance));
    let ids = FieldKeyRing::load_or_create(&keys, &instances, &runtime).await.unwrap().ids();
    let with_own = instances.with_own(Some(read(&own)), None);
    assert!(matches!(FieldKeyRing::add(&keys, &with_own, &runtime).await, Err(FieldKeyError::PreviousSecret { .. })));
    assert_eq!(FieldKeyRing::rewrap(&keys, &with_own).await.unwrap(), 1);
    assert_eq!(FieldKeyRing::rewrap(&keys, &with_own).await.unwrap(), 0);
    assert!(matches!(
        FieldKeyRing::load_or_create(&keys, &instances, &runtime).await,
        Err(FieldKeyError::OtherSecret { .. })
    ));
    let replaced = instances.with_own(Some(read(&next)), Some(read(&own)));
    assert_eq!(FieldKeyRing::rewrap(&keys, &replaced).await.unwrap(), 1);
    let alone = instances.with_own(Some(read(&next)), None);
    assert_eq!(
        FieldKeyRing::load_or_create(&keys, &alone, &runtime).await.unwrap().ids(),
        ids,
        "the keys are the same"
    );
    assert!(FieldKeyRing::add(&keys, &alone, &runtime).await.unwrap());
}

#[tokio::test]
async fn the_number_of_keys_has_a_bound() {
    let (keys, runtime) = (MemoryFieldKeys::default(), runtime());
    let secrets = InstanceSecrets::from(read(&texts()[0]));
    for _ in 0..MOST_KEYS {
        keys.push_copy_of(&new_key(1, &secrets, &runtime).unwrap());
    }
    let refused = FieldKeyRing::add(&keys, &secrets, &runtime).await;
    assert!(matches!(refused, Err(FieldKeyError::TooMany)), "{refused:?}");
}
