//! The language of templates of mails: a small part of Jinja, by minijinja.
//!
//! A template can write variables and their fields, choose with `if`, and repeat with `for` over a list of the data. It
//! can use the comparisons, `and`, `or` and `not`, and the filters of [`FILTERS`]. Everything else is refused when a
//! template is saved. In particular there is no arithmetic and no assignment, with which a short text could make a very
//! long one.

mod check;
mod render;

pub use render::MinijinjaRenderer;

/// The filters: `upper`, `lower`, and `default("…")`, which replaces a value that is empty or null.
pub const FILTERS: &[&str] = &["default", "lower", "upper"];
