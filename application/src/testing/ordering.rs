//! The mock world of ordering.

use super::{MockUnit, Seen, World};
use crate::ordering::OrderingMocks;
use skep_domain::{
    catalog::{Product, Reservation, StockLevel},
    ordering::Order,
};

/// A shop with products, their stock and an order.
#[derive(Clone, Default)]
pub struct Shop {
    /// All products that exist.
    pub products: Vec<Product>,
    /// The stock levels of the products.
    pub levels: Vec<StockLevel>,
    /// All reservations that exist.
    pub reservations: Vec<Reservation>,
    /// The number of lines of each customer's open orders.
    pub open_lines: u64,
    /// The only order, if there is one.
    pub order: Option<Order>,
    /// The calls that the units of work have received.
    pub seen: Seen,
}

impl World for Shop {
    type Mocks = OrderingMocks;

    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn looking(&self) -> MockUnit<OrderingMocks> {
        let (seen, reservations) = (self.seen.clone(), self.reservations.clone());
        let mut unit: MockUnit<OrderingMocks> = seen.looking();
        let products = self.products.clone();
        unit.products.expect_find_many().returning(seen.finds_many("products.find_many", products, |found| found.id));
        let levels = self.levels.clone();
        unit.stock.expect_find_many().returning(seen.finds_many("stock.find_many", levels, |level| level.product_id));
        let orders = Vec::from_iter(self.order.clone());
        unit.orders.expect_find().returning(seen.finds("orders.find", orders, |order| order.id));
        let open_lines = self.open_lines;
        unit.orders.expect_count_open_lines().returning(move |_, _| Ok(open_lines));
        unit.stock.expect_list_reservations().returning(move |order| {
            seen.note("stock.list_reservations", &[order]);
            Ok(reservations.iter().filter(|reservation| reservation.order_id == order).copied().collect())
        });
        unit
    }

    fn open(&self) -> MockUnit<OrderingMocks> {
        let (mut unit, seen) = (self.looking(), &self.seen);
        unit.orders.expect_insert().returning(seen.stores("orders.insert"));
        unit.orders.expect_save().returning(seen.saves("orders.save", |order: &Order| order.version));
        unit.stock.expect_save_many().returning(seen.stores_many("stock.save_many"));
        unit.stock.expect_append_movements().returning(seen.stores_many("stock.append_movements"));
        unit.stock.expect_insert_reservations().returning(seen.stores_many("stock.insert_reservations"));
        unit.stock.expect_end_reservations().returning(seen.stores_many("stock.end_reservations"));
        unit.stock.expect_keep_reservations().returning(seen.stores_many("stock.keep_reservations"));
        seen.writes(&mut unit);
        unit
    }
}
