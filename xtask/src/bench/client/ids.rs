//! Random choices of products, and random ids.

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::rc::Rc;

/// Ids of products, drawn uniformly.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    known: Rc<[String]>,
    dice: SmallRng,
}

impl Ids {
    /// Draws from these ids, at least one. The same seed makes the same draws.
    pub(crate) fn new(known: Rc<[String]>, seed: u64) -> Self {
        Self { known, dice: SmallRng::seed_from_u64(seed) }
    }

    /// Draws only from the first `count` ids.
    pub(crate) fn of_first(self, count: usize) -> Self {
        let count = count.clamp(1, self.known.len());
        Self { known: self.known[..count].into(), ..self }
    }

    /// One id, and its number.
    pub(crate) fn draw(&mut self) -> (usize, &str) {
        let at = self.dice.random_range(0..self.known.len());
        (at, &self.known[at])
    }

    /// The id with this number.
    pub(crate) fn at(&self, number: usize) -> &str {
        &self.known[number]
    }

    /// The numbers of `count` different ids, or of all ids if there are fewer.
    pub(crate) fn distinct(&mut self, count: usize) -> Vec<usize> {
        let count = count.min(self.known.len());
        let mut drawn = Vec::with_capacity(count);
        while drawn.len() < count {
            let (at, _) = self.draw();
            if !drawn.contains(&at) {
                drawn.push(at);
            }
        }
        drawn
    }

    /// A random number.
    pub(crate) fn bits(&mut self) -> u128 {
        self.dice.random()
    }
}

/// The text of a random UUID.
pub(crate) fn fresh_uuid(bits: u128) -> String {
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}
