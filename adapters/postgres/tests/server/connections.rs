//! Connections that break, run out, are canceled and are reused.

use crate::{
    proxy::Proxy,
    support::{
        begin, count_items, declared, eventually, insert, insert_item, number, patient, statement, with_database,
    },
};
use skep_application::kernel::{StoreError, TxMode};
use skep_postgres::{PostgresDatabase, PostgresOptions};
use skep_sql::{Kind, SqlDatabase, Value};
use std::{
    future::poll_fn,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    thread,
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};

#[tokio::test]
async fn connection_killed_between_statements_is_a_retry() {
    with_database(async |test| {
        let database = test.with_items().await;
        let mut tx = begin(&database).await;
        insert(&mut tx, 1).await.unwrap();
        test.kill().await;
        let error = insert(&mut tx, 2).await.unwrap_err();
        assert!(matches!(error, StoreError::Retry(_)), "{error:?}");
        assert!(matches!(tx.commit().await, Err(StoreError::Unavailable(_))));
        assert_eq!(test.items().await, 0);

        let mut tx = begin(&database).await;
        insert(&mut tx, 1).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(test.items().await, 1);
    })
    .await;
}

#[tokio::test]
async fn connection_killed_before_its_commit_leaves_the_outcome_unknown() {
    with_database(async |test| {
        let database = test.with_items().await;
        let mut tx = begin(&database).await;
        insert(&mut tx, 1).await.unwrap();
        test.kill().await;
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error:?}");
        assert_eq!(test.items().await, 0);

        let reader = database.begin(TxMode::Read, &[], &declared()).await.unwrap();
        test.kill().await;
        let error = reader.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::Retry(_)), "a reading unit has no outcome: {error:?}");

        let refused = begin(&database).await;
        test.kill().await;
        let error = refused.rollback().await.unwrap_err();
        assert!(matches!(error, StoreError::Retry(_)), "the rows that it read may be lost: {error:?}");
    })
    .await;
}

#[tokio::test]
async fn commit_whose_answer_is_lost_is_unknown_and_may_be_stored() {
    with_database(async |test| {
        test.with_items().await;
        let proxy = Proxy::start(&test.url).await;
        let database = PostgresDatabase::connect(&patient(&proxy.url)).unwrap();
        let mut tx = begin(&database).await;
        insert(&mut tx, 1).await.unwrap();
        proxy.cut_answers();
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error:?}");
        assert_eq!(test.items().await, 1);

        proxy.pass_answers();
        let mut tx = begin(&database).await;
        let error = insert(&mut tx, 1).await.unwrap_err();
        assert!(matches!(error, StoreError::Duplicate { .. }), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn silent_server_is_given_up_after_the_answer_timeout() {
    with_database(async |test| {
        test.with_items().await;
        let proxy = Proxy::start(&test.url).await;
        let mut options = patient(&proxy.url);
        options.statement_timeout = Duration::from_millis(100);
        let database = PostgresDatabase::connect(&options).unwrap();
        let mut commits = begin(&database).await;
        insert(&mut commits, 1).await.unwrap();
        let mut inserts = begin(&database).await;
        let reads = begin(&database).await;
        reads.rollback().await.unwrap();

        proxy.swallow_answers();
        let (commits, inserts, reads) =
            tokio::join!(commits.commit(), insert(&mut inserts, 2), database.read(count_items(), vec![]));
        assert!(matches!(commits, Err(StoreError::OutcomeUnknown(_))), "{commits:?}");
        assert!(matches!(inserts, Err(StoreError::Unavailable(_))), "{inserts:?}");
        assert!(matches!(reads, Err(StoreError::Unavailable(_))), "{reads:?}");
        assert_eq!(database.pool_stats().size, 0, "a connection in an unknown state is not kept");

        proxy.pass_answers();
        assert_eq!(number(database.read(count_items(), vec![]).await.unwrap()), 1);
    })
    .await;
}

/// The reported outcome of each unit is true, while the server keeps ending connections. Runs until several units have
/// failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_are_true_while_connections_are_killed() {
    const TASKS: i64 = 4;
    const AT_LEAST: i64 = 50;
    const AT_MOST: i64 = 3_000;
    const KILLS: usize = 5;
    with_database(async |test| {
        let database = Arc::new(test.with_items().await);
        let hits = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (database, hits) = (Arc::clone(&database), Arc::clone(&hits));
            tasks.spawn(async move {
                let mut outcomes = Vec::new();
                for number in 0..AT_MOST {
                    if number >= AT_LEAST && hits.load(Ordering::SeqCst) >= KILLS {
                        break;
                    }
                    let id = task * AT_MOST + number;
                    let outcome = one_unit(&database, id).await;
                    hits.fetch_add(usize::from(outcome.is_err()), Ordering::SeqCst);
                    outcomes.push((id, outcome));
                }
                outcomes
            });
        }
        let mut outcomes = Vec::new();
        while let Some(done) =
            timeout(Duration::from_millis(50), tasks.join_next()).await.unwrap_or_else(|_| Some(Ok(vec![])))
        {
            outcomes.append(&mut done.unwrap());
            test.kill_now().await;
        }
        let mut stored = 0;
        for (id, outcome) in outcomes {
            let found = test.number(&format!("SELECT count(*) FROM items WHERE id = {id}")).await == 1;
            stored += i64::from(found);
            match outcome {
                Ok(()) => assert!(found, "{id} was acknowledged and is missing"),
                Err(StoreError::OutcomeUnknown(_)) => {}
                Err(StoreError::Retry(_) | StoreError::Unavailable(_)) => {
                    assert!(!found, "{id} was rolled back and is stored")
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        let hits = hits.load(Ordering::SeqCst);
        assert!(stored > 0 && hits > 0, "{stored} units were stored, {hits} failed");
        eventually(async || database.pool_stats().size == database.pool_stats().idle).await;
    })
    .await;
}

async fn one_unit(database: &PostgresDatabase, id: i64) -> Result<(), StoreError> {
    let mut tx = database.begin(TxMode::Write, &[], &declared()).await?;
    insert(&mut tx, id).await?;
    tx.query(count_items(), vec![]).await?;
    tx.commit().await
}

#[tokio::test]
async fn idle_transaction_that_the_server_ended_is_certainly_not_committed() {
    with_database(async |test| {
        test.with_items().await;
        let mut options = test.options();
        options.idle_in_transaction = Duration::from_millis(50);
        let database = PostgresDatabase::connect(&options).unwrap();
        let mut tx = begin(&database).await;
        insert(&mut tx, 1).await.unwrap();
        eventually(async || test.connections("%").await == 0).await;
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::Retry(_)), "{error:?}");
        assert_eq!(test.items().await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pooled_connections_that_the_server_closed_are_replaced_unnoticed() {
    with_database(async |test| {
        let database = Arc::new(test.with_items().await);
        for round in 0..3_i64 {
            let mut all = Vec::new();
            for _ in 0..8 {
                all.push(begin(&database).await);
            }
            for tx in all {
                tx.rollback().await.unwrap();
            }
            assert_eq!(database.pool_stats().idle, 8);
            test.kill().await;
            let works = (0..8_i64).map(|each| {
                let database = Arc::clone(&database);
                tokio::spawn(async move {
                    if each % 2 == 0 {
                        database.read(count_items(), vec![]).await.unwrap();
                        return;
                    }
                    let mut tx = begin(&database).await;
                    insert(&mut tx, round * 8 + each).await.unwrap();
                    tx.commit().await.unwrap();
                })
            });
            for work in works.collect::<Vec<_>>() {
                work.await.unwrap();
            }
        }
        assert_eq!(test.items().await, 12);
        test.kill().await;
        database.check().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canceled_begins_leave_no_connection_stuck() {
    with_database(async |test| {
        test.with_items().await;
        let mut options = test.options();
        options.max_connections = 8;
        let database = Arc::new(PostgresDatabase::connect(&options).unwrap());
        for round in 0..800_u64 {
            let begins = Arc::clone(&database);
            let task = tokio::spawn(async move {
                let mut tx = begins.begin(TxMode::Write, &[], &declared()).await?;
                tx.execute(insert_item(), vec![Value::Int(1), Value::Null]).await
            });
            for _ in 0..round % 40 {
                tokio::task::yield_now().await;
            }
            task.abort();
            drop(task.await);
        }
        let mut all = Vec::new();
        for mode in [[TxMode::Write; 6].as_slice(), &[TxMode::Read; 2]].concat() {
            all.push(database.begin(mode, &[], &declared()).await.unwrap());
        }
        assert_eq!(test.connections("%").await, 8);
        for tx in all {
            tx.commit().await.unwrap();
        }
        assert_eq!(test.connections("idle in transaction%").await, 0);
        assert_eq!(test.items().await, 0);
        assert_eq!(database.pool_stats().idle, 8);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_units_on_a_new_pool_are_all_served() {
    with_database(async |test| {
        let database = Arc::new(test.with_items().await);
        let mut tasks = JoinSet::new();
        for id in 0..200 {
            let database = Arc::clone(&database);
            tasks.spawn(async move { one_unit(&database, id).await });
        }
        for done in tasks.join_all().await {
            done.unwrap();
        }
        assert_eq!(test.items().await, 200);
        let stats = database.pool_stats();
        assert!(stats.size == stats.idle && stats.size <= 32, "{stats:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn connections_are_opened_while_other_tasks_always_have_work() {
    with_database(async |test| {
        let database = test.with_items().await;
        // The hash of a password lets other tasks run 800 times. If each time took 60 of these turns, as tokio does it,
        // the connection would not be open in time.
        let busy = tokio::spawn(poll_fn(|context| -> Poll<()> {
            thread::sleep(Duration::from_micros(100));
            context.waker().wake_by_ref();
            Poll::Pending
        }));
        let opened = tokio::spawn(async move { one_unit(&database, 1).await });
        opened.await.unwrap().unwrap();
        busy.abort();
    })
    .await;
}

#[test]
fn a_runtime_ends_while_a_connection_is_being_opened() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = PostgresOptions::new(format!("postgres://skep:honey@{}/skep", silent.local_addr().unwrap()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.spawn(async move { PostgresDatabase::connect(&options).unwrap().check().await });
    let _opening = silent.accept().unwrap();
    // This waits for the thread that opens the connection, and no server answers it.
    drop(runtime);
}

#[tokio::test]
async fn callers_wait_for_a_free_connection_and_are_then_refused() {
    with_database(async |test| {
        test.with_items().await;
        let mut options = test.options();
        options.max_connections = 2;
        options.acquire_timeout = Duration::from_secs(3);
        let database = Arc::new(PostgresDatabase::connect(&options).unwrap());
        let declared = declared();
        let (one, two) = (begin(&database).await, database.begin(TxMode::Read, &[], &declared).await.unwrap());
        let (begins, reads) =
            tokio::join!(database.begin(TxMode::Read, &[], &declared), database.read(count_items(), vec![]));
        for error in [begins.err().unwrap(), reads.err().unwrap()] {
            assert!(matches!(&error, StoreError::Unavailable(why) if why.to_string().contains("all 2 connections")));
        }
        database.check().await.unwrap();
        let stats = database.pool_stats();
        assert_eq!((stats.size, stats.idle, stats.max), (2, 0, 2));
        assert_eq!((stats.pending, stats.timeouts), (0, 2), "both waited until their timeout");

        options.acquire_timeout = Duration::from_secs(20);
        let patient = Arc::new(PostgresDatabase::connect(&options).unwrap());
        let (three, four) = (begin(&patient).await, patient.begin(TxMode::Read, &[], &declared).await.unwrap());
        let waiting = tokio::spawn({
            let patient = Arc::clone(&patient);
            async move { patient.read(count_items(), vec![]).await.map(number) }
        });
        tokio::task::yield_now().await;
        three.rollback().await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), 0);
        for tx in [one, two, four] {
            tx.commit().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn units_that_write_leave_connections_for_reads() {
    with_database(async |test| {
        test.with_items().await;
        let mut options = test.options();
        options.max_connections = 4;
        options.acquire_timeout = Duration::from_secs(3);
        let database = PostgresDatabase::connect(&options).unwrap();
        let changes = [begin(&database).await, begin(&database).await, begin(&database).await];
        let declared = declared();
        let (refused, read) =
            tokio::join!(database.begin(TxMode::Write, &[], &declared), database.read(count_items(), vec![]));
        let refused = refused.err().unwrap();
        let is_limit = |why: &dyn std::error::Error| why.to_string().contains("all 3 connections for changes");
        assert!(matches!(&refused, StoreError::Unavailable(why) if is_limit(&**why)), "{refused:?}");
        assert_eq!(number(read.unwrap()), 0);
        for change in changes {
            drop(change);
        }
        begin(&database).await.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn change_of_a_table_replaces_all_connections() {
    with_database(async |test| {
        let database = test.with_items().await;
        test.run("INSERT INTO items VALUES (1, 'bee')").await;
        let all = statement("SELECT * FROM items", &[], &[Kind::Int, Kind::Text]);
        let mut both = [begin(&database).await, begin(&database).await];
        for tx in &mut both {
            tx.query(all, vec![]).await.unwrap();
        }
        for tx in both {
            tx.commit().await.unwrap();
        }
        test.run("ALTER TABLE items ALTER COLUMN text TYPE VARCHAR(9)").await;
        let mut rows = database.read(all, vec![]).await.unwrap();
        assert_eq!((rows[0].int().unwrap(), rows[0].text().unwrap()), (1, "bee".to_owned()));
        assert_eq!(database.pool_stats().size, 1, "the other connection is closed too");

        test.run("ALTER TABLE items ALTER COLUMN text TYPE TEXT").await;
        let mut tx = begin(&database).await;
        let error = tx.query(all, vec![]).await.err().unwrap();
        assert!(matches!(error, StoreError::Retry(_)), "{error:?}");
        let mut tx = begin(&database).await;
        assert_eq!(tx.query(all, vec![]).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn dropping_the_database_closes_its_connections() {
    with_database(async |test| {
        let database = test.connect();
        database.check().await.unwrap();
        let open = begin(&database).await;
        begin(&database).await.rollback().await.unwrap();
        drop((open, database));
        eventually(async || test.connections("%").await == 0).await;
    })
    .await;
}

#[tokio::test]
async fn read_only_server_is_left_by_every_connection() {
    with_database(async |test| {
        let database = test.with_items().await;
        test.read_only(true).await;
        let mut both = [begin(&database).await, begin(&database).await];
        for tx in &mut both {
            tx.query(count_items(), vec![]).await.unwrap();
        }
        for tx in both {
            tx.commit().await.unwrap();
        }
        assert_eq!(database.pool_stats().idle, 2);
        test.read_only(false).await;
        let error = one_unit(&database, 1).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert_eq!(database.pool_stats().idle, 0, "the other connection leads to the same server");
        one_unit(&database, 1).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn first_host_that_accepts_changes_is_used() {
    with_database(async |test| {
        test.with_items().await;
        let (user, rest) = test.url.rsplit_once('@').unwrap();
        let several = |query: &str| format!("{user}@127.0.0.1:1,{rest}{query}");
        one_unit(&PostgresDatabase::connect(&patient(&several(""))).unwrap(), 1).await.unwrap();

        test.read_only(true).await;
        let mut options = patient(&several(""));
        options.acquire_timeout = Duration::from_secs(4);
        let error = one_unit(&PostgresDatabase::connect(&options).unwrap(), 2).await.unwrap_err();
        let StoreError::Unavailable(why) = &error else { panic!("{error:?}") };
        let why = why.to_string();
        assert!(why.contains("is read-only") && why.contains("127.0.0.1:1: "), "{why}");
        let primary = PostgresDatabase::connect(&patient(&several("?target_session_attrs=primary"))).unwrap();
        assert_eq!(number(primary.read(count_items(), vec![]).await.unwrap()), 1, "it is no standby");
    })
    .await;
}
