//! A runtime for the past: inside of [`at`], the wall clock stands at a given moment, and identifiers and random numbers
//! come from dice. The result of a use case depends on these alone.

use super::shop::Dice;
use skep_application::kernel::{Clock, IdGenerator, Random, Runtime};
use skep_domain::shared::Timestamp;
use std::{cell::Cell, sync::Arc, time::Duration};
use uuid::Uuid;

struct Moment {
    now: Timestamp,
    dice: Cell<Dice>,
}

tokio::task_local! {
    static MOMENT: Moment;
}

/// Runs `work` at this moment, with these dice.
pub(super) async fn at<T>(now: Timestamp, dice: Dice, work: impl Future<Output = T>) -> T {
    MOMENT.scope(Moment { now, dice: Cell::new(dice) }, work).await
}

fn throw() -> Option<u64> {
    let throw = |moment: &Moment| {
        let mut dice = moment.dice.get();
        let number = dice.next();
        moment.dice.set(dice);
        number
    };
    MOMENT.try_with(throw).ok()
}

struct Past(Runtime);

/// The runtime `now` outside of [`at`], and the given moment inside of it. Waiting is always real.
pub(super) fn runtime(now: &Runtime) -> Runtime {
    let past = Arc::new(Past(now.clone()));
    Runtime { clock: past.clone(), ids: past.clone(), random: past, sleeper: now.sleeper.clone() }
}

impl Clock for Past {
    fn now(&self) -> Timestamp {
        MOMENT.try_with(|moment| moment.now).unwrap_or_else(|_| self.0.clock.now())
    }

    fn monotonic(&self) -> Duration {
        self.0.clock.monotonic()
    }
}

impl IdGenerator for Past {
    fn next(&self) -> Uuid {
        let (Some(high), Some(low)) = (throw(), throw()) else { return self.0.ids.next() };
        let mut random = [0; 10];
        random[..2].copy_from_slice(&high.to_be_bytes()[..2]);
        random[2..].copy_from_slice(&low.to_be_bytes());
        let millis = u64::try_from(self.now().as_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

impl Random for Past {
    fn bits(&self) -> u64 {
        throw().unwrap_or_else(|| self.0.random.bits())
    }

    /// Secrets never come from dice.
    fn secret(&self) -> [u8; 32] {
        self.0.random.secret()
    }
}
