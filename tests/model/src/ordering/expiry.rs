//! Orders that are not paid in time, and claims that no longer hold their pieces, in the model.

use super::{Claim, Stored};
use crate::{catalog, model::Model};
use serde_json::json;
use skep_domain::{
    catalog::MovementKind,
    shared::{OrderId, ProductId, Timestamp},
};

/// How long an order waits for its payment: 7 days in milliseconds.
pub(super) const LIFETIME: i64 = 7 * 86_400_000;

impl Claim {
    /// Whether the claim is on this product and no longer holds its pieces, but has not ended.
    fn is_over(&self, product: ProductId, at: Timestamp) -> bool {
        self.product == product && self.state == "active" && self.expires_at.is_some_and(|end| end <= at)
    }

    pub(super) fn end(&mut self, state: &'static str, at: Timestamp) {
        self.state = state;
        self.ended_at = Some(at.max(self.made_at));
    }
}

impl Model {
    /// The number of reserved pieces of the product whose claims no longer hold them.
    pub(crate) fn expired_pieces(&self, product: ProductId, at: Timestamp) -> u32 {
        let claims = self.stored.get::<Stored>().orders.values().flat_map(|sold| &sold.claims);
        claims.filter(|claim| claim.is_over(product, at)).map(|claim| claim.quantity).sum()
    }

    /// Ends the claims on the product that no longer hold their pieces. Their orders stay as they are.
    pub(crate) fn free_expired(&mut self, product: ProductId, at: Timestamp) {
        let mut freed: Vec<(OrderId, u32)> = vec![];
        for (id, sold) in &mut self.stored.get_mut::<Stored>().orders {
            for claim in sold.claims.iter_mut().filter(|claim| claim.is_over(product, at)) {
                claim.end("expired", at);
                freed.push((*id, claim.quantity));
            }
            sold.claims.sort();
        }
        if let Some(shelf) = self.stored.get_mut::<catalog::Stored>().shelves.get_mut(&product) {
            freed.into_iter().for_each(|(order, quantity)| shelf.freed(quantity, order, at));
        }
    }

    /// Ends the active claims of an order and gives their pieces back.
    pub(super) fn give_back(&mut self, id: OrderId, state: &'static str, at: Timestamp) {
        let Some(sold) = self.stored.get_mut::<Stored>().orders.get_mut(&id) else { return };
        let mut ended: Vec<(ProductId, u32)> = vec![];
        for claim in sold.claims.iter_mut().filter(|claim| claim.state == "active") {
            claim.end(state, at);
            ended.push((claim.product, claim.quantity));
        }
        sold.claims.sort();
        for (product, quantity) in ended {
            if let Some(shelf) = self.stored.get_mut::<catalog::Stored>().shelves.get_mut(&product) {
                shelf.moved(MovementKind::Release, (0, -i64::from(quantity)), Some(id), at);
            }
        }
    }

    /// Ends the orders that were not paid in time, and returns how many.
    pub(super) fn expire_orders(&mut self, at: Timestamp) -> u64 {
        let orders = &self.stored.get::<Stored>().orders;
        let is_over = |end: Option<Timestamp>| end.is_some_and(|end| end <= at);
        let overdue: Vec<OrderId> =
            orders.iter().filter(|(_, sold)| is_over(sold.order.expires_at)).map(|(id, _)| *id).collect();
        for id in &overdue {
            let Some(sold) = self.stored.get_mut::<Stored>().orders.get_mut(id) else { continue };
            let order = &mut sold.order;
            order.status = "expired".to_owned();
            order.expires_at = None;
            order.updated_at = at.max(order.updated_at);
            order.version = order.version.next();
            let (of, told_at) = ((id.uuid(), order.version), order.updated_at);
            let payload = json!({ "order_id": id, "customer_id": order.customer_id });
            self.give_back(*id, "expired", at);
            self.tell_of(None, "ordering.order_expired.v1", of, told_at, &payload);
        }
        u64::try_from(overdue.len()).unwrap_or(u64::MAX)
    }
}
