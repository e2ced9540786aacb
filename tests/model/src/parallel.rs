//! Runs several programs in parallel.

use crate::{
    call::{Failure, System},
    context::CONTEXTS,
    desk::Desk,
    linearize::{Event, History, linearize},
    model::Model,
    run::Budget,
    sequential::{PATIENCE, Trouble},
    step::{Step, short_programs},
};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Barrier;

/// More than a day in milliseconds, after which keys may be used again.
const NEXT_DAY: i64 = 90_000_000;
/// How many rounds run on one store. Its data grows with each round.
const ROUNDS: u64 = 8;

/// The size of a round.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// How many clients run in parallel.
    pub clients: usize,
    /// The maximum number of calls of each client.
    pub steps: usize,
}

impl Default for Setting {
    fn default() -> Self {
        Self { clients: 4, steps: 4 }
    }
}

/// The state at the start of a round.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// The model before the first call.
    pub model: Model,
    /// The data that every client has seen.
    pub desk: Desk,
    /// How many rounds were started on this store.
    pub number: u64,
}

/// Makes the first rows of the contexts, one call after another.
///
/// # Errors
/// If an answer differs from the model, or the store is unavailable.
pub async fn start(system: &dyn System, mut round: Round) -> Result<Round, Trouble> {
    system.wait(NEXT_DAY);
    round.number += 1;
    // The clients know only the rows of this round.
    round.desk = Desk::default();
    for step in CONTEXTS.iter().flat_map(|context| context.round(round.number)) {
        let call = round.desk.call(&step);
        let answer = system.call(&call).await;
        if let Err(Failure::Unknown(reason)) = answer {
            return Err(Trouble::Away(reason));
        }
        let expected = round.model.step(&call, system.now(), &answer);
        if answer != expected {
            let difference = format!("{:?}\n  answered {answer:?}\n  expected {expected:?}", call.command);
            return Err(Trouble::Differs(difference));
        }
        round.desk.note(&call, &answer);
    }
    Ok(round)
}

/// Runs a program for every client in parallel, the clients in turn on the systems, and returns their calls.
///
/// # Errors
/// If a client panics.
pub async fn clients(systems: &[Arc<dyn System>], desk: &Desk, programs: Vec<Vec<Step>>) -> Result<History, Trouble> {
    let (ticks, barrier) = (Arc::new(AtomicU64::new(0)), Arc::new(Barrier::new(programs.len())));
    let tasks: Vec<_> = programs
        .into_iter()
        .enumerate()
        .map(|(client, steps)| {
            let (system, mut desk) = (systems[client % systems.len()].clone(), desk.clone());
            let (ticks, barrier) = (ticks.clone(), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                let mut events = vec![];
                for step in steps {
                    let (call, at) = (desk.call(&step), system.now());
                    let called = ticks.fetch_add(1, Ordering::SeqCst);
                    let answer = system.call(&call).await;
                    let returned = ticks.fetch_add(1, Ordering::SeqCst);
                    desk.note(&call, &answer);
                    events.push(Event { client, call, answer, at, called, returned });
                }
                events
            })
        })
        .collect();
    let mut history = History::default();
    for task in tasks {
        history.events.extend(task.await.map_err(|error| Trouble::Differs(error.to_string()))?);
    }
    Ok(history)
}

/// Runs a round and checks that some order of the calls explains all answers and the end state. Returns the state after
/// it and the number of calls.
///
/// # Errors
/// If there is no such order, or the store is unavailable.
pub async fn round(
    systems: &[Arc<dyn System>],
    start: Round,
    programs: Vec<Vec<Step>>,
) -> Result<(Round, u64), Trouble> {
    let history = clients(systems, &start.desk, programs).await?;
    let end = systems[0].end_state().await?;
    let model = linearize(&start.model, &history, &end)?;
    end.add_up().map_err(Trouble::Differs)?;
    Ok((Round { model, ..start }, u64::try_from(history.events.len()).unwrap_or(u64::MAX)))
}

/// Generates random programs for rounds from the seed of the budget.
///
/// # Errors
/// The reason why no program can be generated.
pub fn short(budget: &Budget, setting: Setting) -> impl FnMut() -> Result<Vec<Vec<Step>>, String> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &budget.seed_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = short_programs(setting.clients, setting.steps);
    move || strategy.new_tree(&mut runner).map(|tree| tree.current()).map_err(|reason| reason.to_string())
}

/// Skips a few results that prove nothing.
#[derive(Debug, Default)]
pub struct Patience {
    away: u32,
}

impl Patience {
    /// The result, or the default for one that proves nothing.
    ///
    /// # Errors
    /// A difference, or the reason why too many results prove nothing.
    pub fn of<T: Default>(&mut self, result: Result<T, Trouble>) -> Result<T, String> {
        match result {
            Ok(result) => Ok(result),
            Err(Trouble::Away(_)) if self.away < PATIENCE => {
                self.away += 1;
                Ok(T::default())
            }
            Err(Trouble::Away(reason)) => Err(format!("given up; last: {reason}")),
            Err(Trouble::Differs(reason)) => Err(reason),
        }
    }
}

/// Runs rounds, a few on each store, until the budget is spent. Returns the number of parallel calls.
///
/// # Errors
/// If no order of the calls of a round explains its answers, or the store is unavailable too often.
pub fn rounds<F, G>(
    budget: &Budget,
    setting: Setting,
    mut open: impl FnMut() -> F,
    mut close: impl FnMut() -> G,
) -> Result<u64, String>
where
    F: Future<Output = Result<Vec<Arc<dyn System>>, String>>,
    G: Future<Output = ()>,
{
    let (mut next, mut calls, mut patience) = (short(budget, setting), 0, Patience::default());
    while calls < budget.operations {
        let mut programs = vec![];
        for _ in 0..ROUNDS {
            programs.push(next()?);
        }
        let result = budget.runtime.block_on(async {
            let systems = open().await.map_err(Trouble::Away)?;
            let (mut at, mut calls) = (Round::default(), 0);
            for programs in programs {
                at = start(&*systems[0], at).await?;
                let (after, made) = round(&systems, at, programs).await?;
                at = after;
                calls += made;
            }
            Ok(calls)
        });
        budget.runtime.block_on(close());
        calls += patience.of(result).map_err(|reason| format!("{reason}\nseed {}", budget.seed))?;
    }
    Ok(calls)
}
