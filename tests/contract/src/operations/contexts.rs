//! Clauses of `Migrations` and `StoreHealth` for a whole store.

use super::Schema;
use crate::{
    check::{Checked, Failure, equal},
    clause::{self, clauses},
    harness::Need,
    part::Whole,
    sample,
    units::{self, commit},
};
use async_trait::async_trait;
use skep_application::{
    Store, catalog::CatalogStore, identity::IdentityStore, kernel::Scope, operations::Migrations,
    ordering::OrderingStore,
};
use skep_domain::{
    catalog::Product,
    identity::User,
    ordering::Order,
    shared::{OrderId, ProductId, UserId},
};
use std::sync::Arc;
use uuid::Uuid;

clauses! { health of "health" on dyn Store:
    a_store_with_open_units_can_be_used,
    queries_and_units_say_that_the_server_is_away {Need::Cut},
    a_store_works_again_when_its_server_comes_back {Need::Cut},
}

type Given = clause::Given<dyn Store>;

/// Puts a user, a product and an order with the same id.
#[async_trait]
impl Schema for Whole<Arc<dyn Store>> {
    fn migrations(&self) -> &dyn Migrations {
        &*self.0
    }

    async fn put(&self, id: Uuid) -> Result<(), Failure> {
        let user = User { id: UserId::new(id), ..sample::user()? };
        let product = Product { id: ProductId::new(id), ..sample::product()? };
        let order = sample::order_of(user.id, vec![sample::line(&product, 1)?], sample::at(0))?;
        let order = Order { id: OrderId::new(id), ..order };
        let (identity, ordering): (&dyn IdentityStore, &dyn OrderingStore) = (&*self.0, &*self.0);
        commit!(identity, tx => tx.users().insert(&user).await?)?;
        sample::stock_up(ordering, &[product], 1).await?;
        commit!(ordering, tx => tx.orders().insert(&order).await?)?;
        Ok(())
    }

    async fn has(&self, id: Uuid) -> Result<bool, Failure> {
        let user = self.0.find_user(Scope::All, UserId::new(id)).await?.is_some();
        let product = self.0.find_product(ProductId::new(id)).await?.is_some();
        let stock = self.0.find_stock(ProductId::new(id), crate::sample::at(0)).await?.is_some();
        let order = self.0.find_order(Scope::All, OrderId::new(id)).await?.is_some();
        equal([product, stock, order], [user; 3])?;
        Ok(user)
    }
}

async fn a_store_with_open_units_can_be_used(given: &Given) -> Checked {
    let catalog: &dyn CatalogStore = &*given.store;
    let open = units::write(catalog).await?;
    given.store.check().await?;
    open.rollback().await?;
    Ok(())
}

async fn queries_and_units_say_that_the_server_is_away(given: &Given) -> Checked {
    let catalog: &dyn CatalogStore = &*given.store;
    let product = sample::product()?;
    sample::stock_up(catalog, std::slice::from_ref(&product), 1).await?;
    given.faults().isolate().await?;
    super::health::unavailable(given.store.find_product(product.id).await)?;
    let unit = async {
        let mut tx = units::write(catalog).await?;
        tx.products().find(product.id).await?;
        tx.commit().await
    };
    super::health::unavailable(unit.await)?;
    given.faults().mend().await
}

async fn a_store_works_again_when_its_server_comes_back(given: &Given) -> Checked {
    let catalog: &dyn CatalogStore = &*given.store;
    let product = sample::product()?;
    given.store.check().await?;
    given.faults().isolate().await?;
    super::health::unavailable(given.store.check().await)?;
    given.faults().mend().await?;
    super::health::found_again(&*given.store).await?;
    sample::stock_up(catalog, std::slice::from_ref(&product), 1).await?;
    equal(given.store.find_product(product.id).await?.map(|found| found.id), Some(product.id))
}
