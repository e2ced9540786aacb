//! A clause, and putting a store through it.

use crate::{
    check::{Checked, Failure},
    harness::{Instance, Need, Start, StoreHarness},
};
use skep_application::Store;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A clause that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One thing that every store must do.
#[derive(Clone)]
pub struct Clause {
    /// The port, or what spans ports.
    pub subject: &'static str,
    /// The rule.
    pub name: &'static str,
    /// The numbered clauses that it is the trial of, as `Trait 1`.
    pub proves: &'static [&'static str],
    /// What it takes for granted.
    pub needs: &'static [Need],
    /// In which state it wants the store.
    pub start: Start,
    pub(crate) run: for<'a> fn(&'a Given) -> BoxFuture<'a, Checked>,
}

/// The store under trial.
pub struct Given {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The hands on its server and wire.
    pub instance: Box<dyn Instance>,
    notes: Mutex<Vec<String>>,
}

impl Given {
    /// Tells something worth reading even if the clause holds.
    pub(crate) fn note(&self, text: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    pub(crate) async fn second(&self) -> Checked<Arc<dyn Store>> {
        self.instance.second().await
    }
}

/// A clause that holds.
#[derive(Debug, Default)]
pub struct Report {
    /// What it found worth telling, for example how long something took.
    pub notes: Vec<String>,
}

/// Puts a new store through a clause.
///
/// # Errors
/// Why the clause does not hold or could not be tried.
pub async fn run(harness: &dyn StoreHarness, clause: &Clause) -> Result<Report, Failure> {
    let instance = harness.fresh(clause.start, clause.needs).await?;
    let given = Arc::new(Given { store: instance.store(), instance, notes: Mutex::default() });
    let trial = {
        let (given, run) = (given.clone(), clause.run);
        // A task of its own, so that a panic does not keep the store from being removed.
        tokio::spawn(async move { tokio::time::timeout(PATIENCE, run(&given)).await })
    };
    let verdict = match trial.await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_)) => Err(Failure::new("hangs")),
        Err(panic) => Err(panic.into()),
    };
    let Some(given) = Arc::into_inner(given) else {
        return Err(Failure::new("the clause leaked its store"));
    };
    drop(given.store);
    given.instance.destroy().await;
    verdict.map(|()| Report { notes: given.notes.into_inner().unwrap_or_else(PoisonError::into_inner) })
}

/// Lists the clauses of a subject: `function ["what it proves"] {what it needs} (start Empty)`, after those that laws make.
/// Or the clauses of a law, `name<E: Trait>: function {what it needs}`, for whatever subject it is asked for.
macro_rules! clauses {
    ($list:ident<$entity:ident: $law:ident>: $($name:ident $({$($need:expr),+})?),+ $(,)?) => {
        pub(crate) fn $list<$entity: $law>(subject: &'static str) -> Vec<$crate::clause::Clause> {
            vec![$($crate::clause::Clause {
                subject,
                name: stringify!($name),
                proves: &[],
                needs: &[$($($need),+)?],
                start: $crate::harness::Start::Migrated,
                run: |given| Box::pin($name::<$entity>(given)),
            }),+]
        }
    };
    (@start) => { $crate::harness::Start::Migrated };
    (@start $start:ident) => { $crate::harness::Start::$start };
    (
        $subject:literal $(with [$($laws:expr),+ $(,)?])?:
        $($name:ident $([$($proves:literal),+])? $({$($need:expr),+})? $((start $start:ident))?),* $(,)?
    ) => {
        pub(crate) fn clauses() -> Vec<$crate::clause::Clause> {
            let own: Vec<$crate::clause::Clause> = vec![$($crate::clause::Clause {
                subject: $subject,
                name: stringify!($name),
                proves: &[$($($proves),+)?],
                needs: &[$($($need),+)?],
                start: $crate::clause::clauses!(@start $($start)?),
                run: |given| Box::pin($name(given)),
            }),*];
            [$($($laws,)+)? own].concat()
        }
    };
}
pub(crate) use clauses;
