//! Migrations of the schema.

use crate::support::{until, with_empty_db};
use bson::{Bson, Document, doc};
use skep_application::operations::{Down, MigrationError, Migrations as _};
use skep_mongodb::MongoStore;
use std::{sync::Arc, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn up_applies_each_step_once_and_down_reverts_it() {
    with_empty_db(|db| async move {
        let before = db.store.status().await.unwrap();
        assert!(!before.is_empty() && before.iter().all(|step| step.applied_at.is_none()));
        let applied = db.store.up().await.unwrap();
        assert_eq!(applied.len(), before.len());
        assert_eq!(db.store.status().await.unwrap(), applied);
        assert_eq!(db.store.up().await.unwrap(), []);

        assert_eq!(db.store.down(&Down::newest(1)).await.unwrap().len(), 1);
        let down = db.store.down(&Down::newest(99)).await.unwrap();
        assert_eq!(down.len(), before.len() - 1);
        assert_eq!(db.store.status().await.unwrap(), before);
        let left = db.command(doc! { "listCollections": 1 }).await;
        let left = left.get_document("cursor").unwrap().get_array("firstBatch").unwrap().clone();
        let mut names: Vec<&str> = left.iter().map(|c| c.as_document().unwrap().get_str("name").unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["schema_locks", "schema_migrations"]);
        assert_eq!(db.store.up().await.unwrap().len(), before.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_instances_one_migrates_and_the_others_find_it_done() {
    with_empty_db(|db| async move {
        let mut starters = Vec::new();
        for _ in 0..8 {
            let store: MongoStore = db.another().await;
            starters.push(tokio::spawn(async move { store.up().await.unwrap() }));
        }
        let mut moved = Vec::new();
        for starter in starters {
            moved.extend(starter.await.unwrap().into_iter().map(|step| step.number));
        }
        let known: Vec<i64> = db.store.status().await.unwrap().iter().map(|step| step.number).collect();
        assert_eq!(moved, known);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_finished_step_is_completed() {
    with_empty_db(|db| async move {
        db.command(doc! { "create": "users" }).await;
        db.command(doc! { "create": "products", "validator": { "sku": { "$exists": true } } }).await;
        db.store.up().await.unwrap();
        let indexes = db.command(doc! { "listIndexes": "users" }).await;
        assert!(indexes.to_string().contains("users_email_key"), "{indexes}");
    })
    .await;
}

/// A record as 0.1.0 stored it, and one that it would read.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_a_set_belongs_to_the_foundation() {
    with_empty_db(|db| async move {
        db.store.up().await.unwrap();
        let old = doc! { "q": { "_id": 1_i64 }, "u": { "$unset": { "set": "", "step": "" } } };
        db.command(doc! { "update": "schema_migrations", "updates": [old] }).await;
        let status = db.store.status().await.unwrap();
        assert_eq!((status[0].set.as_str(), status[0].number), ("foundation", 1));
        assert!(status[0].applied_at.is_some());
        assert_eq!(db.store.up().await.unwrap(), []);
        let newer = doc! { "_id": 99_i64, "name": "future", "applied_at": bson::DateTime::from_millis(0) };
        db.command(doc! { "insert": "schema_migrations", "documents": [newer] }).await;
        let refused = db.store.status().await;
        assert!(matches!(refused, Err(MigrationError::Newer { found: 99, known: 1, .. })), "{refused:?}");
    })
    .await;
}

fn lock(owner: Bson, expires_at: bson::DateTime) -> Document {
    let change = doc! { "$set": { "owner": owner, "expires_at": expires_at } };
    doc! { "update": "schema_locks", "updates": [{ "q": { "_id": "migrations" }, "u": change, "upsert": true }] }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_waits_for_the_lease_and_finally_gives_up() {
    with_empty_db(|db| async move {
        db.command(lock("another owner".into(), bson::DateTime::MAX)).await;
        let mut options = db.options.clone();
        options.migration_patience = Duration::from_millis(300);
        let impatient = MongoStore::connect(options, db.clock.clone()).await.unwrap();
        assert!(matches!(impatient.up().await, Err(MigrationError::Store(_))));

        let waiting = {
            let store = Arc::clone(&db.store);
            tokio::spawn(async move { store.up().await.unwrap() })
        };
        db.command(lock(Bson::Null, bson::DateTime::from_millis(0))).await;
        assert!(!waiting.await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_crashed_instance_expires() {
    with_empty_db(|db| async move {
        let soon = bson::DateTime::now().saturating_add_millis(700);
        db.command(lock("a crashed owner".into(), soon)).await;
        assert!(!db.store.up().await.unwrap().is_empty());
        until("the free lease", || async {
            let locks = db.command(doc! { "find": "schema_locks" }).await;
            locks.to_string().contains("\"owner\": null")
        })
        .await;
    })
    .await;
}
