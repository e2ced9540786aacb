//! Products and stock.

use super::{
    Done, Double, Flaw, Unit,
    queries::page,
    table::{Row, next, unique},
};
use async_trait::async_trait;
use skep_application::{
    catalog::{
        ProductQueries, ProductRepository, ProductSort, ProductSortKey, StockQueries, StockRepository, StockView,
        constraints::{MOVEMENT_ID, PRODUCT_ID, PRODUCT_SKU, RESERVATION_ID, STOCK_LEVEL_PRODUCT},
    },
    kernel::{Constraint, Page, PageRequest, StoreError},
};
use skep_domain::{
    catalog::{Product, Reservation, ReservationState, StockLevel, StockMovement},
    shared::{Money, OrderId, ProductId, Timestamp, Version},
};

impl Row for Product {
    type Key = ProductId;
    const KEY: Constraint = PRODUCT_ID;
    fn key(&self) -> ProductId {
        self.id
    }
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }
    fn clash(&self, other: &Self) -> Option<Constraint> {
        (self.sku == other.sku).then_some(PRODUCT_SKU)
    }
    fn kept(&self, _: Option<&Self>, flaw: Flaw) -> Self {
        let mut product = self.clone();
        if flaw == Flaw::RoundsPrices {
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "that is the flaw")]
            let amount = product.price.amount() as f64 as i64;
            product.price = Money::new(amount, product.price.currency());
        }
        if flaw == Flaw::CutsMilliseconds {
            let millis = product.created_at.as_millis();
            product.created_at = Timestamp::from_millis(millis - millis.rem_euclid(1_000)).unwrap();
        }
        product
    }
}

#[async_trait]
impl ProductRepository for Unit {
    async fn find(&mut self, id: ProductId) -> Done<Option<Product>> {
        self.run(|state, _| Ok(state.products.get(&id).cloned())).await
    }
    async fn find_many(&mut self, ids: &[ProductId]) -> Done<Vec<Product>> {
        self.run(|state, _| Ok(state.products.values().filter(|one| ids.contains(&one.id)).cloned().collect())).await
    }
    async fn insert(&mut self, product: &Product) -> Done<()> {
        self.run(|state, flaw| state.products.insert(product, flaw)).await
    }
    async fn save(&mut self, product: &Product) -> Done<Version> {
        self.run(|state, flaw| state.products.save(product, flaw)).await
    }
}

#[async_trait]
impl ProductQueries for Double {
    async fn find_product(&self, id: ProductId) -> Done<Option<Product>> {
        Ok(self.seen().products.get(&id).cloned())
    }
    async fn list_products(&self, sort: ProductSort, request: &PageRequest) -> Done<Page<Product>> {
        let state = self.seen();
        let listed = |archived: bool| !archived || self.flaw == Flaw::ListsArchived;
        let on_sale = state.products.values().filter(|product| listed(product.archived_at.is_some()));
        let key: ProductSortKey = sort.key;
        let rows = on_sale.cloned().collect();
        Ok(page(rows, |row| key.position(row), |_| 0, sort.direction, request, self.flaw))
    }
}

#[async_trait]
impl StockRepository for Unit {
    async fn find_many(&mut self, ids: &[ProductId]) -> Done<Vec<StockLevel>> {
        self.run(|state, _| Ok(state.levels.values().filter(|one| ids.contains(&one.product_id)).copied().collect()))
            .await
    }
    async fn insert(&mut self, level: &StockLevel) -> Done<()> {
        self.run(|state, flaw| {
            unique(state.levels.contains_key(&level.product_id).then_some(STOCK_LEVEL_PRODUCT), flaw)?;
            state.levels.insert(level.product_id, *level);
            Ok(())
        })
        .await
    }
    async fn save_many(&mut self, levels: &[StockLevel]) -> Done<()> {
        self.run(|state, flaw| {
            for level in levels {
                let stored = state.levels.get(&level.product_id).map(|stored| stored.version);
                let version = next(stored, level.version, flaw)?;
                state.levels.insert(level.product_id, StockLevel { version, ..*level });
            }
            Ok(())
        })
        .await
    }
    async fn append_movements(&mut self, movements: &[StockMovement]) -> Done<()> {
        self.run(|state, flaw| {
            for movement in movements {
                let taken = state.movements.iter().any(|other| other.id == movement.id);
                unique(taken.then_some(MOVEMENT_ID), flaw)?;
                state.movements.push(*movement);
            }
            Ok(())
        })
        .await
    }
    async fn list_movements(&mut self, product: ProductId) -> Done<Vec<StockMovement>> {
        self.run(|state, _| {
            let mut found: Vec<_> = state.movements.iter().filter(|one| one.product_id == product).copied().collect();
            found.sort_by_key(|movement| (movement.created_at, movement.id));
            Ok(found)
        })
        .await
    }
    async fn insert_reservations(&mut self, reservations: &[Reservation]) -> Done<()> {
        self.run(|state, flaw| {
            for reservation in reservations {
                unique(state.reservations.contains_key(&reservation.id).then_some(RESERVATION_ID), flaw)?;
                state.reservations.insert(reservation.id, *reservation);
            }
            Ok(())
        })
        .await
    }
    async fn list_reservations(&mut self, order: OrderId) -> Done<Vec<Reservation>> {
        self.run(|state, _| {
            let mut found: Vec<_> = state.reservations.values().filter(|one| one.order_id == order).copied().collect();
            found.sort_by_key(|reservation| reservation.product_id);
            Ok(found)
        })
        .await
    }
    async fn list_expired(&mut self, ids: &[ProductId], now: Timestamp, limit: u32) -> Done<Vec<Reservation>> {
        self.run(|state, flaw| {
            let due = |end: Timestamp| if flaw == Flaw::ExpiresLate { end < now } else { end <= now };
            let expired = |one: &&Reservation| {
                let active = one.state == ReservationState::Active && ids.contains(&one.product_id);
                active && one.expires_at.is_some_and(due)
            };
            let mut found: Vec<_> = state.reservations.values().filter(expired).copied().collect();
            found.sort_by_key(|reservation| reservation.product_id);
            found.truncate(usize::try_from(limit).unwrap());
            Ok(found)
        })
        .await
    }
    async fn end_reservations(&mut self, reservations: &[Reservation]) -> Done<()> {
        self.run(|state, flaw| {
            for ended in reservations {
                match state.reservations.get_mut(&ended.id) {
                    Some(one) if one.state == ReservationState::Active || flaw == Flaw::EndsTwice => *one = *ended,
                    _ => return Err(StoreError::Stale),
                }
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl StockQueries for Double {
    async fn find_stock(&self, id: ProductId) -> Done<Option<StockView>> {
        let state = self.seen();
        let on_sale = match state.products.get(&id) {
            Some(product) => product.is_on_sale(),
            None if self.flaw == Flaw::ShowsOrphans => false,
            None => return Ok(None),
        };
        Ok(state.levels.get(&id).map(|level| StockView::of(level, on_sale)))
    }
}
