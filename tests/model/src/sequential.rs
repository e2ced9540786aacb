//! Programs that are run call by call.

use crate::{
    call::{Answer, System},
    desk::Desk,
    linearize::differences,
    model::Model,
    run::Budget,
    step::{Step, program},
};
use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};
use std::{
    cell::{Cell, RefCell},
    fmt::Write as _,
    future::Future,
};

/// Steps of a program after those that fill the shelves, at most.
const STEPS: usize = 60;
/// Where programs that failed on a real store are kept, to be run first from then on.
pub const REGRESSIONS: &str = concat!(env!("SKEP_ROOT"), "/tests/model/regressions/sequential.txt");

/// How often the store may be away before it is given up.
const PATIENCE: u32 = 3;

/// Why a program did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The system did other than the model.
    Differs(String),
    /// The store was away, or its time was up on a machine with too much to do: nothing was learned.
    Away(String),
}

/// Runs a program: every answer is the model's, and so is the end state; answers how many calls were made.
///
/// # Errors
/// The first difference, with the calls before it; or that the store was away.
pub async fn sequence(system: &dyn System, steps: &[Step]) -> Result<u64, Trouble> {
    let (mut model, mut desk, mut log, mut calls) = (Model::default(), Desk::default(), String::new(), 0);
    for step in steps {
        system.wait(step.pause);
        let (now, call) = (system.now(), desk.call(step));
        let answer = system.call(&call).await;
        if let Answer::Unknown(reason) = answer {
            return Err(Trouble::Away(reason));
        }
        let expected = model.step(&call, now, &answer);
        calls += 1;
        if answer != expected {
            return Err(Trouble::Differs(format!(
                "call {calls}, at {now}, by {:?}: {:?}\n  answered {answer:?}\n  expected {expected:?}\nbefore it:\n{log}",
                call.actor.principal, call.command
            )));
        }
        writeln!(log, "  {now} {:?}: {:?}\n      => {answer:?}", call.actor.principal, call.command).ok();
        desk.note(&call, &answer);
    }
    let found = system.end_state().await.map_err(Trouble::Differs)?;
    if found != *model.end_state() {
        let differences = differences(model.end_state(), &found);
        return Err(Trouble::Differs(format!("the end state differs:\n{differences}\nafter:\n{log}")));
    }
    found.add_up().map_err(Trouble::Differs)?;
    Ok(calls)
}

/// Runs programs, each on a system of its own, until the budget is spent; answers how many calls were made. A program
/// that fails is shortened, and kept in the file `keep`, whose programs are run first; one during which the store was
/// away is not.
///
/// # Errors
/// The shortest program that fails, and how; or that the store was away too often.
pub fn programs<F>(
    budget: &Budget,
    keep: Option<&'static str>,
    mut run: impl FnMut(Vec<Step>) -> F,
) -> Result<u64, String>
where
    F: Future<Output = Result<u64, Trouble>>,
{
    let config = Config {
        cases: u32::MAX,
        max_shrink_iters: 300,
        max_global_rejects: PATIENCE,
        failure_persistence: keep.map(|file| Box::new(FileFailurePersistence::Direct(file)) as _),
        source_file: Some(file!()),
        ..Config::default()
    };
    // proptest counts cases; what is wanted is calls.
    let config = Config { cases: budget.programs(STEPS / 2), ..config };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &budget.seed_bytes());
    let mut runner = TestRunner::new_with_rng(config, rng);
    let (calls, away) = (Cell::new(0), RefCell::new(String::new()));
    let run = RefCell::new(&mut run);
    let result = runner.run(&program(STEPS), |steps| {
        let made = budget.runtime.block_on((run.borrow_mut())(steps)).map_err(|trouble| match trouble {
            Trouble::Differs(reason) => TestCaseError::fail(reason),
            Trouble::Away(reason) => {
                away.replace(reason);
                TestCaseError::reject("the store was away")
            }
        })?;
        calls.set(calls.get() + made);
        Ok(())
    });
    match result {
        Ok(()) => Ok(calls.get()),
        Err(TestError::Fail(reason, steps)) => {
            Err(format!("{reason}\nthe shortest program that fails, from seed {}:\n{steps:#?}", budget.seed))
        }
        Err(TestError::Abort(reason)) => Err(format!("given up: {reason}; last: {}", away.take())),
    }
}
