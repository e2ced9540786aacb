//! Children that refer to their parents, on a real server.

use crate::{
    locks::Turns,
    record::{self, Record, Reference, Stored, Unreadable, Versioned, version},
    store::MongoStore,
    unit::MongoUnit,
};
use bson::doc;
use serde::{Deserialize, Serialize};
use skep_application::{
    kernel::{Constraint, StoreError, Transaction as _, TxMode},
    testing::FixedClock,
};
use skep_domain::shared::Version;
use std::{
    io::Write as _,
    slice::from_ref,
    sync::Arc,
    time::{Duration, Instant},
};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq)]
struct Node {
    id: Uuid,
    parent: Option<Uuid>,
    version: Version,
}

#[derive(Serialize, Deserialize)]
struct NodeDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    parent_id: Option<bson::Uuid>,
    version: i64,
}

const PARENT: Reference = Reference {
    constraint: Constraint::new("nodes_parent_id_fkey"),
    from: NodeDoc::COLLECTION,
    field: "parent_id",
    to: NodeDoc::COLLECTION,
};

impl Record for NodeDoc {
    const COLLECTION: &'static str = "nodes";
    type Entity = Node;
    fn read(self) -> Result<Node, Unreadable> {
        let parent = self.parent_id.map(bson::Uuid::to_uuid_1);
        Ok(Node { id: self.id.to_uuid_1(), parent, version: version(self.version)? })
    }
}

impl Stored for NodeDoc {
    const REFERENCES: &'static [Reference] = &[PARENT];
    const REFERENCED_BY: &'static [Reference] = &[PARENT];
    fn of(node: &Node) -> Self {
        let parent_id = node.parent.map(record::id);
        Self { id: record::id(node.id), parent_id, version: node.version.get() }
    }
}

impl Versioned for NodeDoc {}

fn under(parent: Option<&Node>) -> Node {
    Node { id: bson::Uuid::new().to_uuid_1(), parent: parent.map(|node| node.id), version: Version::FIRST }
}

/// A separate database for one test.
struct Db(Arc<MongoStore>);

/// Runs the test on a database with these roots, and drops it in any case.
async fn with_roots<const N: usize, Fut>(body: impl FnOnce(Arc<Db>, [Node; N]) -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let Some(url) = std::env::var("SKEP_TEST_MONGODB_URL").ok().filter(|url| !url.is_empty()) else {
        let required = std::env::var("SKEP_REQUIRE_STORES").is_ok_and(|stores| stores.contains("mongodb"));
        assert!(!required, "SKEP_REQUIRE_STORES names mongodb, but SKEP_TEST_MONGODB_URL is not set");
        // Written directly to stderr, because the test runner would capture it.
        std::io::stderr().lock().write_all(b"skipped: SKEP_TEST_MONGODB_URL is not set\n").unwrap();
        return;
    };
    let mut options = crate::MongoOptions::new(url);
    options.database = Some(format!("skep_test_{}", bson::Uuid::new().to_uuid_1().simple()));
    let store = Arc::new(MongoStore::connect(options, Arc::new(FixedClock::default())).await.unwrap());
    let roots = [(); N].map(|()| under(None));
    store.read().await.unwrap().add::<NodeDoc>(&roots).await.unwrap();
    let result = tokio::spawn(body(Arc::new(Db(Arc::clone(&store))), roots)).await;
    store.read().await.unwrap().define(doc! { "dropDatabase": 1 }, &[]).await.unwrap();
    if let Err(error) = result {
        std::panic::resume_unwind(error.into_panic());
    }
}

impl Db {
    async fn begin(&self) -> Box<MongoUnit> {
        let transaction = self.0.read().await.unwrap().transaction(TxMode::Write).await.unwrap();
        Box::new(MongoUnit::new(transaction, Turns::default(), Arc::default(), Arc::default()))
    }

    /// A unit that has taken its snapshot.
    async fn begun(&self) -> Box<MongoUnit> {
        let mut unit = self.begin().await;
        unit.by_id::<NodeDoc>(Uuid::nil()).await.unwrap();
        unit
    }

    async fn insert(&self, node: &Node) -> Result<(), StoreError> {
        let mut unit = self.begin().await;
        let done = unit.add::<NodeDoc>(from_ref(node)).await;
        Self::end(unit, done).await
    }

    async fn delete(&self, node: &Node) -> Result<(), StoreError> {
        let mut unit = self.begin().await;
        let done = unit.remove::<NodeDoc>(node).await;
        Self::end(unit, done).await
    }

    /// After a refusal, the documents that the unit wrote are free when this returns. A dropped unit would free them
    /// later.
    async fn end(unit: Box<MongoUnit>, done: Result<(), StoreError>) -> Result<(), StoreError> {
        if done.is_ok() {
            return unit.commit().await;
        }
        unit.rollback().await.unwrap();
        done
    }

    async fn find(&self, node: &Node) -> Option<Node> {
        self.0.read().await.unwrap().by_id::<NodeDoc>(node.id).await.unwrap()
    }
}

fn is_referenced<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let expected = PARENT.constraint;
    assert!(matches!(&result, Err(StoreError::Referenced { constraint }) if *constraint == expected), "{result:?}");
}

fn is_retry<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Retry(_))), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_does_not_exist_cannot_be_referred_to() {
    with_roots(|db, [root]| async move {
        let stranger = under(None);
        for batch in [vec![under(Some(&stranger))], vec![under(Some(&root)), under(Some(&stranger))]] {
            let mut unit = db.begin().await;
            is_referenced(unit.add::<NodeDoc>(&batch).await);
            unit.rollback().await.unwrap();
            for node in &batch {
                assert_eq!(db.find(node).await, None);
            }
        }
        let mut child = under(Some(&root));
        db.insert(&child).await.unwrap();
        child.parent = Some(stranger.id);
        let mut unit = db.begin().await;
        is_referenced(unit.put::<NodeDoc>(&child).await);
        unit.rollback().await.unwrap();
        assert_eq!(db.find(&child).await.unwrap().parent, Some(root.id));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_is_deleted_as_it_was_read_and_without_children() {
    with_roots(|db, [root, other]| async move {
        let mut child = under(Some(&root));
        db.insert(&child).await.unwrap();
        is_referenced(db.delete(&root).await);
        assert_eq!(db.find(&root).await, Some(root.clone()), "a reference does not change the parent");

        let old = child.clone();
        child.parent = Some(other.id);
        let mut unit = db.begin().await;
        child.version = unit.put::<NodeDoc>(&child).await.unwrap();
        unit.commit().await.unwrap();
        db.delete(&root).await.unwrap();
        is_referenced(db.delete(&other).await);

        assert!(matches!(db.delete(&old).await, Err(StoreError::Stale)));
        assert!(matches!(db.delete(&root).await, Err(StoreError::Stale)));
        db.delete(&child).await.unwrap();
        db.delete(&other).await.unwrap();
        assert_eq!((db.find(&child).await, db.find(&other).await), (None, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_unit_inserts_and_deletes_a_family() {
    with_roots(|db, [root]| async move {
        let child = under(Some(&root));
        let mut unit = db.begin().await;
        unit.add::<NodeDoc>(from_ref(&child)).await.unwrap();
        unit.remove::<NodeDoc>(&child).await.unwrap();
        unit.remove::<NodeDoc>(&root).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(db.find(&root).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crossing_units_collide_in_either_order_even_after_the_first_has_ended() {
    with_roots(|db, [first, second, third, fourth]| async move {
        // The child comes first, and is either uncommitted or committed after the snapshot of the deletion.
        let mut inserting = db.begun().await;
        inserting.add::<NodeDoc>(&[under(Some(&first))]).await.unwrap();
        is_retry(db.delete(&first).await);
        inserting.commit().await.unwrap();
        is_referenced(db.delete(&first).await);

        let mut deleting = db.begun().await;
        db.insert(&under(Some(&second))).await.unwrap();
        is_retry(deleting.remove::<NodeDoc>(&second).await);
        drop(deleting);

        // The deletion comes first.
        let mut deleting = db.begun().await;
        deleting.remove::<NodeDoc>(&third).await.unwrap();
        is_retry(db.insert(&under(Some(&third))).await);
        deleting.commit().await.unwrap();
        is_referenced(db.insert(&under(Some(&third))).await);

        let mut inserting = db.begun().await;
        db.delete(&fourth).await.unwrap();
        is_retry(inserting.add::<NodeDoc>(&[under(Some(&fourth))]).await);
    })
    .await;
}

/// Each move alone is valid, and both together would make a cycle. The two units write to a common document only by
/// holding it.
#[tokio::test(flavor = "multi_thread")]
async fn two_moves_that_hold_the_ancestors_they_have_read_do_not_make_a_cycle() {
    with_roots(|db, [a, b]| async move {
        let (below_a, below_b) = (under(Some(&a)), under(Some(&b)));
        db.insert(&below_a).await.unwrap();
        db.insert(&below_b).await.unwrap();
        let under_leaf = async |unit: &mut MongoUnit, node: &Node, leaf: &Node, root: &Node| {
            let moved = Node { parent: Some(leaf.id), ..node.clone() };
            unit.put::<NodeDoc>(&moved).await?;
            let path = vec![record::id(leaf.id).into(), record::id(root.id).into()];
            unit.run(async |executor| executor.hold(NodeDoc::COLLECTION, path).await).await
        };
        let (mut first, mut second) = (db.begun().await, db.begun().await);
        assert_eq!(under_leaf(&mut first, &a, &below_b, &b).await.unwrap(), 2);
        is_retry(under_leaf(&mut second, &b, &below_a, &a).await);
        first.commit().await.unwrap();
        assert!(second.commit().await.is_err());
    })
    .await;
}

/// Repeats an attempt like a use case.
async fn attempts<Fut: Future<Output = Result<(), StoreError>>>(attempt: impl Fn() -> Fut) -> Result<(), StoreError> {
    let started = Instant::now();
    loop {
        match attempt().await {
            Err(StoreError::Retry(_)) if started.elapsed() < Duration::from_secs(20) => {}
            ended => return ended,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_child_and_the_deletion_of_its_parent_one_is_stored() {
    with_roots(|db, roots: [Node; 24]| async move {
        for (n, root) in roots.into_iter().enumerate() {
            let (child, other) = (under(Some(&root)), Arc::clone(&db));
            let (node, parent) = (child.clone(), root.clone());
            let pause = Duration::from_micros(250 * n as u64);
            let inserting = tokio::spawn(async move { attempts(|| other.insert(&node)).await });
            tokio::time::sleep(pause).await;
            let deleted = attempts(|| db.delete(&parent)).await;
            let inserted = inserting.await.unwrap();
            let stored = (db.find(&root).await.is_some(), db.find(&child).await.is_some());
            match stored {
                (true, true) => is_referenced(deleted),
                (false, false) => is_referenced(inserted),
                other => panic!("{other:?} of parent and child are stored, after {inserted:?} and {deleted:?}"),
            }
        }
    })
    .await;
}
