//! Units of work: errors, visibility, refusals.

use crate::{
    samples::{self, at},
    support::{admin, catalog, identity, operations, ordering, stock_up, with_db},
};
use bson::{Bson, doc};
use skep_application::{
    catalog::{CatalogTx, ProductQueries as _, StockQueries as _},
    kernel::{Begin as _, Constraint, OutboxQueries as _, StoreError, TxMode, UnitOfWork},
};
use skep_domain::{
    catalog::{Product, ReservationState},
    shared::{OrderId, UserId},
};

fn is_duplicate(result: Result<(), StoreError>, expected: Constraint) {
    match result {
        Err(StoreError::Duplicate { constraint }) => assert_eq!(constraint, expected),
        other => panic!("{other:?} instead of a duplicate of {}", expected.name()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_name_the_rule_that_was_met() {
    with_db(|db| async move {
        let store = &db.store;
        let (user, product) = (samples::user(), stock_up(store, 1).await);
        let (session, movement) = (samples::session(user.id), samples::movement(product.id));
        let order = samples::order(user.id, &[&product], at(0));
        let (reservation, event) = (samples::reservation(order.id, product.id, None), samples::event());
        let mut tx = identity(store).await;
        tx.users().insert(&user).await.unwrap();
        tx.sessions().insert(&session).await.unwrap();
        tx.outbox().append(&event).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = ordering(store).await;
        tx.orders().insert(&order).await.unwrap();
        tx.stock().append_movements(&[movement]).await.unwrap();
        tx.stock().insert_reservations(&[reservation]).await.unwrap();
        tx.commit().await.unwrap();

        let same_id = skep_domain::identity::User { email: samples::user().email, ..user.clone() };
        is_duplicate(
            identity(store).await.users().insert(&same_id).await,
            skep_application::identity::constraints::USER_ID,
        );
        let same_email = skep_domain::identity::User { id: samples::user().id, ..user.clone() };
        is_duplicate(
            identity(store).await.users().insert(&same_email).await,
            skep_application::identity::constraints::USER_EMAIL,
        );
        is_duplicate(
            identity(store).await.sessions().insert(&session).await,
            skep_application::identity::constraints::SESSION_ID,
        );
        is_duplicate(
            identity(store).await.outbox().append(&event).await,
            skep_application::kernel::constraints::EVENT_ID,
        );

        let same_id = Product { sku: samples::product().sku, ..product.clone() };
        is_duplicate(
            catalog(store).await.products().insert(&same_id).await,
            skep_application::catalog::constraints::PRODUCT_ID,
        );
        let same_sku = Product { id: samples::product().id, ..product.clone() };
        is_duplicate(
            catalog(store).await.products().insert(&same_sku).await,
            skep_application::catalog::constraints::PRODUCT_SKU,
        );
        let level = samples::level(product.id, 1);
        is_duplicate(
            catalog(store).await.stock().insert(&level).await,
            skep_application::catalog::constraints::STOCK_LEVEL_PRODUCT,
        );
        let new = samples::movement(product.id);
        is_duplicate(
            catalog(store).await.stock().append_movements(&[new, movement]).await,
            skep_application::catalog::constraints::MOVEMENT_ID,
        );
        let again = catalog(store).await.stock().insert_reservations(&[reservation]).await;
        is_duplicate(again, skep_application::catalog::constraints::RESERVATION_ID);

        let another = samples::order(user.id, &[&product], at(0));
        let same_id = skep_domain::ordering::Order { number: another.number.clone(), ..order.clone() };
        is_duplicate(
            ordering(store).await.orders().insert(&same_id).await,
            skep_application::ordering::constraints::ORDER_ID,
        );
        let same_number = skep_domain::ordering::Order { id: another.id, ..order.clone() };
        is_duplicate(
            ordering(store).await.orders().insert(&same_number).await,
            skep_application::ordering::constraints::ORDER_NUMBER,
        );
        let twice = samples::order(user.id, &[&product, &product], at(0));
        is_duplicate(
            ordering(store).await.orders().insert(&twice).await,
            skep_application::ordering::constraints::ORDER_LINE,
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_takes_a_taken_value_is_a_duplicate() {
    with_db(|db| async move {
        let (one, mut other) = (stock_up(&db.store, 0).await, stock_up(&db.store, 0).await);
        other.sku = one.sku;
        let mut tx = catalog(&db.store).await;
        let saved = tx.products().save(&other).await.map(|_| ());
        is_duplicate(saved, skep_application::catalog::constraints::PRODUCT_SKU);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_over_another_version_is_stale() {
    with_db(|db| async move {
        let store = &db.store;
        let product = stock_up(store, 5).await;
        let mut tx = catalog(store).await;
        tx.products().save(&product).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = catalog(store).await;
        assert!(matches!(tx.products().save(&product).await, Err(StoreError::Stale)));
        assert!(tx.commit().await.is_err());

        // Of a batch, one stale level is enough, and nothing is changed.
        let fresh = stock_up(store, 5).await;
        let mut levels = vec![samples::level(fresh.id, 4), samples::level(product.id, 4)];
        levels[1].version = levels[1].version.next();
        let mut tx = catalog(store).await;
        assert!(matches!(tx.stock().save_many(&levels).await, Err(StoreError::Stale)));
        drop(tx);
        assert_eq!(store.find_stock(fresh.id).await.unwrap().unwrap().on_hand, 5);

        let unknown = samples::user();
        assert!(matches!(identity(store).await.users().save(&unknown).await, Err(StoreError::Stale)));
        let order = samples::order(UserId::new(samples::uuid()), &[&product], at(0));
        assert!(matches!(ordering(store).await.orders().save(&order).await, Err(StoreError::Stale)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_ends_once() {
    with_db(|db| async move {
        let product = stock_up(&db.store, 5).await;
        let mut reservation = samples::reservation(OrderId::new(samples::uuid()), product.id, None);
        let mut tx = catalog(&db.store).await;
        tx.stock().insert_reservations(&[reservation]).await.unwrap();
        reservation.state = ReservationState::Released;
        reservation.ended_at = Some(at(1));
        tx.stock().end_reservations(&[reservation]).await.unwrap();
        assert!(matches!(tx.stock().end_reservations(&[reservation]).await, Err(StoreError::Stale)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_error_ends_the_unit() {
    with_db(|db| async move {
        let (product, event) = (stock_up(&db.store, 1).await, samples::event());
        let mut tx = catalog(&db.store).await;
        tx.outbox().append(&event).await.unwrap();
        assert!(tx.products().insert(&product).await.is_err());
        assert!(tx.products().find(product.id).await.is_err());
        assert!(tx.outbox().append(&samples::event()).await.is_err());
        assert!(tx.commit().await.is_err());
        assert_eq!(db.store.list_events(None, 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_unit_wrote_shows_to_others_after_commit_and_not_before() {
    with_db(|db| async move {
        let product = samples::product();
        let mut tx = catalog(&db.store).await;
        tx.products().insert(&product).await.unwrap();
        assert!(tx.products().find(product.id).await.unwrap().is_some());
        assert_eq!(db.store.find_product(product.id).await.unwrap(), None);
        assert_eq!(catalog(&db.store).await.products().find(product.id).await.unwrap(), None);
        tx.commit().await.unwrap();
        assert!(db.store.find_product(product.id).await.unwrap().is_some());
        assert!(db.another().await.find_product(product.id).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_leaves_nothing_behind() {
    with_db(|db| async move {
        let (product, event) = (stock_up(&db.store, 1).await, samples::event());
        let mut tx = catalog(&db.store).await;
        tx.products().find(product.id).await.unwrap();
        tx.rollback().await.unwrap();
        catalog(&db.store).await.rollback().await.unwrap();
        let mut tx = catalog(&db.store).await;
        tx.outbox().append(&event).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(db.store.list_events(None, 10).await.unwrap(), []);
        // The document is free at once.
        let mut tx = catalog(&db.store).await;
        tx.outbox().append(&event).await.unwrap();
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_for_reading_does_not_write() {
    with_db(|db| async move {
        let mut tx: Box<dyn CatalogTx> = db.store.begin(TxMode::Read, &[]).await.unwrap();
        assert_eq!(tx.products().find_many(&[]).await.unwrap(), []);
        assert!(tx.products().insert(&samples::product()).await.is_err());
        assert!(tx.commit().await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_names_its_place() {
    with_db(|db| async move {
        let product = stock_up(&db.store, 1).await;
        let id = bson::Uuid::from_uuid_1(product.id.uuid());
        for (field, value) in [("price.currency", Bson::from("XXX")), ("version", 0_i64.into()), ("name", 5_i64.into())]
        {
            let change = doc! { "q": { "_id": id }, "u": { "$set": { field: value } } };
            db.command(doc! { "update": "products", "updates": [change] }).await;
            let error = db.store.find_product(product.id).await.unwrap_err();
            let StoreError::Corrupt(cause) = error else { panic!("{error:?}") };
            assert!(cause.to_string().starts_with(&format!("products {}", product.id)), "{cause}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_itself_refuses_more_reserved_than_on_hand() {
    with_db(|db| async move {
        let product = stock_up(&db.store, 1).await;
        let impossible = skep_domain::catalog::StockLevel { reserved: 2, ..samples::level(product.id, 1) };
        let mut tx = catalog(&db.store).await;
        assert!(matches!(tx.stock().save_many(&[impossible]).await, Err(StoreError::Corrupt(_))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_one_command_however_long() {
    with_db(|db| async move {
        let commands = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut options = db.options.clone();
        let log = std::sync::Arc::clone(&commands);
        options.on_command = Some(std::sync::Arc::new(move |name: &str| log.lock().unwrap().push(name.to_owned())));
        let store = skep_mongodb::MongoStore::connect(options, db.clock.clone()).await.unwrap();
        let products: Vec<Product> = (0..300).map(|_| samples::product()).collect();
        let ids: Vec<_> = products.iter().map(|product| product.id).collect();
        let mut tx = catalog(&store).await;
        for product in &products {
            tx.products().insert(product).await.unwrap();
            tx.stock().insert(&samples::level(product.id, 9)).await.unwrap();
        }
        tx.commit().await.unwrap();
        commands.lock().unwrap().clear();

        let order = samples::order(UserId::new(samples::uuid()), &products.iter().collect::<Vec<_>>(), at(0));
        let mut tx = ordering(&store).await;
        assert_eq!(tx.products().find_many(&ids).await.unwrap().len(), 300);
        let levels = tx.stock().find_many(&ids).await.unwrap();
        assert_eq!(levels.len(), 300);
        tx.stock().save_many(&levels).await.unwrap();
        let rows: Vec<_> = ids.iter().map(|id| samples::reservation(order.id, *id, None)).collect();
        tx.stock().insert_reservations(&rows).await.unwrap();
        tx.stock().append_movements(&ids.iter().map(|id| samples::movement(*id)).collect::<Vec<_>>()).await.unwrap();
        tx.orders().insert(&order).await.unwrap();
        assert_eq!(tx.stock().list_reservations(order.id).await.unwrap().len(), 300);
        tx.commit().await.unwrap();
        let sent = commands.lock().unwrap().clone();
        assert_eq!(sent, ["find", "find", "update", "insert", "insert", "insert", "find", "commitTransaction"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_whose_unit_was_lost_is_judged_anew() {
    let Some((server, db)) = crate::support::OwnServer::replica_set().await else { return };
    let product = stock_up(&db.store, 1).await;
    let mut tx = catalog(&db.store).await;
    tx.products().find(product.id).await.unwrap();
    tx.outbox().append(&samples::event()).await.unwrap();
    let raw = mongodb::Client::with_uri_str(&db.options.uri).await.unwrap();
    admin(&raw, doc! { "killAllSessions": [] }).await.unwrap();
    assert!(matches!(tx.rollback().await, Err(StoreError::Retry(_))));
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_keys_are_swept_in_batches() {
    with_db(|db| async move {
        for n in 0..5 {
            let mut tx: Box<dyn UnitOfWork> = operations(&db.store).await;
            let claim = samples::claim(&format!("key-{n}"));
            tx.idempotency().claim(&claim).await.unwrap();
            tx.idempotency().fill(&claim, "{}").await.unwrap();
            tx.commit().await.unwrap();
        }
        let expired = samples::claim("key-0").expires_at();
        let early = expired.plus_millis(-1);
        for (now, limit, swept) in [(early, 3, 0), (expired, 0, 0), (expired, 3, 3), (expired, 3, 2), (expired, 3, 0)] {
            let mut tx = operations(&db.store).await;
            assert_eq!(tx.idempotency().sweep(now, limit).await.unwrap(), swept);
            tx.commit().await.unwrap();
        }
    })
    .await;
}
