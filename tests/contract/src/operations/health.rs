//! `StoreHealth`.

use crate::{
    check::{Checked, Failure, equal},
    clause::{Given, clauses},
    harness::Need,
    sample, units,
};
use skep_application::kernel::StoreError;

clauses! { "health":
    a_store_that_can_be_used_says_so,
    a_store_whose_server_is_away_says_so {Need::Cut},
    a_store_whose_server_comes_back_can_be_used {Need::Cut},
}

async fn a_store_that_can_be_used_says_so(given: &Given) -> Checked {
    given.store.check().await?;
    given.second().await?.check().await?;
    // Also while units are open.
    let open = units::catalog(&*given.store).await?;
    given.store.check().await?;
    open.rollback().await?;
    Ok(())
}

fn unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Checked {
    match result {
        Err(StoreError::Unavailable(_)) => Ok(()),
        other => Err(Failure::new(format!("expected unavailable, found {other:?}"))),
    }
}

async fn a_store_whose_server_is_away_says_so(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    given.instance.isolate().await?;
    unavailable(given.store.check().await)?;
    unavailable(given.store.find_product(product.id).await)?;
    let unit = async {
        let mut tx = units::catalog(&*given.store).await?;
        tx.products().find(product.id).await?;
        tx.commit().await
    };
    unavailable(unit.await)?;
    given.instance.mend().await
}

async fn a_store_whose_server_comes_back_can_be_used(given: &Given) -> Checked {
    let product = sample::product()?;
    given.store.check().await?;
    given.instance.isolate().await?;
    unavailable(given.store.check().await)?;
    given.instance.mend().await?;
    let until = tokio::time::Instant::now() + units::REPEATS;
    while given.store.check().await.is_err() {
        if tokio::time::Instant::now() > until {
            return Err(Failure::new("the store does not find its server again"));
        }
        tokio::time::sleep(units::PAUSE).await;
    }
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    equal(given.store.find_product(product.id).await?.map(|found| found.id), Some(product.id))
}
