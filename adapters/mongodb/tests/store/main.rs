//! The MongoDB store on a real server: `SKEP_TEST_MONGODB_URL` is the address of a replica set. Without it, every test
//! prints that it was skipped, unless `SKEP_REQUIRE_STORES` names `mongodb`.

#![expect(clippy::unwrap_used, reason = "test helpers panic like tests")]

mod cancellation;
mod commits;
mod contention;
mod events;
mod jobs;
mod keys;
mod migrations;
mod queries;
mod samples;
mod schedules;
mod server;
mod support;
mod units;
