//! The driver on a real server, which `SKEP_TEST_POSTGRES_URL` names.

mod connections;
mod proxy;
mod schema;
mod support;
mod transactions;
mod unreachable;
mod values;
