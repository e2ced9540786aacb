use super::*;
use crate::{
    catalog::fixtures::{Shelf, Units, script},
    fixtures::{admin, code, commands, endings, eur, key, obeys_the_frame, product, product_id},
    kernel::{TxMode, UseCase},
    testing::Ending,
};
use serde_json::json;
use skep_domain::shared::{Timestamp, Version};

fn shelf() -> Shelf {
    Shelf { product: Some(product(1, eur(500))), ..Default::default() }
}

fn archived() -> Shelf {
    let mut shelf = shelf();
    shelf.product.as_mut().unwrap().archive(Timestamp::MIN);
    shelf
}

fn archive_product(units: &Units) -> UseCase<ArchiveProduct> {
    commands(units).of(ArchiveProduct)
}

fn command(precondition: Precondition) -> ArchiveProductCommand {
    ArchiveProductCommand { product_id: product_id(1), precondition, idempotency_key: None }
}

fn keyed() -> ArchiveProductCommand {
    ArchiveProductCommand { idempotency_key: key(), ..command(Precondition::Missing) }
}

async fn archive(units: &Units) -> Result<(), ArchiveProductError> {
    archive_product(units).execute(&admin(), command(Precondition::Missing)).await
}

#[tokio::test]
async fn the_product_keeps_its_row_and_one_event_tells_of_it() {
    let shelf = shelf();
    let units = script([shelf.open()]);
    archive(&units).await.unwrap();
    let saved = shelf.seen.saved.one();
    assert_eq!((saved.version, saved.archived_at), (Version::FIRST, Some(saved.updated_at)));
    let event = shelf.seen.events.one();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("catalog.product_archived.v1", Version::FIRST.next()));
    assert_eq!(shelf.told(), json!({ "product_id": product_id(1), "sku": "honey-1" }));
    assert_eq!(units.begun(), [(TxMode::Write, vec![Key(product_id(1).uuid())])]);
}

#[tokio::test]
async fn a_product_that_is_unknown_or_archived_already_is_not_found() {
    for shelf in [Shelf::default(), archived()] {
        let other = command(Precondition::OneOf(vec![]));
        let refusal = archive_product(&script([shelf.looking()])).execute(&admin(), other).await;
        assert_eq!(code(&refusal), "not_found");
        assert_eq!(endings(&shelf.seen.endings), [Ending::RolledBack]);
    }
}

#[tokio::test]
async fn a_precondition_may_be_missing_but_not_wrong() {
    let ask = async |precondition| {
        let use_case = archive_product(&script([shelf().open()]));
        code(&use_case.execute(&admin(), command(precondition)).await)
    };
    assert_eq!(ask(Precondition::Any).await, "ok");
    assert_eq!(ask(Precondition::version(Version::FIRST)).await, "ok");
    assert_eq!(ask(Precondition::version(Version::FIRST.next())).await, "precondition_failed");
    assert_eq!(ask(Precondition::OneOf(vec![])).await, "precondition_failed");
}

#[tokio::test]
async fn obeys_the_frame_of_commands() {
    obeys_the_frame(&shelf(), || ArchiveProduct, &admin(), keyed).await;
}

/// What the released programs have stored with keys: the bytes of the fingerprint and of the answer.
#[test]
fn the_command_and_the_answer_are_stored_as_they_always_were() {
    let command = format!(r#"{{"product_id":"{}","precondition":"Missing"}}"#, product_id(1));
    assert_eq!(serde_json::to_string(&keyed()).unwrap(), command);
    assert_eq!(serde_json::to_string(&()).unwrap(), "null");
}
