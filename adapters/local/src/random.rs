//! The source of randomness.

use skep_application::kernel::Random;

/// A ChaCha generator per thread, seeded and regularly reseeded by the operating system. Its numbers cannot be guessed,
/// and a number needs no system call.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn bits(&self) -> u64 {
        rand::random()
    }

    fn secret(&self) -> [u8; 32] {
        rand::random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn random_values_differ_across_threads() {
        let values = || (0..1_000).map(|_| (OsRandom.bits(), OsRandom.secret())).collect::<Vec<_>>();
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(values)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all.iter().map(|(bits, _)| bits).collect::<HashSet<_>>().len(), 4_000);
        assert_eq!(all.iter().map(|(_, secret)| secret).collect::<HashSet<_>>().len(), 4_000);
    }

    #[test]
    fn every_bit_is_used() {
        let (ones, zeros) = (0..1_000).map(|_| OsRandom.bits()).fold((0, 0), |(ones, zeros), n| (ones | n, zeros | !n));
        assert_eq!((ones, zeros), (u64::MAX, u64::MAX));
        let fraction = OsRandom.fraction();
        assert!((0.0..1.0).contains(&fraction));
    }
}
