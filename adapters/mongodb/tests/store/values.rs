//! What is stored comes back unchanged.

use crate::{
    samples::{self, BEYOND_DOUBLE, at},
    support::{catalog, identity, ordering, with_db},
};
use skep_application::{
    catalog::{ProductQueries as _, StockQueries as _, StockView},
    identity::{SessionQueries as _, SetupToken, UserQueries as _, UserView},
    kernel::{OutboxEvent, OutboxQueries as _, Scope},
    ordering::{OrderQueries as _, OrderView},
};
use skep_domain::{
    catalog::{Product, ReservationState, StockMovement},
    ordering::Trigger,
    shared::{Money, OrderId, Timestamp, UserId, Version},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_product_comes_back_unchanged() {
    with_db(|db| async move {
        for (created_at, amount, currency) in
            [(Timestamp::MIN, 0, "JPY"), (Timestamp::MAX, BEYOND_DOUBLE, "KWD"), (at(0), i64::MAX, "EUR")]
        {
            let price = Money::new(amount, currency.parse().unwrap());
            let product = Product { created_at, updated_at: created_at, price, ..samples::product() };
            let mut tx = catalog(&db.store).await;
            tx.products().insert(&product).await.unwrap();
            assert_eq!(tx.products().find(product.id).await.unwrap(), Some(product.clone()));
            tx.commit().await.unwrap();
            assert_eq!(db.store.find_product(product.id).await.unwrap(), Some(product.clone()));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_product_has_the_next_version_and_every_change() {
    with_db(|db| async move {
        let mut product = samples::product();
        let mut tx = catalog(&db.store).await;
        tx.products().insert(&product).await.unwrap();
        product.archive(at(9));
        product.price = samples::euros(1);
        assert_eq!(tx.products().save(&product).await.unwrap(), Version::FIRST.next());
        product.version = Version::FIRST.next();
        assert_eq!(tx.products().find_many(&[product.id]).await.unwrap(), [product]);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_and_a_session_come_back_unchanged() {
    with_db(|db| async move {
        let (mut user, mut tx) = (samples::user(), identity(&db.store).await);
        let session = samples::session(user.id);
        tx.users().insert(&user).await.unwrap();
        tx.sessions().insert(&session).await.unwrap();
        assert_eq!(tx.users().find_by_email(&user.email).await.unwrap(), Some(user.clone()));
        assert!(tx.users().any_with_role(skep_domain::access::Role::Admin).await.unwrap());
        user.password_hash = "another".to_owned();
        user.version = tx.users().save(&user).await.unwrap();
        assert_eq!(tx.users().find(user.id).await.unwrap(), Some(user.clone()));
        assert_eq!(tx.sessions().find(session.id).await.unwrap(), Some(session.clone()));
        tx.commit().await.unwrap();

        assert_eq!(db.store.find_user(Scope::OwnedBy(user.id), user.id).await.unwrap(), Some(UserView::from(&user)));
        assert_eq!(db.store.find_user(Scope::OwnedBy(UserId::new(samples::uuid())), user.id).await.unwrap(), None);
        assert_eq!(db.store.find_credentials(&user.email).await.unwrap().unwrap().password_hash, "another");
        let view = db.store.find_session(session.id).await.unwrap().unwrap();
        assert_eq!((view.session, view.roles), (session.clone(), user.roles));

        let mut tx = identity(&db.store).await;
        assert!(tx.sessions().revoke(session.id, at(7)).await.unwrap());
        assert!(!tx.sessions().revoke(session.id, at(8)).await.unwrap());
        tx.commit().await.unwrap();
        let view = db.store.find_session(session.id).await.unwrap().unwrap();
        assert_eq!(view.session.revoked_at, Some(at(7)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setup_token_is_one_at_most() {
    with_db(|db| async move {
        let token = |n| SetupToken { hash: [n; 32], expires_at: at(i64::from(n)) };
        let mut tx = identity(&db.store).await;
        assert_eq!(tx.setup_tokens().find().await.unwrap(), None);
        tx.setup_tokens().replace(&token(1)).await.unwrap();
        tx.setup_tokens().replace(&token(2)).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = identity(&db.store).await;
        assert_eq!(tx.setup_tokens().find().await.unwrap(), Some(token(2)));
        tx.setup_tokens().delete().await.unwrap();
        assert_eq!(tx.setup_tokens().find().await.unwrap(), None);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_comes_back_with_its_lines_in_their_order() {
    with_db(|db| async move {
        let products: Vec<Product> = (0..5).map(|_| samples::product()).collect();
        let mut order = samples::order(UserId::new(samples::uuid()), &products.iter().collect::<Vec<_>>(), at(0));
        order.lines[0].quantity = u32::MAX;
        let mut tx = ordering(&db.store).await;
        tx.orders().insert(&order).await.unwrap();
        order.apply(Trigger::PaymentCaptured, at(3)).unwrap();
        order.apply(Trigger::Cancel, at(4)).unwrap();
        order.version = tx.orders().save(&order).await.unwrap();
        assert_eq!(tx.orders().find(order.id).await.unwrap(), Some(order.clone()));
        tx.commit().await.unwrap();
        assert_eq!(db.store.find_order(Scope::All, order.id).await.unwrap(), Some(OrderView::from(&order)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_and_its_ledger_come_back_unchanged() {
    with_db(|db| async move {
        let (product, order) = (samples::product(), OrderId::new(samples::uuid()));
        let level = samples::level(product.id, 1_000_000_000);
        let movements: Vec<StockMovement> = (0..3)
            .map(|n| StockMovement {
                created_at: at(n),
                reserved_delta: -BEYOND_DOUBLE,
                order_id: (n > 0).then_some(order),
                ..samples::movement(product.id)
            })
            .collect();
        let expiring = |expires_at| samples::reservation(order, product.id, expires_at);
        let mut reservations = vec![expiring(Some(at(10))), expiring(Some(at(11))), expiring(None)];
        let mut tx = catalog(&db.store).await;
        tx.products().insert(&product).await.unwrap();
        tx.stock().insert(&level).await.unwrap();
        tx.stock().append_movements(&[movements[2], movements[0], movements[1]]).await.unwrap();
        tx.stock().insert_reservations(&reservations).await.unwrap();
        assert_eq!(tx.stock().find_many(&[product.id]).await.unwrap(), [level]);
        assert_eq!(tx.stock().list_movements(product.id).await.unwrap(), movements);
        assert_eq!(tx.stock().list_expired(&[product.id], at(10), 10).await.unwrap(), reservations[..1]);
        assert_eq!(tx.stock().list_expired(&[product.id], at(11), 1).await.unwrap(), reservations[..1]);

        reservations[0].state = ReservationState::Expired;
        reservations[0].ended_at = Some(at(12));
        tx.stock().end_reservations(&reservations[..1]).await.unwrap();
        let mut stored = tx.stock().list_reservations(order).await.unwrap();
        stored.sort_by_key(|row| row.id);
        reservations.sort_by_key(|row| row.id);
        assert_eq!(stored, reservations);
        tx.commit().await.unwrap();
        assert_eq!(db.store.find_stock(product.id).await.unwrap(), Some(StockView::of(&level, true)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_back_unchanged_and_by_id() {
    with_db(|db| async move {
        let full = OutboxEvent {
            actor_id: Some(UserId::new(samples::uuid())),
            impersonator_id: Some(UserId::new(samples::uuid())),
            traceparent: Some("00-1-2-01".to_owned()),
            payload: "{\"text\":\"🐝 \\u0000\"}".to_owned(),
            ..samples::event()
        };
        let mut events = vec![full, samples::event(), samples::event()];
        let mut tx = catalog(&db.store).await;
        for event in &events {
            tx.outbox().append(event).await.unwrap();
        }
        tx.commit().await.unwrap();
        events.sort_by_key(|event| event.id);
        assert_eq!(db.store.list_events(None, 10).await.unwrap(), events);
        assert_eq!(db.store.list_events(Some(events[0].id), 1).await.unwrap(), events[1..2]);
        assert_eq!(db.store.list_events(None, 0).await.unwrap(), []);
    })
    .await;
}
