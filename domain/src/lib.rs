//! The rules of Skep: entities, value objects and decisions.
//!
//! Everything here is synchronous and pure. There is no clock, no randomness and no I/O: times and identifiers are
//! arguments, made by the application. Built alone (`cargo check -p skep-domain`), `Utc::now` and `Uuid::now_v7` do
//! not even exist, because the features that provide them are off.
//!
//! One module per bounded context; `shared` holds the values that all of them speak.

pub mod access;
pub mod catalog;
pub mod identity;
pub mod ordering;
pub mod shared;
