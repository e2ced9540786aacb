//! The keys of this deployment.

mod instance_keys;
pub(crate) mod schema;
