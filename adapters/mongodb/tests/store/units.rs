//! Units of work, beyond the contract suite, which knows only the ports.

use crate::{
    samples::{self, at},
    support::{admin, catalog, ordering, stock_up, with_db},
};
use bson::{Bson, doc};
use skep_application::{catalog::ProductQueries as _, kernel::StoreError};
use skep_domain::{catalog::Product, shared::UserId};

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_document_is_named() {
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
async fn a_batch_of_any_length_is_one_command() {
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
async fn a_refusal_whose_transaction_was_lost_is_retried() {
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
