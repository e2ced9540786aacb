//! The generator of identifiers.

use skep_application::kernel::{Clock, IdGenerator};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use uuid::{ContextV7, Timestamp, Uuid};

/// Generates UUIDs version 7 (RFC 9562 §5.7): 48 bits of milliseconds, a counter of 42 bits with a random start in each
/// millisecond, and 32 random bits.
///
/// Each id is greater than the one before, even within one millisecond. After the wall clock was set back, ids continue
/// from the latest millisecond seen. If the counter overflows, ids use the next millisecond.
pub struct UuidV7 {
    clock: Arc<dyn Clock>,
    /// The latest millisecond and its counter. One lock orders all threads.
    context: Mutex<ContextV7>,
}

impl UuidV7 {
    /// A generator on the wall time of this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, context: Mutex::new(ContextV7::new()) }
    }
}

impl IdGenerator for UuidV7 {
    fn next(&self) -> Uuid {
        // A time before 1970 counts as 1970.
        let since_1970 = Duration::from_millis(u64::try_from(self.clock.now().as_millis()).unwrap_or(0));
        let position = {
            let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
            Timestamp::from_unix(&*context, since_1970.as_secs(), since_1970.subsec_nanos())
        };
        Uuid::new_v7(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;
    use skep_application::testing::FixedClock;
    use skep_domain::shared::Timestamp;
    use std::collections::HashSet;

    fn clock_at(millis: i64) -> Arc<FixedClock> {
        let clock = FixedClock::default();
        clock.jump_to(Timestamp::from_millis(millis).unwrap());
        Arc::new(clock)
    }

    fn millis_of(id: Uuid) -> u64 {
        let [a, b, c, d, e, f, ..] = id.into_bytes();
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    #[test]
    fn an_id_is_a_version_7_uuid_of_the_clocks_millisecond() {
        let clock = clock_at(1_790_000_000_123);
        let id = UuidV7::new(clock).next();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(millis_of(id), 1_790_000_000_123);
    }

    #[test]
    fn ids_of_one_millisecond_sort_by_creation() {
        let ids = UuidV7::new(clock_at(1_790_000_000_000));
        let made: Vec<_> = (0..10_000).map(|_| ids.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(made.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
        assert_eq!(millis_of(*made.last().unwrap()), 1_790_000_000_000);
    }

    #[test]
    fn ids_still_ascend_when_the_clock_jumps_back() {
        let clock = clock_at(1_790_000_000_000);
        let ids = UuidV7::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let before = ids.next();
        clock.jump_to(Timestamp::from_millis(1_600_000_000_000).unwrap());
        let after = ids.next();
        assert!(after > before);
        clock.jump_to(Timestamp::from_millis(-1).unwrap());
        assert!(ids.next() > after, "a time before 1970 counts as 1970");
        clock.jump_to(Timestamp::from_millis(1_790_000_000_500).unwrap());
        assert_eq!(millis_of(ids.next()), 1_790_000_000_500);
    }

    #[test]
    fn the_counter_starts_at_random_and_the_rest_is_random() {
        let clock = clock_at(1_790_000_000_000);
        let ids = UuidV7::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let (ones, zeros) = (0..1_000)
            .map(|_| {
                clock.advance(Duration::from_millis(1));
                ids.next().as_u64_pair().1
            })
            .fold((0, 0), |(ones, zeros), low| (ones | low, zeros | !low));
        assert_eq!(ones, u64::MAX >> 2 | 1 << 63);
        assert_eq!(zeros, u64::MAX >> 2 | 1 << 62);
    }

    #[test]
    fn threads_never_get_the_same_id_and_each_gets_ascending_ids() {
        let ids = UuidV7::new(Arc::new(SystemClock::new()));
        let per_thread: Vec<Vec<_>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..20_000).map(|_| ids.next()).collect())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(per_thread.iter().all(|made: &Vec<Uuid>| made.is_sorted_by(|a, b| a < b)));
        // The first 12 bytes are time and counter. They are unique even without the random bits.
        let positions: HashSet<_> = per_thread.iter().flatten().map(|id| id.as_u128() >> 32).collect();
        assert_eq!(positions.len(), 80_000);
    }
}
