//! Fields of a merge patch.

use poem_openapi::types::MaybeUndefined;
use skep_domain::shared::Patch;

/// The change of a field: an absent one stays, and `null` clears it.
pub(crate) fn patch<T>(field: MaybeUndefined<T>) -> Patch<T> {
    match field {
        MaybeUndefined::Undefined => Patch::Keep,
        MaybeUndefined::Null => Patch::Clear,
        MaybeUndefined::Value(value) => Patch::Set(value),
    }
}
