//! The Rust client of Skep, generated from the OpenAPI document when this crate is built. See `docs/guides/clients.md`.

#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::unwrap_used,
    missing_docs,
    reason = "written by a generator"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/skep.rs"));
}

pub use generated::*;
