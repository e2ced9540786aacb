//! The migration runner, on a fake database that logs each call. The contract suite and `tests/upgrades` test it on
//! real engines.

use crate::{
    SqlConnection, SqlSet, SqlStep, SqlWork, Statement, Value,
    operations::SETS as OURS,
    testing::{Answer, Fake, SETS, at},
};
use skep_application::{
    kernel::StoreError,
    operations::{Down, MigrationError, MigrationStep, Migrations, Schedule},
};
use std::{collections::BTreeMap, fs, path::Path};

fn count(count: i64) -> Answer {
    Answer::Rows(vec![vec![Value::Int(count)]])
}

/// The first answers to the runner if these steps are applied.
fn having(steps: &[(&str, i64)]) -> Vec<Answer> {
    if steps.is_empty() {
        return vec![count(0)];
    }
    let row = |(position, (set, step)): (i64, &(&str, i64))| {
        vec![Value::Int(position), Value::Text((*set).to_owned()), Value::Int(*step), Value::Time(at(position))]
    };
    vec![count(2), Answer::Rows((1..).zip(steps).map(row).collect())]
}

const READS: [&str; 2] = ["operations.migration.columns", "operations.migration.list"];

#[tokio::test]
async fn up_applies_missing_steps_and_keeps_those_before_a_failure() {
    let fake = Fake::answering(having(&[("foundation", 1)]).into_iter().chain([count(2)]));
    let error = fake.store_with(SETS).up().await.unwrap_err();
    let MigrationError::Failed { set, number: 2, name, .. } = &error else { panic!("{error}") };
    assert_eq!((set.as_str(), name.as_str()), ("catalog", "third"));
    let log = fake.log();
    assert_eq!(log[..2], READS);
    let second =
        ["begin", "up second", "operations.migration.columns", "operations.migration.insert", "commit"].as_slice();
    assert_eq!(log[2..], [second, &["begin", "broken", "rollback"]].concat());
}

#[tokio::test]
async fn a_table_without_sets_counts_as_the_foundation_and_is_upgraded_by_the_next_step() {
    let old = || vec![count(1), Answer::Rows(vec![vec![Value::Int(1), Value::Time(at(7))]])];
    let fake = Fake::answering(old());
    let status = fake.store_with(SETS).status().await.unwrap();
    assert_eq!((status[0].set.as_str(), status[0].applied_at), ("foundation", Some(at(7))));
    assert_eq!(fake.log(), [READS[0], "operations.migration.list_without_sets"], "status changes nothing");

    let fake = Fake::answering(old().into_iter().chain([count(1)]));
    fake.store_with(SETS).up().await.unwrap_err();
    let log = fake.log();
    let step = ["begin", "up second", READS[0], "CREATE TABLE", "operations.migration.insert", "commit"];
    assert_eq!(log[2..8], step, "in the transaction of the step");
}

#[tokio::test]
async fn up_does_nothing_when_all_steps_are_applied() {
    let fake = Fake::answering(having(&[("foundation", 1), ("catalog", 1), ("catalog", 2)]));
    assert_eq!(fake.store_with(SETS).up().await.unwrap(), []);
    assert_eq!(fake.log(), READS);
}

#[tokio::test]
async fn down_reverts_the_newest_step_first() {
    let all = [("foundation", 1), ("catalog", 1), ("catalog", 2)];
    let fake = Fake::answering(having(&all).into_iter().chain([count(2), Answer::Changed(1), count(2)]));
    let done = fake.store_with(SETS).down(&Down::of("catalog", 2)).await.unwrap();
    let reverted: Vec<_> = done.iter().map(|step| (step.set.as_str(), step.number, step.applied_at)).collect();
    assert_eq!(reverted, [("catalog", 2, None), ("catalog", 1, None)]);
    let log = fake.log();
    assert!(log.iter().filter(|line| line.starts_with("down")).eq(["down third", "down second"]), "{log:?}");
    assert_eq!(log.iter().filter(|line| *line == "operations.migration.delete").count(), 2);

    let fake = Fake::answering(having(&all));
    let needed = fake.store_with(SETS).down(&Down::of("foundation", 1)).await;
    assert!(matches!(needed, Err(MigrationError::Needed { .. })), "{needed:?}");
    assert_eq!(fake.log(), READS);
}

#[tokio::test]
async fn a_step_whose_record_is_gone_is_not_reverted() {
    let fake = Fake::answering(having(&[("foundation", 1)]).into_iter().chain([count(2), Answer::Changed(0)]));
    fake.store_with(SETS).down(&Down::newest(1)).await.unwrap_err();
    assert_eq!(fake.log().last().map(String::as_str), Some("rollback"));
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let newer = [("foundation", 1), ("catalog", 3)];
    let unknown = [("foundation", 1), ("reviews", 1)];
    for steps in [&newer, &unknown] {
        let fake = Fake::answering([having(steps), having(steps), having(steps)].into_iter().flatten());
        let store = fake.store_with(SETS);
        assert!(store.up().await.is_err_and(|error| error.is_newer()));
        assert!(store.down(&Down::newest(1)).await.is_err_and(|error| error.is_newer()));
        assert!(store.status().await.is_err_and(|error| error.is_newer()));
        assert_eq!(fake.log(), [READS, READS, READS].concat());
    }
}

static STATEMENT: Statement = Statement::both("test.row.change", "UPDATE rows SET new = old", &[], &[]);

/// Code that hides the error of its first statement.
fn careless(
    connection: &mut dyn SqlConnection,
) -> std::pin::Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + '_>> {
    Box::pin(async move {
        let _ = connection.execute(&STATEMENT, vec![]).await;
        Ok(())
    })
}

#[tokio::test]
async fn code_that_hides_an_error_still_fails() {
    const CODE: &[SqlSet] = &[SqlSet {
        name: "foundation",
        after: &[],
        steps: &[MigrationStep { name: "fill", work: SqlStep { up: SqlWork::Code(careless), down: SqlWork::NOTHING } }],
    }];
    let fails = Answer::Fails(StoreError::Stale);
    let fake = Fake::answering([count(0), fails]);
    assert!(matches!(fake.store_with(CODE).up().await, Err(MigrationError::Failed { number: 1, .. })));
    assert_eq!(fake.log(), [READS[0], "begin", "test.row.change", "rollback"]);
    let fake = Fake::answering([count(0), Answer::Changed(3), count(2)]);
    assert_eq!(fake.store_with(CODE).up().await.unwrap().len(), 1);
}

#[test]
fn a_host_cannot_reuse_the_name_of_a_built_in_set() {
    let store = Fake::default().store();
    let host = |name| SqlSet { name, after: &["foundation"], steps: &[] };
    assert!(store.clone().with_sets(&[host("reviews")]).is_ok());
    assert!(matches!(store.with_sets(&[host("foundation")]), Err(MigrationError::Misdeclared(_))));
}

/// The declared scripts by their file names. A script of both engines may be one file, without the name of an engine.
fn declared(found: &BTreeMap<String, &str>) -> BTreeMap<String, &'static str> {
    let mut files = BTreeMap::new();
    for set in OURS {
        for (number, step) in (1..).zip(set.steps) {
            for (way, work) in [("up", step.work.up), ("down", step.work.down)] {
                let SqlWork::Script { sqlite, postgres } = work else { continue };
                let of_both = format!("{}/{number:04}_{}.{way}.sql", set.name, step.name);
                if sqlite == postgres && found.contains_key(&of_both) {
                    files.insert(of_both, sqlite);
                    continue;
                }
                for (engine, text) in [("sqlite", sqlite), ("postgres", postgres)] {
                    if !text.is_empty() {
                        files.insert(format!("{}/{number:04}_{}.{engine}.{way}.sql", set.name, step.name), text);
                    }
                }
            }
        }
    }
    files
}

#[test]
fn every_script_file_belongs_to_the_step_in_its_name() {
    let mut found = BTreeMap::new();
    let folder = Path::new(env!("SKEP_ROOT")).join("adapters/sql/migrations");
    for set in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        for file in fs::read_dir(&set).unwrap().map(|entry| entry.unwrap().path()) {
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
            found.insert(format!("{}/{}", name(&set), name(&file)), fs::read_to_string(&file).unwrap());
        }
    }
    let found: BTreeMap<_, _> = found.iter().map(|(name, text)| (name.clone(), text.as_str())).collect();
    assert!(!found.is_empty());
    assert_eq!(found, declared(&found));
    Schedule::new(OURS).and(&[]).unwrap();
}
