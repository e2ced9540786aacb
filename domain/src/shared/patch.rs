//! A field of a partial update.

/// What a partial update says of one field: nothing, "make it empty", or a new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The field was absent: it keeps its value.
    #[default]
    Keep,
    /// The field was `null`: it becomes empty, where it may be.
    Clear,
    /// The field gets this value.
    Set(T),
}

impl<T> Patch<T> {
    /// The same for another type of value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(f(value)),
        }
    }
}

/// A list of no value, of `null`, or of the value: an absent field and an empty one are different.
impl<T: serde::Serialize> serde::Serialize for Patch<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep => [(); 0].serialize(serializer),
            Self::Clear => [None::<T>].serialize(serializer),
            Self::Set(value) => [value].serialize(serializer),
        }
    }
}
