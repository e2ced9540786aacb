//! Runs commands over mock worlds, and checks the rules that the frame of commands relies on.

use super::{Ending, MockUnit, Scripted, Seen, aborted, actor, code, fingerprints, fixed_runtime, key, visitor};
use crate::kernel::{Actor, Command, Commands, FromUnit, StoreError, TxMode, UseCase};
use std::sync::Arc;

/// The entities of a context, and mock units of work that find them.
pub trait World {
    /// The mocks of the context.
    type Mocks: Send + 'static;

    /// The calls that the units of work have received.
    fn seen(&self) -> &Seen;

    /// A unit of work that finds the entities of the world. Each write fails the test.
    fn looking(&self) -> MockUnit<Self::Mocks>;

    /// A unit of work that finds the entities of the world. Each write succeeds.
    fn open(&self) -> MockUnit<Self::Mocks>;

    /// A unit of work in which each call succeeds except the commit.
    fn failing(&self, error: StoreError) -> MockUnit<Self::Mocks> {
        self.open().with_commit_error(error)
    }
}

/// Builds the use case of a command over this store, in a fixed runtime.
#[must_use]
pub fn use_case<C: Command>(command: C, store: &Arc<Scripted<C::Unit>>) -> UseCase<C> {
    UseCase::new(command, &Commands::new(store.clone(), fingerprints(), fixed_runtime().0))
}

/// Checks the rules that the frame of commands relies on but cannot enforce. A command names its action, generates the
/// ids in its event and its answer in `plan`, and records one event. Its answer can be stored and read back. `actor`
/// must be allowed to run the command, and `input` must change something in the world.
///
/// # Panics
/// If the command breaks one of these rules.
pub async fn obeys_the_frame<W: World, C: Command>(
    world: &W,
    command: impl Fn() -> C,
    actor: &Actor,
    input: impl Fn() -> C::Input,
) where
    C::Unit: FromUnit<MockUnit<W::Mocks>>,
{
    let (seen, key) = (world.seen(), key());
    let execute = async |units: &Arc<Scripted<C::Unit>>, actor: &Actor| {
        use_case(command(), units).execute_once(actor, Some(&key), input()).await
    };
    assert_eq!(code(&execute(&Scripted::untouched(), &visitor()).await), "unauthenticated");
    assert_eq!(code(&execute(&Scripted::untouched(), &self::actor(1, &[])).await), "forbidden");

    let units = Scripted::of([world.failing(aborted()), world.open()]);
    let answer = execute(&units, actor).await;
    assert_eq!(code(&answer), "ok");
    let answer = serde_json::to_string(&answer.ok()).expect("an answer is JSON");
    let events = seen.events();
    assert_eq!((events.len(), &events[0]), (2, &events[1]), "both attempts record the same event");
    assert_eq!(seen.answers(), [answer.clone(), answer.clone()], "the stored answer is the returned one");
    let (calls, claims) = (seen.calls(), seen.claims());
    assert_eq!((calls.first(), calls.last()), (Some(&"claim"), Some(&"fill")));
    assert_eq!((claims.len(), &claims[0]), (2, &claims[1]));
    assert_eq!(seen.endings(), [Ending::Committed; 2]);
    assert!(units.begun().iter().all(|(mode, _)| *mode == TxMode::Write));

    seen.replay(&answer);
    let again = execute(&Scripted::of([world.open()]), actor).await;
    let repeated = (code(&again), serde_json::to_string(&again.ok()).expect("an answer is JSON"));
    assert_eq!(repeated, ("ok", answer), "byte for byte");
    assert_eq!(seen.events().len(), 2, "a repeat changes nothing");
    let reads = |call: &&str| *call == "claim" || call.contains("find") || call.contains("list");
    assert!(seen.calls()[calls.len()..].iter().all(reads));
}
