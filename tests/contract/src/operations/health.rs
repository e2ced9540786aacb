//! `StoreHealth`.

use crate::{
    check::{Checked, Failure},
    clause::{self, clauses},
    harness::Need,
    units,
};
use skep_application::{kernel::StoreError, operations::StoreHealth};

clauses! { clauses of "health" on dyn StoreHealth:
    a_store_that_can_be_used_says_so,
    a_store_whose_server_is_away_says_so {Need::Cut},
    a_store_whose_server_comes_back_can_be_used {Need::Cut},
}

type Given = clause::Given<dyn StoreHealth>;

async fn a_store_that_can_be_used_says_so(given: &Given) -> Checked {
    given.store.check().await?;
    given.second().await?.check().await?;
    Ok(())
}

pub(super) fn unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Checked {
    match result {
        Err(StoreError::Unavailable(_)) => Ok(()),
        other => Err(Failure::new(format!("expected unavailable, found {other:?}"))),
    }
}

async fn a_store_whose_server_is_away_says_so(given: &Given) -> Checked {
    given.store.check().await?;
    given.faults().isolate().await?;
    unavailable(given.store.check().await)?;
    given.faults().mend().await
}

/// Waits until the store has reconnected to its server.
pub(super) async fn found_again(store: &(impl StoreHealth + ?Sized)) -> Checked {
    let until = tokio::time::Instant::now() + units::REPEATS;
    while store.check().await.is_err() {
        if tokio::time::Instant::now() > until {
            return Err(Failure::new("the store does not reconnect to its server"));
        }
        tokio::time::sleep(units::PAUSE).await;
    }
    Ok(())
}

async fn a_store_whose_server_comes_back_can_be_used(given: &Given) -> Checked {
    given.store.check().await?;
    given.faults().isolate().await?;
    unavailable(given.store.check().await)?;
    given.faults().mend().await?;
    found_again(&*given.store).await
}
