//! The fields of a category, as callers give them.

use crate::kernel::{Invalid, refusal};
use skep_domain::{
    catalog::{NAME_MAX, Slug},
    shared::Text,
};

refusal! {
    /// Another category has this slug.
    SlugTaken = Conflict, "slug_taken";
}

/// Parses a name, or adds an error to `invalid`.
pub(super) fn name(invalid: &mut Invalid, text: &str) -> Option<Text> {
    invalid.check("/name", "invalid_text", Text::line(text, NAME_MAX))
}

/// Parses a slug, or adds an error to `invalid`.
pub(super) fn slug(invalid: &mut Invalid, text: &str) -> Option<Slug> {
    invalid.check("/slug", "invalid_slug", Slug::parse(text))
}
