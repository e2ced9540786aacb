//! Runs programs call by call.

use crate::{
    call::{Failure, System},
    desk::Desk,
    model::Model,
    run::Budget,
    state::differences,
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

/// The maximum number of steps of a program after its beginning.
const STEPS: usize = 60;
/// The file with the programs that failed on a real store. They are run first.
pub const REGRESSIONS: &str = concat!(env!("SKEP_ROOT"), "/tests/model/regressions/sequential.txt");

/// How many programs may meet an unavailable store before the run is given up.
pub(crate) const PATIENCE: u32 = 3;

/// The reason why a program did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The system differs from the model.
    Differs(String),
    /// The store was unavailable, or too slow on a busy machine, or too little is known. The run proves nothing.
    Away(String),
}

/// Runs a program, compares every answer and the end state with the model, and returns the number of calls.
///
/// # Errors
/// The first difference, with the calls before it, or the reason why the store was unavailable.
pub async fn sequence(system: &dyn System, steps: &[Step]) -> Result<u64, Trouble> {
    let (mut model, mut desk, mut log, mut calls) = (Model::default(), Desk::default(), String::new(), 0);
    for step in steps {
        system.wait(step.pause);
        let (now, call) = (system.now(), desk.call(step));
        let answer = system.call(&call).await;
        if let Err(Failure::Unknown(reason)) = answer {
            return Err(Trouble::Away(reason));
        }
        let expected = model.step(&call, now, &answer);
        calls += 1;
        if answer != expected {
            return Err(Trouble::Differs(format!(
                "call {calls}, at {now}, by {:?}: {:?}\n  answered {answer:?}\n  expected {expected:?}\nbefore:\n{log}",
                call.actor.principal, call.command
            )));
        }
        writeln!(log, "  {now} {:?}: {:?}\n      => {answer:?}", call.actor.principal, call.command).ok();
        desk.note(&call, &answer);
    }
    let found = system.end_state().await?;
    if found != *model.end_state() {
        let differences = differences(model.end_state(), &found);
        return Err(Trouble::Differs(format!("the end state differs:\n{differences}\nafter:\n{log}")));
    }
    found.add_up().map_err(Trouble::Differs)?;
    Ok(calls)
}

/// Runs programs, each on a fresh system, until the budget is spent, and returns the number of calls. A program that
/// fails is shortened and stored in the file `keep`, whose programs are run first. A program that met an unavailable
/// store is not stored.
///
/// # Errors
/// The shortest program that fails, with the difference, or the message that the store was unavailable too often.
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
    // proptest counts programs, while the budget counts calls.
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
                TestCaseError::reject("the store was unavailable")
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
