//! Tests of the clauses of limiters: a correct limiter passes, and each planted flaw fails the clause about it.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use async_trait::async_trait;
use skep_application::kernel::{Limit, RateLimits, StoreError, Verdict};
use skep_contract::{Failure, Harness, Instance, Need, Start, catches, limits, prove};
use skep_local::{LocalLimits, SystemClock};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// The mistake that a limiter makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The limiter is correct.
    None,
    /// Each call takes one unit.
    CountsCalls,
    /// A call that is refused takes what is left.
    TakesTheRest,
    /// A cost above the burst counts as the burst.
    AllowsGreatCosts,
    /// A cost of zero counts as one.
    ChargesForNothing,
    /// All keys have one bucket.
    SharesTheBucket,
    /// What is given back is lost.
    KeepsAll,
    /// What is given back is added to a full bucket.
    Overfills,
    /// What is given back is given to every key.
    GivesToAll,
    /// Every limit is smooth.
    IgnoresTheKind,
}

struct FlawedLimits {
    flaw: Flaw,
    limits: LocalLimits,
    /// The keys that were used.
    keys: Mutex<BTreeSet<String>>,
    /// The units above the burst, by key.
    surplus: Mutex<BTreeMap<String, u32>>,
}

#[async_trait]
impl RateLimits for FlawedLimits {
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        self.keys.lock().unwrap().insert(key.to_owned());
        let key = if self.flaw == Flaw::SharesTheBucket { "" } else { key };
        let cost = match self.flaw {
            Flaw::CountsCalls => cost.min(1),
            Flaw::AllowsGreatCosts => cost.min(limit.burst),
            Flaw::ChargesForNothing => cost.max(1),
            _ => cost,
        };
        let limit = if self.flaw == Flaw::IgnoresTheKind { Limit::smooth(limit.burst, limit.period) } else { limit };
        let verdict = self.limits.take_now(key, cost, limit);
        if !verdict.allowed && self.flaw == Flaw::TakesTheRest {
            self.limits.take_now(key, verdict.remaining, limit);
        }
        let mut surplus = self.surplus.lock().unwrap();
        let surplus = surplus.entry(key.to_owned()).or_default();
        if !verdict.allowed && *surplus >= cost {
            *surplus -= cost;
            return Ok(Verdict { allowed: true, ..verdict });
        }
        Ok(verdict)
    }

    async fn give_back(&self, key: &str, cost: u32, limit: Limit) -> Result<(), StoreError> {
        let keys = match self.flaw {
            Flaw::KeepsAll => BTreeSet::new(),
            Flaw::GivesToAll => self.keys.lock().unwrap().clone(),
            Flaw::SharesTheBucket => BTreeSet::from([String::new()]),
            _ => BTreeSet::from([key.to_owned()]),
        };
        for key in keys {
            let free = self.limits.take_now(&key, 0, limit).remaining;
            self.limits.give_back_now(&key, cost, limit);
            if self.flaw == Flaw::Overfills {
                let left = cost.saturating_sub(limit.burst - free);
                *self.surplus.lock().unwrap().entry(key).or_default() += left;
            }
        }
        Ok(())
    }
}

/// Makes limiters with this flaw.
struct Doubles(Flaw);

struct Double(Arc<dyn RateLimits>);

#[async_trait]
impl Instance<dyn RateLimits> for Double {
    fn store(&self) -> Arc<dyn RateLimits> {
        self.0.clone()
    }

    async fn second(&self) -> Result<Arc<dyn RateLimits>, Failure> {
        Ok(self.0.clone())
    }
}

#[async_trait]
impl Harness<dyn RateLimits> for Doubles {
    fn name(&self) -> &str {
        "double"
    }

    fn lacks(&self, need: Need) -> Option<&'static str> {
        (need != Need::Shared).then_some("a limiter has no server")
    }

    async fn fresh(&self, _: Start, _: &[Need]) -> Result<Box<dyn Instance<dyn RateLimits>>, Failure> {
        let limits = LocalLimits::new(Arc::new(SystemClock::new()));
        let (keys, surplus) = (Mutex::default(), Mutex::default());
        Ok(Box::new(Double(Arc::new(FlawedLimits { flaw: self.0, limits, keys, surplus }))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correct_limiter_passes() {
    let proof = prove(&Doubles(Flaw::None), limits::clauses()).await.unwrap();
    assert_eq!((proof.held, proof.skipped.len()), (limits::clauses().len(), 0));
}

const CAUGHT: &[(Flaw, &str)] = &[
    (Flaw::CountsCalls, "a_call_takes_its_whole_cost_or_nothing"),
    (Flaw::CountsCalls, "parallel_costs_share_the_burst"),
    (Flaw::TakesTheRest, "a_call_takes_its_whole_cost_or_nothing"),
    (Flaw::AllowsGreatCosts, "a_cost_above_the_burst_is_never_allowed"),
    (Flaw::ChargesForNothing, "a_cost_of_zero_is_always_allowed"),
    (Flaw::SharesTheBucket, "keys_do_not_touch_each_other"),
    (Flaw::SharesTheBucket, "units_are_given_back_to_their_key_only"),
    (Flaw::KeepsAll, "units_that_are_given_back_are_available_at_once"),
    (Flaw::KeepsAll, "parallel_calls_lose_no_unit_that_is_given_back"),
    (Flaw::KeepsAll, "instances_count_together"),
    (Flaw::Overfills, "no_more_than_the_burst_is_given_back"),
    (Flaw::CountsCalls, "every_kind_allows_exactly_the_burst_at_once"),
    (Flaw::TakesTheRest, "every_kind_refuses_without_taking"),
    (Flaw::KeepsAll, "every_kind_gets_units_back"),
    (Flaw::IgnoresTheKind, "every_kind_says_when_units_are_available"),
    (Flaw::GivesToAll, "units_are_given_back_to_their_key_only"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_flaw_is_caught() {
    let clauses = limits::clauses();
    for (flaw, name) in CAUGHT {
        let clause = clauses.iter().find(|clause| clause.name == *name).unwrap();
        assert!(catches(&Doubles(*flaw), clause).await, "{name} does not catch {flaw:?}");
    }
}
