//! Which product next, and names for what is new.

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::rc::Rc;

/// Identifiers of products, drawn uniformly.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    known: Rc<[String]>,
    dice: SmallRng,
}

impl Ids {
    /// Draws from these, of which there is at least one; the same seed draws the same.
    pub(crate) fn new(known: Rc<[String]>, seed: u64) -> Self {
        Self { known, dice: SmallRng::seed_from_u64(seed) }
    }

    /// Draws from the first of them alone.
    pub(crate) fn of_first(self, count: usize) -> Self {
        let count = count.clamp(1, self.known.len());
        Self { known: self.known[..count].into(), ..self }
    }

    /// One of them, and its number.
    pub(crate) fn draw(&mut self) -> (usize, &str) {
        let at = self.dice.random_range(0..self.known.len());
        (at, &self.known[at])
    }

    /// The one with this number.
    pub(crate) fn at(&self, number: usize) -> &str {
        &self.known[number]
    }

    /// This many of them, each once; fewer if there are not as many.
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
