//! The MongoDB store against a real server: `SKEP_TEST_MONGODB_URL` names a replica set. Without it every test says in one
//! line that it was skipped, unless `SKEP_REQUIRE_STORES` names `mongodb`.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

mod cancellation;
mod commits;
mod contention;
mod keys;
mod migrations;
mod queries;
mod samples;
mod server;
mod support;
mod units;
