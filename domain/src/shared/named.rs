//! Enums whose values have names.

/// Declares an enum whose values have names: `named! { /// Doc. Color { /// Doc. Red = "red", } }`.
///
/// The enum has `ALL`, `NAMES`, `name` and `from_name`, and its JSON is the name. The crate that uses the macro depends
/// on serde.
#[macro_export]
macro_rules! named {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $value:ident = $name:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $type { $($(#[$doc])* #[serde(rename = $name)] $value),+ }

        impl $type {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$value),+];
            /// The names of all values, in the same order.
            pub const NAMES: &[&'static str] = &[$($name),+];

            /// The name, as stored and shown.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$value => $name),+ }
            }

            /// The value with that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }

        impl $crate::shared::Described for $type {
            const KIND: $crate::shared::Kind = $crate::shared::Kind::OneOf(Self::NAMES);
        }
    };
}
pub use crate::named;
