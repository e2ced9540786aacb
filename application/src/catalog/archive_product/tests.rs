use super::*;
use crate::{
    catalog::fixtures::{Shelf, Units, parts, script, then_away},
    fixtures::{ENOUGH, aborted, admin, code, endings, eur, key, product, product_id, unknown, user, visitor},
    kernel::Claimed,
    testing::{Ending, Scripted},
};
use skep_domain::shared::Version;

fn shelf() -> Shelf {
    Shelf { product: Some(product(1, eur(500))), ..Default::default() }
}

fn archived() -> Shelf {
    let mut shelf = shelf();
    shelf.product.as_mut().unwrap().archive(Timestamp::MIN);
    shelf
}

fn archive_product(units: &Units) -> ArchiveProduct {
    let (fingerprints, runtime) = parts();
    ArchiveProduct::new(units.clone(), fingerprints, runtime)
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
    assert_eq!(units.begun(), [(TxMode::Write, vec![Key::from(product_id(1))])]);
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
async fn denied_before_anything_is_read() {
    let use_case = archive_product(&Scripted::untouched());
    assert_eq!(code(&use_case.execute(&visitor(), keyed()).await), "unauthenticated");
    assert_eq!(code(&use_case.execute(&user(1), keyed()).await), "forbidden");
}

#[tokio::test]
async fn an_aborted_commit_is_repeated_with_the_same_ids() {
    let shelf = shelf();
    archive(&script([shelf.failing(aborted()), shelf.open()])).await.unwrap();
    let (saved, events) = (shelf.seen.saved.all(), shelf.seen.events.all());
    assert_eq!((&saved[0], &events[0]), (&saved[1], &events[1]));
}

#[tokio::test]
async fn an_unknown_outcome_that_was_stored_is_a_success_and_nothing_is_written_again() {
    let (before, stored) = (shelf(), archived());
    archive(&script([before.failing(unknown()), stored.after_a_hit()])).await.unwrap();
    assert_eq!(endings(&stored.seen.endings), [Ending::Committed]);
}

#[tokio::test]
async fn an_answer_found_after_an_unknown_outcome_is_kept_with_the_key() {
    let stored = archived();
    let units = script([shelf().failing(unknown()), stored.after_a_hit()]);
    archive_product(&units).execute(&admin(), keyed()).await.unwrap();
    assert_eq!(stored.seen.answers.one(), "null");
}

#[tokio::test]
async fn an_unknown_outcome_that_was_not_stored_is_written_again_with_the_same_ids() {
    let shelf = shelf();
    archive(&script([shelf.failing(unknown()), shelf.after_a_miss()])).await.unwrap();
    let (saved, events) = (shelf.seen.saved.all(), shelf.seen.events.all());
    assert_eq!((&saved[0], &events[0]), (&saved[1], &events[1]));
}

#[tokio::test]
async fn gives_up_when_patience_ends() {
    let shelf = shelf();
    let units = script((0..ENOUGH).map(|_| shelf.failing(aborted())));
    assert_eq!(code(&archive(&units).await), "store_unavailable");
    assert!(units.left() > 0);
}

#[tokio::test]
async fn an_unknown_outcome_stays_unknown_when_the_store_does_not_come_back() {
    assert_eq!(code(&archive(&then_away(shelf().failing(unknown()))).await), "outcome_unknown");
}

#[tokio::test]
async fn the_key_is_claimed_first_and_filled_last() {
    let shelf = shelf();
    archive_product(&script([shelf.open()])).execute(&admin(), keyed()).await.unwrap();
    assert_eq!(
        shelf.seen.calls.all(),
        ["claim", "stock.find_many", "products.find", "products.save", "outbox.append", "fill"]
    );
}

#[tokio::test]
async fn a_replayed_key_succeeds_and_writes_nothing() {
    let shelf = shelf();
    archive_product(&script([shelf.open()])).execute(&admin(), keyed()).await.unwrap();
    let units = script([shelf.claimed(Claimed::Replay(shelf.seen.answers.one()))]);
    archive_product(&units).execute(&admin(), keyed()).await.unwrap();
    assert_eq!(endings(&shelf.seen.endings), [Ending::Committed; 2]);
}

#[tokio::test]
async fn a_key_of_another_command_is_refused() {
    let shelf = shelf();
    let refusal = archive_product(&script([shelf.claimed(Claimed::Mismatch)])).execute(&admin(), keyed()).await;
    assert_eq!(code(&refusal), "idempotency_key_reused");
}
