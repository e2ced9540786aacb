//! Documents, and what an index keeps of them.

use super::{
    facet::{Facet, FacetValue},
    terms::{TERMS_MAX, terms},
};
use crate::shared::UserId;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A field counts at most so many occurrences of a term.
pub const TERM_COUNTED: u32 = 3;
/// The greatest number of fields of a document.
pub const FIELDS_MAX: usize = 8;

/// The kind of a document, such as `product`. Each context names its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SearchKind(&'static str);

impl SearchKind {
    /// A kind with this name: lowercase ASCII letters and `_`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name, as stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// The documents that one query reads: all of a kind, or those of one owner. It is the first part of the key of a
/// posting, so a query never reads what its caller may not see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Space(String);

impl Space {
    /// All documents of this kind.
    #[must_use]
    pub fn all(kind: SearchKind) -> Self {
        Self(kind.name().to_owned())
    }

    /// The documents of this kind that this user owns.
    #[must_use]
    pub fn owned(kind: SearchKind, owner: UserId) -> Self {
        Self(format!("{}/{}", kind.name(), owner.uuid()))
    }

    /// The space with this stored name.
    #[must_use]
    pub const fn stored(name: String) -> Self {
        Self(name)
    }

    /// The name, as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text of a document, and how much a match in it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchField {
    /// The name, as highlights show it.
    pub name: &'static str,
    /// What one occurrence of a term counts: 1 to 100.
    pub weight: u32,
    /// What users wrote, in any script.
    pub text: String,
}

/// What a context declares about a thing that can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchDocument {
    /// What it describes, such as a product.
    pub kind: SearchKind,
    /// The id of the thing. It is unique over all kinds, and newer ids are greater.
    pub id: Uuid,
    /// The user that finds it among its own documents; `None` if no one owns it.
    pub owner: Option<UserId>,
    /// The texts, the most important first: at most [`FIELDS_MAX`]. Their first [`TERMS_MAX`] terms are found.
    pub fields: Vec<SearchField>,
    /// The values by which results are counted and narrowed: at most [`Facet::VALUES_MAX`], each once.
    pub facets: Vec<FacetValue>,
}

/// The places of a term in a document, ascending. Places of different fields are never adjacent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Positions(pub(super) Vec<u16>);

impl Positions {
    /// Two bytes for each place, the greater one first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|place| place.to_be_bytes()).collect()
    }

    /// Reads what [`Positions::to_bytes`] has made. `None` if the number of bytes is odd.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (pairs, rest) = bytes.as_chunks::<2>();
        rest.is_empty().then(|| Self(pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect()))
    }
}

/// A term of a document, as an index keeps it. The key is the space, the term and the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The documents that it is found among.
    pub space: Space,
    /// A word, as [`terms`](super::terms) makes it, or the value of a facet.
    pub term: String,
    /// The document that has the term.
    pub id: Uuid,
    /// What a match of the term counts in this document: 0 for the value of a facet.
    pub weight: u32,
    /// Where the document has the term: nowhere for the value of a facet.
    pub positions: Positions,
}

impl SearchDocument {
    /// Each term of the document with its weight and its places, by term.
    pub(super) fn weighed(&self) -> BTreeMap<String, (u32, Positions)> {
        let mut weighed: BTreeMap<String, (u32, Positions)> = BTreeMap::new();
        let (mut place, mut left) = (0_u16, TERMS_MAX);
        for field in self.fields.iter().take(FIELDS_MAX) {
            let mut counted: BTreeMap<String, u32> = BTreeMap::new();
            let found = terms(&field.text);
            let kept = found.into_iter().take(left);
            for term in kept {
                left -= 1;
                let (weight, positions) = weighed.entry(term.clone()).or_default();
                let count = counted.entry(term).or_default();
                *count += 1;
                if *count <= TERM_COUNTED {
                    *weight += field.weight;
                }
                positions.0.push(place);
                place += 1;
            }
            place += 1;
        }
        weighed
    }

    /// The spaces that the document is in: all documents of its kind, and those of its owner.
    pub(super) fn spaces(&self) -> impl Iterator<Item = Space> {
        let owned = self.owner.map(|owner| Space::owned(self.kind, owner));
        [Some(Space::all(self.kind)), owned].into_iter().flatten()
    }

    /// What an index keeps of the document, in the order of its keys. A document with an owner is in two spaces.
    #[must_use]
    pub fn postings(&self) -> Vec<Posting> {
        let values = self.facets.iter().take(Facet::VALUES_MAX);
        let mut weighed = self.weighed();
        weighed.extend(values.map(|value| (value.term(), (0, Positions::default()))));
        let of = |space: Space| {
            let posting = move |(term, (weight, positions)): (&String, &(u32, Positions))| Posting {
                space: space.clone(),
                term: term.clone(),
                id: self.id,
                weight: *weight,
                positions: positions.clone(),
            };
            weighed.iter().map(posting).collect::<Vec<_>>()
        };
        self.spaces().flat_map(of).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::search) fn document(fields: &[(u32, &str)], owner: Option<UserId>) -> SearchDocument {
        let field =
            |(weight, text): &(u32, &str)| SearchField { name: "text", weight: *weight, text: (*text).to_owned() };
        let kind = SearchKind::new("thing");
        let fields = fields.iter().map(field).collect();
        SearchDocument { kind, id: Uuid::from_u128(7), owner, fields, facets: vec![] }
    }

    #[test]
    fn a_term_counts_the_weight_of_its_fields_and_a_field_counts_it_three_times_at_most() {
        let weighed = document(&[(8, "Honey honey bee"), (1, "a honey a a a a")], None).weighed();
        let of = |term: &str| (weighed[term].0, weighed[term].1.0.clone());
        assert_eq!(of("honey"), (17, vec![0, 1, 5]));
        assert_eq!(of("bee"), (8, vec![2]));
        assert_eq!(of("a"), (3, vec![4, 6, 7, 8, 9]));
    }

    #[test]
    fn a_document_has_a_posting_for_each_term_and_space() {
        let owner = UserId::new(Uuid::from_u128(5));
        let postings = document(&[(1, "b a")], Some(owner)).postings();
        let keys: Vec<_> = postings.iter().map(|one| (one.space.as_str().len(), one.term.as_str())).collect();
        assert_eq!(keys, [(5, "a"), (5, "b"), (42, "a"), (42, "b")]);
        assert_eq!(document(&[(1, "b a")], None).postings().len(), 2);
        assert_eq!(postings[2].space, Space::owned(SearchKind::new("thing"), owner));
    }

    #[test]
    fn a_value_of_a_facet_is_a_posting_that_counts_nothing() {
        let facets = vec![Facet::new("color").of("red")];
        let postings = SearchDocument { facets, ..document(&[(1, "red")], None) }.postings();
        let kept: Vec<_> = postings.iter().map(|one| (one.term.as_str(), one.weight, one.positions.0.len())).collect();
        assert_eq!(kept, [(":color:red", 0, 0), ("red", 1, 1)]);
    }

    #[test]
    fn the_terms_of_a_document_are_bounded_over_all_fields() {
        let long = "x ".repeat(TERMS_MAX - 1);
        let weighed = document(&[(1, &long), (1, "y z")], None).weighed();
        assert!(weighed.contains_key("y") && !weighed.contains_key("z"));
    }

    #[test]
    fn places_are_read_as_written() {
        let places = Positions(vec![0, 1, 255, 256, 1_007]);
        assert_eq!(Positions::from_bytes(&places.to_bytes()), Some(places));
        assert_eq!(Positions::from_bytes(&[1]), None);
    }
}
