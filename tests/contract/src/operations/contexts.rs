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
    Store,
    catalog::CatalogStore,
    identity::IdentityStore,
    kernel::Scope,
    operations::{Defect, MigrationStatus, Migrations, StoreUse},
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
    a_store_that_works_has_no_fatal_defect ["StoreHealth 1"],
    an_inspection_of_an_empty_store_migrates_nothing ["StoreHealth 1", "StoreHealth 2"] (start Empty),
    an_inspection_says_that_the_server_is_away {Need::Cut},
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

fn no_fatal_defect(defects: &[Defect]) -> Checked {
    let unclear = |defect: &&Defect| defect.text.is_empty() || defect.remedy.is_empty();
    equal(defects.iter().find(unclear), None)?;
    equal(defects.iter().find(|defect| defect.is_fatal), None)
}

async fn a_store_that_works_has_no_fatal_defect(given: &Given) -> Checked {
    let catalog: &dyn CatalogStore = &*given.store;
    let product = sample::product()?;
    sample::stock_up(catalog, std::slice::from_ref(&product), 1).await?;
    for usage in [StoreUse::Serve, StoreUse::Migrate] {
        no_fatal_defect(&given.store.inspect(usage).await?)?;
        no_fatal_defect(&given.second().await?.inspect(usage).await?)?;
    }
    equal(given.store.find_product(product.id).await?.map(|found| found.id), Some(product.id))
}

async fn an_inspection_of_an_empty_store_migrates_nothing(given: &Given) -> Checked {
    let is_missing = |steps: Vec<MigrationStatus>| steps.iter().all(|step| step.applied_at.is_none());
    no_fatal_defect(&given.store.inspect(StoreUse::Migrate).await?)?;
    equal(is_missing(given.store.status().await?), true)?;
    given.store.up().await?;
    no_fatal_defect(&given.store.inspect(StoreUse::Serve).await?)
}

async fn an_inspection_says_that_the_server_is_away(given: &Given) -> Checked {
    given.store.check().await?;
    given.faults().isolate().await?;
    super::health::unavailable(given.store.inspect(StoreUse::Serve).await)?;
    given.faults().mend().await
}
