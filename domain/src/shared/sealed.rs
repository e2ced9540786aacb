//! Values that are sealed before they are stored.

/// A sealed value, as a store keeps it: `1.KEY.CONTENT`. It names the version of its form and the key that opens it, so
/// values of one key are neighbors in the order of their bytes. Every character is a letter, a digit, `.`, `-` or `_`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sealed(String);

impl Sealed {
    /// The version of the form that this program writes.
    pub const VERSION: &'static str = "1";
    /// A text that is greater than every sealed value.
    pub const END: &'static str = "~";

    /// A value that the key with this id has sealed. `content` has no dot.
    #[must_use]
    pub fn of(key_id: &str, content: &str) -> Self {
        Self(format!("{}{content}", Self::start(key_id)))
    }

    /// Wraps a text that was sealed before it was stored. It is not checked: opening it does that.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// What the values of this key begin with. None of them is less.
    #[must_use]
    pub fn start(key_id: &str) -> String {
        format!("{}.{key_id}.", Self::VERSION)
    }

    /// A text that is greater than the values of this key, and less than those of the keys after it.
    #[must_use]
    pub fn end(key_id: &str) -> String {
        format!("{}.{key_id}/", Self::VERSION)
    }

    /// The text, as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The version, the id of the key, and the content. `None` if the text is no sealed value.
    #[must_use]
    pub fn parts(&self) -> Option<(&str, &str, &str)> {
        let (version, rest) = self.0.split_once('.')?;
        let (key_id, content) = rest.split_once('.')?;
        Some((version, key_id, content))
    }

    /// The id of the key that opens the value. `None` if another version has sealed it.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.parts().filter(|(version, ..)| *version == Self::VERSION).map(|(_, key_id, _)| key_id)
    }
}

/// Shows the key and not the content, which belongs into no log.
impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({})", self.key_id().unwrap_or("unknown"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sealed_value_names_its_version_and_key() {
        let sealed = Sealed::of("0a1b", "c0-N_t");
        assert_eq!(sealed.as_str(), "1.0a1b.c0-N_t");
        assert_eq!(sealed.parts(), Some(("1", "0a1b", "c0-N_t")));
        assert_eq!(format!("{sealed:?}"), "Sealed(0a1b)");
        for (text, parts) in [("2.k.c", Some(("2", "k", "c"))), ("1.k", None), ("", None), ("plain text", None)] {
            let other = Sealed::stored(text.to_owned());
            assert_eq!((other.parts(), other.key_id()), (parts, None), "{text}");
            assert_eq!(format!("{other:?}"), "Sealed(unknown)", "{text}");
        }
    }

    proptest! {
        #[test]
        fn values_of_a_key_are_neighbors(
            (a, b) in ("[0-9a-f]{16}", "[0-9a-f]{16}"),
            (x, y) in ("[A-Za-z0-9_-]{0,40}", "[A-Za-z0-9_-]{0,40}"),
        ) {
            let (one, other) = (Sealed::of(&a, &x), Sealed::of(&b, &y));
            let (start, end) = (Sealed::start(&a), Sealed::end(&a));
            prop_assert!(start.as_str() <= one.as_str() && one.as_str() < end.as_str());
            prop_assert!(one.as_str() < Sealed::END);
            let is_between = start.as_str() <= other.as_str() && other.as_str() < end.as_str();
            prop_assert_eq!(is_between, a == b);
        }
    }
}
