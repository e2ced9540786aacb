//! Strings that are checked when they are parsed.

/// Declares a type for a checked string: `string_type! { /// Doc. Slug }`. Its parser stands beside the declaration.
macro_rules! string_type {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// Wraps a text that was parsed before it was stored. It is not checked again.
            #[must_use]
            pub fn stored(text: String) -> Self {
                Self(text)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text as an owned string.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl $crate::shared::Described for $type {
            const KIND: $crate::shared::Kind = $crate::shared::Kind::Text;
        }
    };
}
pub(crate) use string_type;
