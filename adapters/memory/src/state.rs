//! All that a store keeps.

use crate::table::{Shared, Table};
use skep_application::{
    identity::SetupToken,
    kernel::OutboxEvent,
    operations::{AppliedStep, SealedKey},
};
use skep_domain::{
    catalog::{Category, Product, Reservation, StockLevel, StockMovement},
    identity::{Session, User},
    ordering::Order,
    shared::{EventId, ReservationId, SessionId, Timestamp},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// All that a store keeps, at one moment. A copy is cheap: it shares every table until one of both changes it.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The accounts.
    pub users: Table<User>,
    /// The log-ins.
    pub sessions: Shared<BTreeMap<SessionId, Session>>,
    /// The token of the set-up.
    pub setup_token: Option<SetupToken>,
    /// The products, archived ones too.
    pub products: Table<Product>,
    /// The tree of categories.
    pub categories: Table<Category>,
    /// How much of each product there is.
    pub levels: Table<StockLevel>,
    /// The ledger, in the order in which it was written.
    pub movements: Shared<Vec<StockMovement>>,
    /// What orders have claimed, also after its end.
    pub reservations: Shared<BTreeMap<ReservationId, Reservation>>,
    /// The orders, with their lines.
    pub orders: Table<Order>,
    /// The idempotency keys, by principal, use case and key.
    pub keys: Shared<BTreeMap<(Uuid, &'static str, String), StoredKey>>,
    /// The outbox.
    pub events: Shared<BTreeMap<EventId, OutboxEvent>>,
    /// The sealed keys of the deployment.
    pub instance_keys: Shared<Vec<SealedKey>>,
    /// The records of the steps of the schema that were applied.
    pub applied: Shared<Vec<AppliedStep>>,
}

/// An idempotency key that is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Tells the command that claimed it from others.
    pub fingerprint: [u8; 32],
    /// What the command answered.
    pub answer: String,
    /// From when on the key may be claimed again.
    pub expires_at: Timestamp,
}

impl State {
    /// How many rows all tables have.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.users.len()
            + self.sessions.len()
            + self.products.len()
            + self.categories.len()
            + self.levels.len()
            + self.movements.len()
            + self.reservations.len()
            + self.orders.len()
            + self.keys.len()
            + self.events.len()
    }
}
