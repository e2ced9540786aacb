//! The orders of a user in an export.

use super::OrderQueries;
use crate::kernel::{ExportUser, Page, PageRequest, Scope, StoreError, exported};
use async_trait::async_trait;
use serde_json::Value;
use skep_domain::shared::{Direction, Timestamp, UserId};
use std::sync::Arc;

/// The orders of a user with their lines.
pub struct ExportOrders(Arc<dyn OrderQueries>);

impl ExportOrders {
    /// Reads from this store.
    #[must_use]
    pub const fn new(orders: Arc<dyn OrderQueries>) -> Self {
        Self(orders)
    }
}

#[async_trait]
impl ExportUser for ExportOrders {
    fn section(&self) -> &'static str {
        "orders"
    }

    async fn read(&self, user: UserId, _: Timestamp, page: &PageRequest) -> Result<Page<Value>, StoreError> {
        let found = self.0.list_orders(Scope::OwnedBy(user), Direction::Ascending, page).await?;
        let items = found.items.iter().map(exported).collect::<Result<_, _>>()?;
        Ok(Page { items, next: found.next, total: found.total })
    }
}
