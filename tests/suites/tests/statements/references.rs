//! A reference to a row that does not exist is refused with the name of its constraint, on both engines.

use crate::{Postgres, sqlite_store};
use skep_application::{
    catalog::CatalogTx,
    identity::IdentityTx,
    kernel::{Begin as _, StoreError, TxMode},
};
use skep_domain::{
    catalog::StockLevel,
    identity::Session,
    shared::{ProductId, SessionId, Timestamp, UserId},
};
use skep_sql::SqlStore;
use uuid::Uuid;

fn refused(result: Result<(), StoreError>) -> String {
    match result {
        Err(StoreError::Referenced { constraint }) => constraint.name().to_owned(),
        other => format!("{other:?}"),
    }
}

/// Stores rows with a broken reference. Every unit is rolled back.
async fn check(store: &SqlStore) {
    let now = Timestamp::MIN;
    let session = Session::start(SessionId::new(Uuid::from_u128(1)), UserId::new(Uuid::from_u128(2)), now, 0);
    let mut unit: Box<dyn IdentityTx> = store.begin(TxMode::Write, &[]).await.unwrap();
    assert_eq!(refused(unit.sessions().insert(&session).await), "sessions_user_id_fkey");
    assert!(unit.sessions().find(session.id).await.is_err(), "the unit has failed");
    unit.rollback().await.unwrap();

    let level = StockLevel::empty(ProductId::new(Uuid::from_u128(3)), now);
    let mut unit: Box<dyn CatalogTx> = store.begin(TxMode::Write, &[]).await.unwrap();
    assert_eq!(refused(unit.stock().insert(&level).await), "stock_levels_product_id_fkey");
    unit.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_row_is_named_by_sqlite() {
    let (_folder, store) = sqlite_store().await;
    check(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_row_is_named_by_postgresql() {
    let Some(postgres) = Postgres::start("references").await else { return };
    check(&postgres.store).await;
    postgres.remove().await;
}
