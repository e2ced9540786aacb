//! Two adapters of a program that embeds Skep. The tests run the clauses of their ports.

/// A rate limiter in memory.
pub mod limits;
/// A store with products only.
pub mod products;
#[cfg(test)]
mod tests;
