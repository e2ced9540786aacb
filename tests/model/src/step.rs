//! Symbolic steps, and strategies for random programs.

use crate::{
    call::Command,
    context::{CONTEXTS, Share},
    desk::Desk,
};
use proptest::{collection::vec, option, prelude::*, sample::select, strategy::Union};
use skep_application::kernel::Precondition;
use skep_domain::shared::{Patch, Version};
use std::{fmt, sync::Arc};

/// The caller of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A client without a token.
    Visitor,
    /// One of [`crate::people`], by index.
    Person(usize),
    /// A user that an earlier step authenticated, by index.
    Recognized(usize),
    /// Skep itself.
    System,
}

/// The product, order or token that a step refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The nth that the caller has seen, modulo their number.
    Nth(usize),
    /// One that does not exist.
    Unknown,
}

impl Target {
    /// The row that is meant, if it is among these.
    pub(crate) fn pick<T: Clone>(self, seen: &[T]) -> Option<T> {
        match self {
            Self::Nth(n) if !seen.is_empty() => seen.get(n % seen.len()).cloned(),
            Self::Nth(_) | Self::Unknown => None,
        }
    }
}

/// The precondition on the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// No precondition.
    Missing,
    /// Every version meets it.
    Any,
    /// The version that the caller saw last, plus this number.
    Seen(i64),
    /// No version meets it.
    Other,
}

impl Condition {
    /// The precondition of a caller that saw this version last.
    pub(crate) fn precondition(self, seen: Option<Version>) -> Precondition {
        match self {
            Self::Missing => Precondition::Missing,
            Self::Any => Precondition::Any,
            Self::Other => Precondition::OneOf(vec![]),
            Self::Seen(more) => {
                let version = Version::new(seen.unwrap_or(Version::FIRST).get() + more);
                Precondition::OneOf(version.into_iter().collect())
            }
        }
    }
}

/// A field of a patch: absent, null, or the index of a value in its pool.
pub type Field = Option<Option<usize>>;

/// The patch of a field, with a value from its pool.
pub(crate) fn patched<T>(field: Field, value: impl FnOnce(usize) -> T) -> Patch<T> {
    match field {
        None => Patch::Keep,
        Some(None) => Patch::Clear,
        Some(Some(n)) => Patch::Set(value(n)),
    }
}

/// Names, some of which only a comparison by bytes sorts correctly. The last two are invalid.
pub(crate) const NAMES: &[&str] =
    &["Honey", "honey", "Wachs", "Ärger", "  Bee 🐝 ", "Zoe\u{308}", "Zo\u{eb}", "", "a\0b"];

/// The nth text of a pool.
pub(crate) fn pooled(pool: &[&str], n: usize) -> String {
    pool.get(n).copied().unwrap_or_default().to_owned()
}

/// An operation of a context. It names rows and versions as the caller has seen them.
pub trait Operation: fmt::Debug + Send + Sync + 'static {
    /// Makes the command.
    fn command(&self, desk: &Desk) -> Command;
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Makes a call.
    Call(Arc<dyn Operation>),
    /// Repeats the call of this many steps before.
    Again(usize),
}

/// A step of a program.
#[derive(Debug, Clone)]
pub struct Step {
    /// By how many milliseconds the wall clock moves before the call.
    pub pause: i64,
    /// The caller.
    pub who: Caller,
    /// The call or the repeat.
    pub what: Action,
    /// The index of the idempotency key, for operations that take one.
    pub key: Option<usize>,
}

impl Step {
    /// A step without a key and without a pause.
    pub(crate) fn new(who: Caller, what: impl Operation) -> Self {
        Self { pause: 0, who, what: Action::Call(Arc::new(what)), key: None }
    }
}

/// Steps without a pause.
pub(crate) fn steps<O: Operation>(
    who: impl Strategy<Value = Caller> + 'static,
    what: impl Strategy<Value = O> + 'static,
    key: impl Strategy<Value = Option<usize>> + 'static,
) -> BoxedStrategy<Step> {
    (who, what, key).prop_map(|(who, what, key)| Step { key, ..Step::new(who, what) }).boxed()
}

pub(crate) fn which() -> impl Strategy<Value = Target> + Clone {
    prop_oneof![30 => (0..6_usize).prop_map(Target::Nth), 1 => Just(Target::Unknown)]
}

/// One of the first two rows, about which parallel programs compete.
pub(crate) fn one_of_two() -> impl Strategy<Value = Target> + Clone {
    (0..2_usize).prop_map(Target::Nth)
}

pub(crate) fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        6 => Just(Condition::Seen(0)),
        2 => Just(Condition::Any),
        2 => prop_oneof![Just(-1), Just(1)].prop_map(Condition::Seen),
        1 => Just(Condition::Missing),
        1 => Just(Condition::Other),
    ]
}

/// The limit of a page.
pub(crate) fn limit() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1..4_i64, 2 => 4..=100_i64]
}

pub(crate) fn field(len: usize) -> impl Strategy<Value = Field> {
    prop_oneof![8 => Just(None), 6 => (0..len).prop_map(|n| Some(Some(n))), 1 => Just(Some(None))]
}

/// Indexes into a pool. The values after the first `good` ones are wrong, and are chosen rarely.
pub(crate) fn mostly(len: usize, good: usize) -> impl Strategy<Value = usize> {
    prop_oneof![9 => 0..good, 1 => 0..len]
}

/// One of this many keys, or none.
pub(crate) fn key_of(keys: usize) -> impl Strategy<Value = Option<usize>> {
    option::weighted(0.4, 0..keys)
}

pub(crate) fn key() -> impl Strategy<Value = Option<usize>> {
    key_of(3)
}

/// A key of a step of a parallel program.
pub(crate) fn parallel_key() -> impl Strategy<Value = Option<usize>> {
    option::weighted(0.5, 0..2_usize)
}

/// Mostly customers.
pub(crate) fn shopper() -> impl Strategy<Value = Caller> {
    prop_oneof![
        8 => (1..3_usize).prop_map(Caller::Person),
        2 => (0..3_usize).prop_map(Caller::Recognized),
        2 => Just(Caller::Person(0)),
        1 => Just(Caller::Person(3)),
        1 => Just(Caller::Visitor),
        1 => Just(Caller::System),
    ]
}

/// Mostly the admin.
pub(crate) fn manager() -> impl Strategy<Value = Caller> {
    prop_oneof![14 => Just(Caller::Person(0)), 1 => Just(Caller::System), 1 => shopper()]
}

/// A customer or the admin, in parallel programs.
pub(crate) fn parallel_shopper() -> impl Strategy<Value = Caller> {
    prop_oneof![4 => (1..3_usize).prop_map(Caller::Person), 1 => Just(Caller::Person(0))]
}

/// Steps that repeat an earlier call.
fn again(most: usize) -> BoxedStrategy<Step> {
    let step = |back| Step { pause: 0, who: Caller::Visitor, what: Action::Again(back), key: None };
    (1..most).prop_map(step).boxed()
}

fn any_of(own: Share, shares: Vec<Share>) -> Union<BoxedStrategy<Step>> {
    Union::new_weighted([vec![own], shares].concat())
}

/// Programs that start with the beginnings of the contexts and then have at most `most` random steps.
pub fn program(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let beginnings: Vec<_> = CONTEXTS.iter().map(|context| context.beginning()).collect();
    let step = any_of((16, again(6)), CONTEXTS.iter().flat_map(|context| context.steps()).collect());
    // The clock stands still, goes forward or back, or jumps past the end of tokens, keys or sessions.
    let jumps = vec![3_600_000_i64, 86_400_000, -86_400_000, 37 * 86_400_000];
    let pause = prop_oneof![6 => Just(0_i64), 3 => 1..2_000_i64, 1 => -2_000..0_i64, 1 => select(jumps)];
    let step = (pause, step).prop_map(|(pause, step)| Step { pause, ..step });
    (beginnings, vec(step, 1..=most)).prop_map(|(beginnings, steps)| [beginnings.concat(), steps].concat())
}

/// Programs for parallel clients: short, with few rows and keys, and without a change of the clock.
pub fn short_programs(clients: usize, most: usize) -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = any_of((6, again(3)), CONTEXTS.iter().flat_map(|context| context.parallel_steps()).collect());
    vec(vec(step, 1..=most), clients)
}
