//! Random programs on every store: `cargo test -p skep-model --test stores`.
//!
//! `SKEP_MODEL_OPERATIONS` sets the number of calls per store and kind of program, `SKEP_MODEL_SEED` the seed. A store
//! without a server address is listed as ignored. With `SKEP_REQUIRE_STORES=sqlite,postgres,mongodb` it fails instead.

#![expect(clippy::print_stdout, reason = "prints the number of calls and the seed")]

use libtest_mimic::{Arguments, Failed, Trial};
use skep_contract::{CommitFault, Failure, Harness, Instance, Need, Start};
use skep_model::{
    Application, Budget, Patience, REGRESSIONS, Round, Setting, Step, Stores, System, Trouble, clients, each_store,
    linearize, programs, rounds, sequence, short, start,
};
use std::{
    env,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

/// The default number of calls per store and kind of program.
const OPERATIONS: u64 = 1_000;

type Open = Mutex<Option<Box<dyn Instance>>>;

async fn fresh(harness: &dyn Harness) -> Result<Box<dyn Instance>, String> {
    harness.fresh(Start::Migrated, &[]).await.map_err(|failure| failure.to_string())
}

async fn one_program(harness: Arc<dyn Harness>, steps: Vec<Step>) -> Result<u64, Trouble> {
    let instance = fresh(&*harness).await.map_err(Trouble::Away)?;
    let application = Application::new(instance.store());
    let result = match application.prepare().await {
        Ok(()) => sequence(&application, &steps).await,
        Err(trouble) => Err(trouble),
    };
    instance.destroy().await;
    result
}

fn sequential(harness: &Arc<dyn Harness>, budget: &Budget) -> Result<u64, String> {
    programs(budget, Some(REGRESSIONS), |steps| one_program(harness.clone(), steps))
}

/// Opens a fresh store. If instances can share it, half of the clients use a second instance.
async fn open(harness: &dyn Harness, opened: &Open) -> Result<Vec<Arc<dyn System>>, String> {
    let instance = fresh(harness).await?;
    let first = Application::new(instance.store());
    first.prepare().await.map_err(|trouble| format!("{trouble:?}"))?;
    let second = match harness.name() {
        "sqlite" => None,
        _ => Some(first.beside(instance.second().await.map_err(|failure| failure.to_string())?)),
    };
    if let Ok(mut opened) = opened.lock() {
        *opened = Some(instance);
    }
    let systems = [Some(first), second].into_iter().flatten();
    Ok(systems.map(|system| Arc::new(system) as Arc<dyn System>).collect())
}

async fn close(opened: &Open) {
    let instance = opened.lock().ok().and_then(|mut opened| opened.take());
    if let Some(instance) = instance {
        instance.destroy().await;
    }
}

fn parallel(harness: &Arc<dyn Harness>, budget: &Budget) -> Result<u64, String> {
    let opened = Open::default();
    rounds(budget, Setting::default(), || open(&**harness, &opened), || close(&opened))
}

/// How long a caller waits for an answer while commits get lost.
const PATIENCE: Duration = Duration::from_millis(250);

/// Runs a round on a store that loses the commits of one of two instances, with or without effect. Returns the number
/// of calls and of lost commits.
async fn lossy_round(
    harness: &dyn Harness,
    fault: CommitFault,
    programs: Vec<Vec<Step>>,
) -> Result<(u64, u64), Trouble> {
    let instance = harness.fresh(Start::Migrated, &[Need::CommitFault(fault)]).await;
    let away = |failure: Failure| Trouble::Away(failure.to_string());
    let instance = instance.map_err(away)?;
    let result = async {
        let lossy = Application::new(instance.store()).with_patience(PATIENCE);
        lossy.prepare().await?;
        let sound = lossy.beside(instance.second().await.map_err(away)?);
        let systems: [Arc<dyn System>; 2] = [Arc::new(sound), Arc::new(lossy)];
        let at = start(&*systems[0], Round::default()).await?;
        instance.faults().break_commits(fault).await.map_err(away)?;
        let history = clients(&systems, &at.desk, programs).await;
        instance.faults().mend().await.map_err(away)?;
        let history = history?;
        let end = systems[0].end_state().await?;
        linearize(&at.model, &history, &end)?;
        end.add_up().map_err(Trouble::Differs)?;
        Ok((history.events.len() as u64, instance.faults().lost_commits()))
    };
    let result = Box::pin(result).await;
    instance.destroy().await;
    result
}

fn lossy(harness: &Arc<dyn Harness>, budget: &Budget) -> Result<u64, String> {
    let (mut next, mut calls) = (short(budget, Setting { clients: 4, steps: 3 }), 0);
    let mut faults = [CommitFault::LostWithEffect, CommitFault::LostWithoutEffect].into_iter().cycle();
    let mut lost = 0;
    let (mut rounds, mut patience) = (0, Patience::default());
    // A call that meets the fault waits for its end, so this test makes fewer calls. On a busy machine a round may end
    // before any call reaches its commit.
    while calls < budget.operations / 25 || (lost == 0 && rounds < 40) {
        rounds += 1;
        let (programs, fault) = (next()?, faults.next().unwrap_or(CommitFault::LostWithEffect));
        let (made, lost_now) = patience.of(budget.runtime.block_on(lossy_round(&**harness, fault, programs)))?;
        calls += made;
        lost += lost_now;
    }
    if lost == 0 { Err("no commit was lost".to_owned()) } else { Ok(calls) }
}

type Kind = fn(&Arc<dyn Harness>, &Budget) -> Result<u64, String>;

fn trial(kind: &'static str, run: Kind, store: &'static str, harness: Arc<dyn Harness>, rt: Arc<Runtime>) -> Trial {
    let name = format!("{kind}::{store}");
    Trial::test(name.clone(), move || {
        let (budget, start) =
            (Budget::from_env(OPERATIONS, rt).map_err(|failure| failure.to_string())?, Instant::now());
        let calls = run(&harness, &budget)
            .map_err(|reason| Failed::from(format!("{name}, SKEP_MODEL_SEED={}: {reason}", budget.seed)))?;
        println!("{name}: {calls} operations, seed {}, {:.1} s", budget.seed, start.elapsed().as_secs_f64());
        Ok(())
    })
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = Arguments::from_args();
    // The trials mostly wait for servers.
    arguments.test_threads = arguments.test_threads.or(Some(8));
    let runtime = Arc::new(Builder::new_multi_thread().enable_all().build()?);
    let stores = Stores::from_env().map_err(|failure| failure.to_string())?;
    let required = env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    let mut trials = vec![];
    for (store, found) in each_store(&stores) {
        match found {
            Ok(harness) => {
                trials.push(trial("sequential", sequential, store, harness.clone(), runtime.clone()));
                // SQLite runs inside the process, so no answer can get lost on a connection.
                if harness.lacks(Need::CommitFault(CommitFault::LostWithEffect)).is_none() {
                    trials.push(trial("lossy", lossy, store, harness.clone(), runtime.clone()));
                }
                trials.push(trial("parallel", parallel, store, harness, runtime.clone()));
            }
            Err(variable) => {
                let reason = format!("{variable} is not set");
                let text = reason.clone();
                let absent = Trial::test(format!("{store}::is_there"), move || Err(Failed::from(text)));
                let is_required = required.split(',').any(|name| name.trim() == store);
                trials.push(if is_required { absent } else { absent.with_kind(reason).with_ignored_flag(true) });
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    runtime.block_on(stores.close());
    Ok(conclusion.exit_code())
}
