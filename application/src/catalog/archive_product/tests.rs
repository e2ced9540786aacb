use super::*;
use crate::{
    kernel::{Key, TxMode, UseCase},
    testing::*,
};
use serde_json::json;
use skep_domain::shared::{Timestamp, Version};

type Units = std::sync::Arc<Scripted<dyn CatalogTx>>;

fn shelf() -> Shelf {
    Shelf { product: Some(product(1, eur(500))), ..Default::default() }
}

fn archived() -> Shelf {
    let mut shelf = shelf();
    shelf.product.as_mut().unwrap().archive(Timestamp::MIN);
    shelf
}

fn archive_product(units: &Units) -> UseCase<ArchiveProduct> {
    use_case(ArchiveProduct, units)
}

fn command(precondition: Precondition) -> ArchiveProductCommand {
    ArchiveProductCommand { product_id: product_id(1), precondition }
}

async fn archive(units: &Units) -> Result<(), ArchiveProductError> {
    archive_product(units).execute(&admin(), command(Precondition::Missing)).await
}

#[tokio::test]
async fn the_product_keeps_its_row_and_one_event_is_recorded() {
    let shelf = shelf();
    let units = Scripted::of([shelf.open()]);
    archive(&units).await.unwrap();
    let saved = shelf.seen.one::<Product>("products.save");
    assert_eq!((saved.version, saved.archived_at), (Version::FIRST, Some(saved.updated_at)));
    let event = shelf.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("catalog.product_archived.v1", Version::FIRST.next()));
    assert_eq!(shelf.seen.payload(), json!({ "product_id": product_id(1), "sku": "honey-1" }));
    assert_eq!(units.begun(), [(TxMode::Write, vec![Key(product_id(1).uuid())])]);
}

#[tokio::test]
async fn a_product_that_is_unknown_or_archived_already_is_not_found() {
    for shelf in [Shelf::default(), archived()] {
        let other = command(Precondition::OneOf(vec![]));
        let refusal = archive_product(&Scripted::of([shelf.looking()])).execute(&admin(), other).await;
        assert_eq!(code(&refusal), "not_found");
        assert_eq!(shelf.seen.endings(), [Ending::RolledBack]);
    }
}

#[tokio::test]
async fn a_precondition_may_be_missing_but_not_wrong() {
    let ask = async |precondition| {
        let use_case = archive_product(&Scripted::of([shelf().open()]));
        code(&use_case.execute(&admin(), command(precondition)).await)
    };
    assert_eq!(ask(Precondition::Any).await, "ok");
    assert_eq!(ask(Precondition::version(Version::FIRST)).await, "ok");
    assert_eq!(ask(Precondition::version(Version::FIRST.next())).await, "precondition_failed");
    assert_eq!(ask(Precondition::OneOf(vec![])).await, "precondition_failed");
}

#[tokio::test]
async fn obeys_the_frame_of_commands() {
    obeys_the_frame(&shelf(), || ArchiveProduct, &admin(), || command(Precondition::Missing)).await;
}

/// Released programs have stored these bytes with idempotency keys: the fingerprint and the answer.
#[test]
fn the_stored_form_of_the_command_and_the_answer_does_not_change() {
    let json = format!(r#"{{"product_id":"{}","precondition":"Missing"}}"#, product_id(1));
    assert_eq!(serde_json::to_string(&command(Precondition::Missing)).unwrap(), json);
    assert_eq!(serde_json::to_string(&()).unwrap(), "null");
}
