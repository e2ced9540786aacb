//! Databases that released programs have made, read and upgraded by this one.
//!
//! `fixtures/` has a folder for each released schema, with a folder for each store. A fixture has the database, its
//! secret, and the program's answers about it (`manifest.json`). Fixtures never change; `fixtures/make.py` makes new
//! ones.

mod database;
mod fixture;
mod hosts;
mod service;

pub use database::{Database, Kind, dump_mongodb};
pub use fixture::{Fixture, Manifest};
pub use hosts::{FILLED_ROWS, Host};
pub use service::{Reply, Service};
