//! What is asked and what is changed.

use crate::record::{self, date};
use bson::{Bson, Document, doc};
use skep_application::kernel::{PageRequest, Position, SortValue};
use skep_domain::shared::Direction;

/// A question.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(super) filter: Document,
    pub(super) sort: Option<Document>,
    pub(super) limit: Option<i64>,
    /// The fields to read besides the id, if not all.
    pub(super) projection: Option<Document>,
    /// The index to use, by name.
    pub(super) hint: Option<&'static str>,
    /// The first key of the index, inclusive.
    pub(super) min: Option<Document>,
    /// The end of the keys of the index, exclusive.
    pub(super) max: Option<Document>,
}

impl Query {
    /// All that match.
    pub(crate) fn of(filter: Document) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Sorted so.
    pub(crate) fn by(self, sort: Document) -> Self {
        Self { sort: Some(sort), ..self }
    }

    /// At most so many.
    pub(crate) fn at_most(self, limit: impl Into<i64>) -> Self {
        Self { limit: Some(limit.into()), ..self }
    }

    /// Only the id and these fields of each.
    pub(crate) fn only(self, fields: &[&str]) -> Self {
        let fields = fields.iter().chain(&["_id"]);
        Self { projection: Some(fields.map(|field| ((*field).to_owned(), 1_i32.into())).collect()), ..self }
    }
}

/// A field that a list is sorted by, and the index that has it, followed by the id.
#[derive(Clone, Copy)]
pub(crate) struct SortField {
    /// The name of the index.
    pub(crate) index: &'static str,
    /// The path of the field.
    pub(crate) field: &'static str,
    /// The value of a position as it is stored, if it is of the type of this field.
    value: fn(&SortValue) -> Option<Bson>,
}

impl SortField {
    /// A field with times.
    pub(crate) const fn time(index: &'static str, field: &'static str) -> Self {
        Self {
            index,
            field,
            value: |value| if let SortValue::Time(at) = value { Some(date(*at).into()) } else { None },
        }
    }

    /// A field with text.
    pub(crate) const fn text(index: &'static str, field: &'static str) -> Self {
        Self { index, field, value: |value| if let SortValue::Text(text) = value { Some(text.into()) } else { None } }
    }

    /// A field with numbers.
    pub(crate) const fn number(index: &'static str, field: &'static str) -> Self {
        Self { index, field, value: |value| if let SortValue::Int(n) = value { Some((*n).into()) } else { None } }
    }
}

/// A list that is read page by page, along an index.
pub(crate) struct List {
    by: SortField,
    filter: Document,
    direction: Direction,
    /// The first fields of the index, before the one that the list is sorted by, and their values.
    within: Document,
}

impl List {
    /// A list of all documents of a collection.
    pub(crate) fn of(by: SortField, direction: Direction) -> Self {
        Self { by, filter: doc! {}, direction, within: doc! {} }
    }

    /// Only the documents that match; for an index that has no others.
    pub(crate) fn only(mut self, filter: Document) -> Self {
        self.filter.extend(filter);
        self
    }

    /// Only the documents with these values of the first fields of the index.
    pub(crate) fn within(self, values: Document) -> Self {
        Self { within: values.clone(), ..self.only(values) }
    }

    /// What its documents match.
    pub(crate) fn filter(&self) -> &Document {
        &self.filter
    }

    /// The index that it walks.
    pub(crate) fn index(&self) -> &'static str {
        self.by.index
    }

    /// The rows of a page and one more, so that it shows whether more follow. `None` if the page starts after a position
    /// of another type: no row follows it.
    pub(crate) fn query(&self, page: &PageRequest) -> Option<Query> {
        let (way, field) = (if self.direction == Direction::Ascending { 1 } else { -1 }, self.by.field);
        let limit = i64::try_from(page.limit.get()).unwrap_or(i64::MAX - 1) + 1;
        let sorted = Query::of(self.filter.clone()).by(doc! { field: way, "_id": way }).at_most(limit);
        let query = Query { hint: Some(self.by.index), ..sorted };
        match &page.after {
            None => Some(query),
            Some(after) => self.after(query, after),
        }
    }

    /// From behind this row on. The start is a bound of the index: the server goes straight to the row, however deep it
    /// is, and however many rows share its value.
    fn after(&self, query: Query, position: &Position) -> Option<Query> {
        let (value, id) = ((self.by.value)(&position.key)?, record::id(position.id));
        let bound = |value: Bson, id: Bson| {
            let mut bound = self.within.clone();
            bound.extend(doc! { self.by.field: value, "_id": id });
            Some(bound)
        };
        let row = bound(value, id.into());
        if self.direction == Direction::Descending {
            return Some(Query { min: bound(Bson::MinKey, Bson::MinKey), max: row, ..query });
        }
        // The lower bound is inclusive.
        let mut filter = query.filter;
        filter.insert("_id", doc! { "$ne": id });
        Some(Query { filter, min: row, max: bound(Bson::MaxKey, Bson::MaxKey), ..query })
    }
}

/// One change of one document.
#[derive(Debug)]
pub(crate) struct Update {
    pub(super) filter: Document,
    pub(super) change: Bson,
    pub(super) upsert: bool,
}

impl Update {
    /// A change of the document that matches.
    pub(crate) fn of(filter: Document, change: impl Into<Bson>) -> Self {
        Self { filter, change: change.into(), upsert: false }
    }

    /// Inserts what does not exist.
    pub(crate) fn or_insert(self) -> Self {
        Self { upsert: true, ..self }
    }
}
