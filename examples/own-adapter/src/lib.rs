//! Two adapters that a program brings itself. The tests put both through the clauses that are about them.

/// A rate limiter.
pub mod limits;
/// A store of products that has nothing else.
pub mod products;
#[cfg(test)]
mod tests;
