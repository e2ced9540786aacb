//! The keys of this deployment.

mod field_keys;
mod instance_keys;
pub(crate) mod schema;
mod sealed_fields;
