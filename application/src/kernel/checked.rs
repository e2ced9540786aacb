//! The values of a change, checked before its target is read.

use super::Invalid;

/// The checked values of a change.
///
/// A value that the target has already is not judged again: the rules of today may refuse what earlier ones have taken,
/// and a client that replaces a whole resource sends such values back. So an input with an invalid value is checked a
/// second time when the target is known, without the values that stay the same.
pub enum Checked<I, V> {
    /// Every value is valid.
    Valid(V),
    /// A value is invalid, unless the target has it already.
    Doubtful {
        /// The unchecked values.
        input: I,
        /// Checks them.
        check: fn(I) -> Result<V, Invalid>,
    },
}

impl<I: Clone, V: Clone> Checked<I, V> {
    /// Checks the values.
    pub fn new(input: I, check: fn(I) -> Result<V, Invalid>) -> Self {
        match check(input.clone()) {
            Ok(valid) => Self::Valid(valid),
            Err(_) => Self::Doubtful { input, check },
        }
    }

    /// The valid values. `keep_same` takes those out of the input that the target has already, see
    /// [`Patch::keep_same`](skep_domain::shared::Patch::keep_same).
    ///
    /// # Errors
    /// The values that are invalid and change something.
    pub fn against(&self, keep_same: impl FnOnce(&mut I)) -> Result<V, Invalid> {
        match self {
            Self::Valid(valid) => Ok(valid.clone()),
            Self::Doubtful { input, check } => {
                let mut input = input.clone();
                keep_same(&mut input);
                check(input)
            }
        }
    }
}
