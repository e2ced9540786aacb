//! Every call to a server outside passes through this crate: a filter of addresses, limits of time, a circuit breaker, a
//! budget of repeats, and metrics.
//!
//! An adapter that calls a server opens its connections with a [`Dialer`] and runs each call in the [`Outbound`] of its
//! provider. Then no adapter decides by itself how long it waits, which networks it may reach, or how often it
//! tries.

mod breaker;
mod budget;
mod dialer;
mod filter;
mod outbound;
mod timed;
mod tls;

pub use breaker::{BreakerPolicy, CircuitBreaker, CircuitOpen, Permit};
pub use budget::RetryBudget;
pub use dialer::{DialError, Dialer, Phases, Resolver, SystemResolver};
pub use filter::AddressFilter;
pub use outbound::{CallError, Fault, Outbound};
pub use timed::Timed;
pub use tls::{InvalidRoots, Roots, TlsStream};
