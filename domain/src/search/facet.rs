//! Facets: properties of documents with few values, by which results are counted and narrowed.

use super::query::{LAST, TermRange};

/// Stands before and after the name of a facet in a term. No word has it, so a query never finds a facet by its text.
const MARK: char = ':';

/// A property of the documents of a kind, such as the currency of products. Each context names its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Facet(&'static str);

/// What a document has of a facet. It is compared exactly, and never shown to users who may not list the document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FacetValue {
    /// The property that the value is of.
    pub facet: Facet,
    /// One line of at most [`Facet::VALUE_MAX`] bytes.
    pub value: String,
}

impl Facet {
    /// The greatest length of a value in bytes.
    pub const VALUE_MAX: usize = 64;
    /// The greatest number of values of a document, over all its facets. The index keeps the first ones.
    pub const VALUES_MAX: usize = 16;

    /// A facet with this name: lowercase ASCII letters and `_`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name, as stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// This value of the facet.
    #[must_use]
    pub fn of(self, value: impl Into<String>) -> FacetValue {
        FacetValue { facet: self, value: value.into() }
    }

    /// The terms of all values of this facet.
    #[must_use]
    pub fn range(self) -> TermRange {
        let first = format!("{MARK}{}{MARK}", self.0);
        let last = format!("{first}{LAST}");
        TermRange { first, last }
    }

    /// The value that a term of [`Facet::range`] stands for.
    #[must_use]
    pub fn value_of(self, term: &str) -> Option<&str> {
        term.strip_prefix(MARK)?.strip_prefix(self.0)?.strip_prefix(MARK)
    }
}

impl FacetValue {
    /// The term by which an index keeps the value.
    #[must_use]
    pub fn term(&self) -> String {
        format!("{MARK}{}{MARK}{}", self.facet.0, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::terms;

    #[test]
    fn a_value_is_a_term_that_no_text_has() {
        let color = Facet::new("color");
        let red = color.of("red:light");
        assert_eq!(red.term(), ":color:red:light");
        assert_eq!(terms(&red.term()), ["color", "red", "light"]);
        assert!(color.range().has(&red.term()) && !color.range().has("color"));
        assert!(!color.range().has(&Facet::new("colors").of("red").term()));
        assert_eq!(color.value_of(&red.term()), Some("red:light"));
        assert_eq!(Facet::new("colo").value_of(&red.term()), None);
    }
}
