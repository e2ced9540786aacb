//! The runner of the migrations.

use crate::testing::{Fake, at};
use skep_application::operations::{MigrationError, Migrations};

#[tokio::test]
async fn up_applies_what_is_missing_and_keeps_what_came_before_a_failure() {
    let fake = Fake::applied(&[1]);
    let error = fake.store().up().await.unwrap_err();
    assert!(matches!(error, MigrationError::Failed { number: 3, .. }), "{error}");
    assert_eq!(fake.log(), ["up 2", "broken"]);
    assert_eq!(fake.numbers(), [1, 2]);
}

#[tokio::test]
async fn up_does_nothing_when_all_is_there() {
    let fake = Fake::applied(&[1, 2, 3]);
    assert_eq!(fake.store().up().await.unwrap(), []);
    assert!(fake.log().is_empty());
}

#[tokio::test]
async fn down_takes_back_the_newest_first_and_no_more_than_there_is() {
    let fake = Fake::applied(&[1, 2, 3]);
    let done = fake.store().down(2).await.unwrap();
    assert_eq!(
        done.iter().map(|status| (status.number, status.applied_at)).collect::<Vec<_>>(),
        [(3, None), (2, None)]
    );
    assert_eq!(fake.log(), ["down 3", "down 2"]);
    assert_eq!(fake.store().down(5).await.unwrap().len(), 1);
    assert!(fake.numbers().is_empty());
}

#[tokio::test]
async fn status_tells_every_step_that_is_known() {
    let status = Fake::applied(&[1]).store().status().await.unwrap();
    let told: Vec<_> = status.iter().map(|step| (step.number, step.name.as_str(), step.applied_at)).collect();
    assert_eq!(told, [(1, "first", Some(at(1))), (2, "second", None), (3, "third", None)]);
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let fake = Fake::applied(&[1, 2, 3, 4]);
    let store = fake.store();
    let newer = |error| matches!(error, MigrationError::Newer { found: 4, known: 3 });
    assert!(store.up().await.is_err_and(newer));
    assert!(store.down(1).await.is_err_and(newer));
    assert!(store.status().await.is_err_and(newer));
    assert_eq!((fake.log(), fake.numbers()), (vec![], vec![1, 2, 3, 4]));
}
