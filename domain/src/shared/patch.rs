//! A field of a partial update.

/// The change of one field in a partial update: keep it, make it empty, or set a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The field was absent: it keeps its value.
    #[default]
    Keep,
    /// The field was `null`: it becomes empty, if it may be empty.
    Clear,
    /// The field gets this value.
    Set(T),
}

impl<T> Patch<T> {
    /// Converts the new value, if there is one.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(f(value)),
        }
    }
}

impl Patch<String> {
    /// Keeps the value if it would be set to what it is.
    pub fn keep_same(&mut self, current: &str) {
        if matches!(self, Self::Set(value) if value == current) {
            *self = Self::Keep;
        }
    }
}

/// Writes `[]` for `Keep`, `[null]` for `Clear` and `[value]` for `Set`, so that the three differ.
impl<T: serde::Serialize> serde::Serialize for Patch<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep => [(); 0].serialize(serializer),
            Self::Clear => [None::<T>].serialize(serializer),
            Self::Set(value) => [value].serialize(serializer),
        }
    }
}
