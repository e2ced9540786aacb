//! Many writers of the same documents.

use crate::{
    samples::{self, at},
    support::{catalog_on, stock_up, with_db},
};
use futures_util::FutureExt as _;
use skep_application::{
    catalog::StockQueries as _,
    kernel::{AppError, Attempt, Clock, ErrorKind, IdGenerator, Key, Random, Runtime, Sleeper, StoreError, run},
};
use skep_domain::{
    catalog::StockRefusal,
    shared::{MovementId, OrderId, ProductId, Timestamp},
};
use skep_mongodb::MongoStore;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The real clock and real randomness.
struct World(Instant);

impl Clock for World {
    fn now(&self) -> Timestamp {
        at(0)
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}
impl IdGenerator for World {
    fn next(&self) -> uuid::Uuid {
        samples::uuid()
    }
}
impl Random for World {
    fn bits(&self) -> u64 {
        samples::uuid().as_u64_pair().1
    }
    fn secret(&self) -> [u8; 32] {
        [0; 32]
    }
}
#[async_trait::async_trait]
impl Sleeper for World {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

fn runtime() -> Runtime {
    let world = Arc::new(World(Instant::now()));
    Runtime { clock: world.clone(), ids: world.clone(), random: world.clone(), sleeper: world }
}

#[derive(Debug, thiserror::Error)]
enum BuyError {
    #[error("sold out")]
    SoldOut,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppError for BuyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::SoldOut => ErrorKind::Conflict,
            Self::Store(error) => error.kind(),
        }
    }
    fn code(&self) -> &'static str {
        match self {
            Self::SoldOut => "sold_out",
            Self::Store(error) => error.code(),
        }
    }
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::SoldOut => None,
            Self::Store(error) => Some(error),
        }
    }
}

/// Buys one unit of the product, and queues on `contended`.
async fn buy(store: &MongoStore, product: ProductId, contended: &[Key]) -> Result<(), BuyError> {
    let order = OrderId::new(samples::uuid());
    run(&runtime(), None, |attempt: Attempt| async move {
        let mut tx = catalog_on(store, contended).await?;
        let result = async {
            let mut levels = tx.stock().find_many(&[product]).await?;
            let moved = levels[0].reserve(MovementId::new(samples::uuid()), order, 1, at(1));
            let movement = moved.map_err(|_: StockRefusal| BuyError::SoldOut)?;
            tx.stock().save_many(&levels).await?;
            tx.stock().append_movements(&[movement]).await?;
            tx.stock().insert_reservations(&[samples::reservation(order, product, None)]).await?;
            Ok(())
        }
        .await;
        attempt.end(tx, result).await
    })
    .await
}

async fn sell(stores: Vec<Arc<MongoStore>>, buyers: usize, pieces: u32, queue: bool) {
    let product = stock_up(&stores[0], pieces).await.id;
    let contended = if queue { vec![Key(product.uuid())] } else { vec![] };
    let tasks: Vec<_> = (0..buyers)
        .map(|n| {
            let (store, contended) = (Arc::clone(&stores[n % stores.len()]), contended.clone());
            tokio::spawn(async move { buy(&store, product, &contended).await })
        })
        .collect();
    let (mut sold, mut refused) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => sold += 1,
            Err(BuyError::SoldOut) => refused += 1,
            Err(BuyError::Store(error)) => panic!("{error:?}"),
        }
    }
    assert_eq!((sold, refused), (pieces as usize, buyers - pieces as usize));
    let stock = stores[0].find_stock(product, Timestamp::MIN).await.unwrap().unwrap();
    assert_eq!((stock.reserved, stock.available), (pieces, 0));
    let mut tx = catalog_on(&stores[0], &[]).await.unwrap();
    assert_eq!(tx.stock().list_movements(product).await.unwrap().len(), pieces as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_buyers_of_thirty_two_pieces_make_thirty_two_sales() {
    with_db(|db| async move { sell(vec![Arc::clone(&db.store)], 64, 32, true).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_at_two_instances_sell_each_piece_once() {
    with_db(|db| async move {
        let another = Arc::new(db.another().await);
        sell(vec![Arc::clone(&db.store), another], 24, 12, true).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_queue_colliding_units_are_repeated() {
    with_db(|db| async move { sell(vec![Arc::clone(&db.store)], 8, 4, false).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_end_when_a_unit_is_dropped_refused_or_canceled_while_waiting() {
    with_db(|db| async move {
        let product = stock_up(&db.store, 5).await;
        let keys = [Key(product.id.uuid())];
        let first = catalog_on(&db.store, &keys).await.unwrap();
        let mut waiting = Box::pin(catalog_on(&db.store, &keys));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        drop(first);
        let mut second = catalog_on(&db.store, &keys).await.unwrap();
        second.stock().find_many(&[product.id]).await.unwrap();
        second.rollback().await.unwrap();
        let third = catalog_on(&db.store, &keys).await.unwrap();
        third.commit().await.unwrap();
        let fourth = catalog_on(&db.store, &keys).await.unwrap();
        drop(tokio::spawn(async move { fourth.commit().await }));
        catalog_on(&db.store, &keys).await.unwrap().commit().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_write_leave_connections_for_reads() {
    with_db(|db| async move {
        let mut options = db.options.clone();
        options.max_pool_size = 4;
        let store = Arc::new(MongoStore::connect(options, db.clock.clone()).await.unwrap());
        let product = stock_up(&store, 5).await;
        let mut changes = vec![];
        for _ in 0..3 {
            changes.push(catalog_on(&store, &[]).await.unwrap());
        }
        let mut waiting = Box::pin(catalog_on(&store, &[]));
        assert!(waiting.as_mut().now_or_never().is_none(), "a fourth change waits");
        assert_eq!(store.find_stock(product.id, at(0)).await.unwrap().unwrap().available, 5);
        drop(changes.pop());
        waiting.await.unwrap().commit().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_unit_is_rolled_back_before_the_next_one_starts() {
    with_db(|db| async move {
        let product = stock_up(&db.store, 5).await;
        let keys = [Key(product.id.uuid())];
        for _ in 0..20 {
            let mut dropped = catalog_on(&db.store, &keys).await.unwrap();
            let levels = dropped.stock().find_many(&[product.id]).await.unwrap();
            dropped.stock().save_many(&levels).await.unwrap();
            drop(dropped);
            // It does not collide with the writes of the first unit, which are rolled back.
            let mut next = catalog_on(&db.store, &keys).await.unwrap();
            let levels = next.stock().find_many(&[product.id]).await.unwrap();
            next.stock().save_many(&levels).await.unwrap();
            next.commit().await.unwrap();
        }
    })
    .await;
}
