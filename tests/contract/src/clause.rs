//! Clauses, and the functions that run them.

use crate::{
    check::{Checked, Failure},
    harness::{Faults, Harness, Instance, Need, Start, Subject},
};
use async_trait::async_trait;
use skep_application::Store;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use uuid::Uuid;

/// A clause that takes longer counts as hanging.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

type Trial<S> = Arc<dyn for<'a> Fn(&'a Given<S>) -> BoxFuture<'a, Checked> + Send + Sync>;

/// A rule for all adapters of a subject, and its trial: the function that tests it.
pub struct Clause<S: Subject + ?Sized = dyn Store> {
    /// The port, or the topic of a rule that spans ports.
    pub subject: &'static str,
    /// States the rule, in `snake_case`.
    pub name: &'static str,
    /// The numbered promises in the documentation of ports that the clause tests, such as `Outbox 1`.
    pub proves: &'static [&'static str],
    /// What the harness must be able to do.
    pub needs: &'static [Need],
    /// The state of the store at the start.
    pub start: Start,
    /// The source file of the trial.
    pub file: &'static str,
    pub(crate) run: Trial<S>,
}

impl<S: Subject + ?Sized> Clone for Clause<S> {
    fn clone(&self) -> Self {
        let Self { subject, name, proves, needs, start, file, ref run } = *self;
        Self { subject, name, proves, needs, start, file, run: run.clone() }
    }
}

impl<S: Subject + ?Sized> fmt::Display for Clause<S> {
    /// Writes the name, the promises that the clause tests, and the file of the trial.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.subject, self.name)?;
        if !self.proves.is_empty() {
            write!(f, ", a trial of {}", self.proves.join(" and "))?;
        }
        write!(f, ", in {}", self.file)
    }
}

impl<S: Subject + ?Sized> Clause<S> {
    /// Makes a clause for a greater subject, which has the subject of this clause as a part.
    fn of<T: Subject + ?Sized>(self, part: fn(Arc<T>) -> Arc<S>) -> Clause<T> {
        let Self { subject, name, proves, needs, start, file, run } = self;
        let run: Trial<T> = Arc::new(move |whole: &Given<T>| {
            let (run, given) = (run.clone(), whole.part(part));
            Box::pin(async move { run(&given).await })
        });
        Clause { subject, name, proves, needs, start, file, run }
    }
}

/// Makes clauses for a greater subject, which has the subject of these clauses as a part.
pub(crate) fn of<S: Subject + ?Sized, T: Subject + ?Sized>(
    clauses: Vec<Clause<S>>,
    part: fn(Arc<T>) -> Arc<S>,
) -> Vec<Clause<T>> {
    clauses.into_iter().map(|clause| clause.of(part)).collect()
}

/// The subject that a clause runs on.
pub(crate) struct Given<S: Subject + ?Sized> {
    pub(crate) store: Arc<S>,
    instance: Arc<Box<dyn Instance<S>>>,
    notes: Arc<Mutex<Vec<String>>>,
}

impl<S: Subject + ?Sized> Given<S> {
    /// Adds a line to the report, even if the clause holds.
    pub(crate) fn note(&self, text: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    pub(crate) async fn second(&self) -> Checked<Arc<S>> {
        self.instance.second().await
    }

    pub(crate) async fn hosted(&self, steps: usize) -> Checked<Arc<S>> {
        self.instance.hosted(steps).await
    }

    pub(crate) async fn sealing(&self, rows: &[(Uuid, Option<String>)]) -> Checked<Arc<S>> {
        self.instance.sealing(rows).await
    }

    /// The faults that the harness can make.
    pub(crate) fn faults(&self) -> &dyn Faults {
        self.instance.faults()
    }

    fn part<P: Subject + ?Sized>(&self, part: fn(Arc<S>) -> Arc<P>) -> Given<P> {
        let instance: Box<dyn Instance<P>> = Box::new(Part { whole: self.instance.clone(), part });
        Given { store: part(self.store.clone()), instance: Arc::new(instance), notes: self.notes.clone() }
    }
}

/// An instance of a greater subject, as an instance of one of its parts.
struct Part<S: Subject + ?Sized, P: Subject + ?Sized> {
    whole: Arc<Box<dyn Instance<S>>>,
    part: fn(Arc<S>) -> Arc<P>,
}

#[async_trait]
impl<S: Subject + ?Sized, P: Subject + ?Sized> Instance<P> for Part<S, P> {
    fn store(&self) -> Arc<P> {
        (self.part)(self.whole.store())
    }
    async fn second(&self) -> Result<Arc<P>, Failure> {
        self.whole.second().await.map(self.part)
    }
    fn faults(&self) -> &dyn Faults {
        self.whole.faults()
    }
    async fn hosted(&self, steps: usize) -> Result<Arc<P>, Failure> {
        self.whole.hosted(steps).await.map(self.part)
    }
    async fn sealing(&self, rows: &[(Uuid, Option<String>)]) -> Result<Arc<P>, Failure> {
        self.whole.sealing(rows).await.map(self.part)
    }
}

/// The result of a clause that holds.
#[derive(Debug, Default)]
pub struct Report {
    /// Lines of the clause, for example how long something took.
    pub notes: Vec<String>,
}

/// Runs a clause on a new subject.
///
/// # Errors
/// Why the clause does not hold or could not run, with the name of the clause and the file of its trial.
pub async fn run<S: Subject + ?Sized>(harness: &dyn Harness<S>, clause: &Clause<S>) -> Result<Report, Failure> {
    attempt(harness, clause).await.map_err(|failure| failure.of(clause))
}

async fn attempt<S: Subject + ?Sized>(harness: &dyn Harness<S>, clause: &Clause<S>) -> Result<Report, Failure> {
    let instance = Arc::new(harness.fresh(clause.start, clause.needs).await?);
    let notes = Arc::<Mutex<Vec<String>>>::default();
    let given = Given { store: instance.store(), instance: instance.clone(), notes: notes.clone() };
    let trial = {
        let run = clause.run.clone();
        // A separate task, so that the store is removed even if the clause panics.
        tokio::spawn(async move { tokio::time::timeout(PATIENCE, run(&given)).await })
    };
    let verdict = match trial.await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_)) => Err(Failure::new("hangs")),
        Err(panic) => Err(Failure::panicked(panic)),
    };
    let Some(instance) = Arc::into_inner(instance) else {
        return Err(Failure::new("the clause leaked its store"));
    };
    instance.destroy().await;
    verdict?;
    let notes = std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Report { notes })
}

/// Whether a clause finds a fault of a subject that has one. A trial that panics or hangs has found nothing.
pub async fn catches<S: Subject + ?Sized>(harness: &dyn Harness<S>, clause: &Clause<S>) -> bool {
    let found = run(harness, clause).await.err().map(|failure| failure.to_string());
    found.is_some_and(|found| !found.contains(": panicked: ") && !found.ends_with(": hangs"))
}

/// The result of [`prove`] if all clauses that could run hold.
#[derive(Debug)]
pub struct Proof {
    /// The number of clauses that hold.
    pub held: usize,
    /// The clauses that could not run, each with the reason from [`Harness::lacks`].
    pub skipped: Vec<(String, &'static str)>,
}

/// Runs these clauses one after the other, each on a new subject.
///
/// # Errors
/// All clauses that do not hold, one per line.
pub async fn prove<S: Subject + ?Sized>(harness: &dyn Harness<S>, clauses: Vec<Clause<S>>) -> Result<Proof, Failure> {
    let (mut proof, mut failures) = (Proof { held: 0, skipped: vec![] }, vec![]);
    for clause in clauses {
        if let Some(reason) = clause.needs.iter().find_map(|need| harness.lacks(*need)) {
            proof.skipped.push((format!("{}::{}", clause.subject, clause.name), reason));
        } else if let Err(failure) = run(harness, &clause).await {
            failures.push(failure.to_string());
        } else {
            proof.held += 1;
        }
    }
    if failures.is_empty() {
        return Ok(proof);
    }
    Err(Failure::new(format!(
        "{} of {} clauses do not hold:\n{}",
        failures.len(),
        failures.len() + proof.held,
        failures.join("\n")
    )))
}

/// Lists the clauses of a subject, as `function ["promise"] {need} (start Empty)`. They follow the clauses of the laws.
/// Or lists the clauses of a law for a subject, as `name<E: Trait>: function {need}`.
macro_rules! clauses {
    ($list:ident<$entity:ident: $law:ident>: $($name:ident $({$($need:expr),+})?),+ $(,)?) => {
        pub(crate) fn $list<$entity: $law>(subject: &'static str) -> Vec<$crate::clause::Clause<$entity::Store>> {
            vec![$($crate::clause::Clause {
                subject,
                name: stringify!($name),
                proves: &[],
                needs: &[$($($need),+)?],
                start: $crate::harness::Start::Migrated,
                file: file!(),
                run: std::sync::Arc::new(|given| Box::pin($name::<$entity>(given))),
            }),+]
        }
    };
    (@start) => { $crate::harness::Start::Migrated };
    (@start $start:ident) => { $crate::harness::Start::$start };
    (
        $list:ident of $subject:literal on $store:ty $(, with [$($laws:expr),+ $(,)?])?:
        $($name:ident $([$($proves:literal),+])? $({$($need:expr),+})? $((start $start:ident))?),* $(,)?
    ) => {
        pub(crate) fn $list() -> Vec<$crate::clause::Clause<$store>> {
            let own: Vec<$crate::clause::Clause<$store>> = vec![$($crate::clause::Clause {
                subject: $subject,
                name: stringify!($name),
                proves: &[$($($proves),+)?],
                needs: &[$($($need),+)?],
                start: $crate::clause::clauses!(@start $($start)?),
                file: file!(),
                run: std::sync::Arc::new(|given| Box::pin($name(given))),
            }),*];
            [$($($laws,)+)? own].concat()
        }
    };
}
pub(crate) use clauses;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::InProcess;

    async fn its_trial_panics(_: &Given<str>) -> Checked {
        assert_eq!("what was found", "what was expected");
        Ok(())
    }

    async fn it_fails(given: &Given<str>) -> Checked {
        Err(Failure::new(format!("found {}", given.store)))
    }

    clauses! { both of "bees" on str: its_trial_panics ["BeeRepository 7"], it_fails }

    #[tokio::test]
    async fn a_failure_names_the_clause_and_the_file_of_its_trial() {
        let bees = InProcess::<str>::new("bees", || Arc::from("none"));
        let clauses = both();
        let panicked = run(&bees, &clauses[0]).await.unwrap_err().to_string();
        let place = concat!("bees::its_trial_panics, a trial of BeeRepository 7, in ", file!(), ": panicked: ");
        assert!(panicked.starts_with(place) && panicked.contains("what was found"), "{panicked}");
        let failed = run(&bees, &clauses[1]).await.unwrap_err().to_string();
        assert!(failed.starts_with("bees::it_fails, in ") && failed.contains(": found none ("), "{failed}");
        let all = prove(&bees, clauses).await.unwrap_err().to_string();
        assert!(all.starts_with("2 of 2 clauses do not hold:\nbees::its_trial_panics"), "{all}");
    }
}
