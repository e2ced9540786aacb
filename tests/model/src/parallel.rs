//! Programs that are run at once.

use crate::{
    call::{Call, Command, System},
    desk::Desk,
    linearize::{Event, History, linearize},
    model::Model,
    run::Budget,
    step::{Caller, Operation, Quantity, Step, Target, short_programs},
    world::people,
};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use skep_application::{
    catalog::{CreateProductCommand, MoneyInput},
    kernel::{Actor, Principal},
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Barrier;

/// More than a day, after which keys are free again.
const NEXT_DAY: i64 = 90_000_000;
/// Rounds on one store: what is stored grows with them.
const ROUNDS: u64 = 8;

/// How many run at once, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Clients.
    pub clients: usize,
    /// Calls of each, at most.
    pub steps: usize,
}

impl Default for Setting {
    fn default() -> Self {
        Self { clients: 4, steps: 4 }
    }
}

/// Where a round starts: what the model is, and what every client has met.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// The state of everything.
    pub model: Model,
    /// What was met.
    pub desk: Desk,
    /// Which round it is, on this store.
    pub number: u64,
}

/// Puts two products on the shelf, few pieces of each, and places an order of the first, one call after another.
///
/// # Errors
/// An answer that is not the model's.
pub async fn start(system: &dyn System, mut round: Round) -> Result<Round, String> {
    system.wait(NEXT_DAY);
    round.number += 1;
    round.desk.forget_products();
    let people = people();
    let admin = Principal::User { id: people[0].id, session: people[0].session, roles: people[0].roles.clone() };
    let admin = Actor { principal: admin, ..Actor::anonymous("model") };
    let product = |name: &str, stock| {
        let command = CreateProductCommand {
            sku: format!("{name}-{}", round.number),
            name: name.to_owned(),
            description: String::new(),
            price: MoneyInput { amount: 500, currency: "EUR".to_owned() },
            stock: Some(stock),
        };
        Call { actor: admin.clone(), command: Command::CreateProduct(command), key: None }
    };
    let first = Step {
        pause: 0,
        who: Caller::Person(1),
        what: Operation::Place(vec![(Target::Nth(0), Quantity::Of(1))]),
        key: None,
    };
    let products = [product("few", 4), product("more", 7)];
    for call in products.into_iter().map(Some).chain([None]) {
        let call = call.unwrap_or_else(|| round.desk.call(&first));
        let answer = system.call(&call).await;
        let expected = round.model.step(&call, system.now(), &answer);
        if answer != expected {
            return Err(format!("{:?}\n  answered {answer:?}\n  expected {expected:?}", call.command));
        }
        round.desk.note(&call, &answer);
    }
    Ok(round)
}

/// Runs a program for every client at once, the nth on the nth system; answers what they did.
///
/// # Errors
/// A client that panicked.
pub async fn clients(systems: &[Arc<dyn System>], desk: &Desk, programs: Vec<Vec<Step>>) -> Result<History, String> {
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
        history.events.extend(task.await.map_err(|error| error.to_string())?);
    }
    Ok(history)
}

/// Runs a round: some order of the calls explains all answers and the end state. Answers the state after it, and how many
/// calls were made.
///
/// # Errors
/// There is no such order.
pub async fn round(
    systems: &[Arc<dyn System>],
    start: Round,
    programs: Vec<Vec<Step>>,
) -> Result<(Round, u64), String> {
    let history = clients(systems, &start.desk, programs).await?;
    let end = systems[0].end_state().await?;
    let model = linearize(&start.model, &history, &end)?;
    end.add_up()?;
    Ok((Round { model, ..start }, u64::try_from(history.events.len()).unwrap_or(u64::MAX)))
}

/// Programs for rounds at random, from the seed of the budget.
///
/// # Errors
/// Why there are none.
pub fn short(budget: &Budget, setting: Setting) -> impl FnMut() -> Result<Vec<Vec<Step>>, String> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &budget.seed_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = short_programs(setting.clients, setting.steps);
    move || strategy.new_tree(&mut runner).map(|tree| tree.current()).map_err(|reason| reason.to_string())
}

/// Runs rounds, a few on each store, until the budget is spent; answers how many calls were made at once.
///
/// # Errors
/// What no order of the calls explains.
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
    let (mut next, mut calls) = (short(budget, setting), 0);
    while calls < budget.operations {
        let mut programs = vec![];
        for _ in 0..ROUNDS {
            programs.push(next()?);
        }
        let result = budget.runtime.block_on(async {
            let systems = open().await?;
            let (mut at, mut calls) = (Round::default(), 0);
            for programs in programs {
                at = start(&*systems[0], at).await?;
                let (after, made) = round(&systems, at, programs).await?;
                at = after;
                calls += made;
            }
            Ok::<_, String>(calls)
        });
        budget.runtime.block_on(close());
        calls += result.map_err(|reason| format!("{reason}\nseed {}", budget.seed))?;
    }
    Ok(calls)
}
