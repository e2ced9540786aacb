//! Metrics of units of work and of reads.

use crate::testing::{Answer, Fake, at};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use skep_application::{
    catalog::{CatalogTx, ProductQueries as _},
    kernel::{Begin, StoreError, TxMode},
};
use skep_domain::{catalog::StockLevel, shared::ProductId};
use std::{
    future::Future as _,
    pin::pin,
    task::{Context, Poll, Waker},
};
use uuid::Uuid;

fn level() -> StockLevel {
    StockLevel::empty(ProductId::new(Uuid::from_u128(1)), at(0))
}

/// The number of units by outcome, after one unit whose statement gets these answers.
async fn outcomes(answers: impl IntoIterator<Item = Answer>, end: End) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let store = Fake::answering(answers).store();
    let mut unit: Box<dyn CatalogTx> = store.begin(TxMode::Write, &[]).await.unwrap();
    match end {
        End::Cancelled => {
            let stock = unit.stock();
            let levels = [level()];
            let mut call = pin!(stock.save_many(&levels));
            assert!(matches!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
        }
        _ => drop(unit.stock().save_many(&[level()]).await),
    }
    match end {
        End::Commit => drop(unit.commit().await),
        End::RollBack => drop(unit.rollback().await),
        End::Drop | End::Cancelled => drop(unit),
    }
    counts(&recorder)
}

#[derive(Clone, Copy)]
enum End {
    Commit,
    RollBack,
    Drop,
    Cancelled,
}

fn counts(recorder: &PrometheusRecorder) -> String {
    let text = recorder.handle().render();
    let counts = text.lines().filter_map(|line| {
        let (series, count) = line.strip_prefix("skep_unit_of_work_duration_seconds_count")?.rsplit_once(' ')?;
        let (_, outcome) = series.split_once("outcome=\"")?;
        let outcome = outcome.split('"').next()?;
        (count != "0").then(|| format!("{outcome} {count}"))
    });
    counts.collect::<Vec<_>>().join(", ")
}

fn fails(error: StoreError) -> [Answer; 1] {
    [Answer::Fails(error)]
}

#[tokio::test]
async fn units_are_counted_by_how_they_end() {
    assert_eq!(outcomes([], End::Commit).await, "committed 1");
    assert_eq!(outcomes([], End::RollBack).await, "rolled_back 1");
    let duplicate = || StoreError::Duplicate { constraint: skep_application::catalog::constraints::PRODUCT_SKU };
    assert_eq!(outcomes(fails(duplicate()), End::RollBack).await, "rolled_back 1");
    let referenced =
        StoreError::Referenced { constraint: skep_application::kernel::Constraint::new("users_parent_fkey") };
    assert_eq!(outcomes(fails(referenced), End::RollBack).await, "rolled_back 1");
    for error in [StoreError::Retry("serialization".into()), StoreError::Stale] {
        assert_eq!(outcomes(fails(error), End::Drop).await, "retried 1");
    }
    // No row was changed, because another unit was faster.
    assert_eq!(outcomes([Answer::Changed(0)], End::Drop).await, "retried 1");
    assert_eq!(outcomes(fails(StoreError::Unavailable("away".into())), End::Drop).await, "failed 1");
    assert_eq!(outcomes(fails(StoreError::Full("disk".into())), End::Commit).await, "failed 1");
    assert_eq!(outcomes([], End::Drop).await, "failed 1");
    assert_eq!(outcomes([Answer::Hangs], End::Cancelled).await, "failed 1");
}

#[tokio::test]
async fn reads_are_timed_by_their_statement_and_errors_counted_by_kind() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let store = Fake::answering([Answer::Rows(vec![]), Answer::Fails(StoreError::Corrupt("a row".into()))]).store();
    let id = ProductId::new(Uuid::from_u128(1));
    assert!(store.find_product(id).await.unwrap().is_none());
    assert!(store.find_product(id).await.is_err());
    let text = recorder.handle().render();
    let wanted = "db_client_operation_duration_seconds_count{db_system_name=\"sqlite\",db_operation_name=\"catalog.product.find\"} 2";
    assert!(text.contains(wanted), "{text}");
    assert!(text.contains("skep_store_errors_total{db_system_name=\"sqlite\",error_type=\"corrupt\"} 1"), "{text}");
}
