//! Databases that released programs have made, and what this program makes of them.
//!
//! `fixtures/` has a folder for each schema that was released and in it one for each store: the database, the secret that
//! belongs to it, and what the program of that time answered about it (`manifest.json`). A fixture is never changed;
//! `fixtures/make.py` made it and makes the next.

mod database;
mod fixture;
mod hosts;
mod service;

pub use database::{Database, Kind, dump_mongodb};
pub use fixture::{Fixture, Manifest};
pub use hosts::{FILLED_ROWS, Host};
pub use service::{Reply, Service};
