//! Queries, lists and updates.

use crate::record::{self, date};
use bson::{Bson, Document, doc};
use skep_application::kernel::{PageRequest, Position, SortValue};
use skep_domain::shared::Direction;

/// A query for documents of a collection.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(super) filter: Document,
    pub(super) sort: Option<Document>,
    /// How many of the first documents are left out.
    pub(super) skip: Option<u64>,
    pub(super) limit: Option<i64>,
    /// The fields to read besides the id. `None` reads all.
    pub(super) projection: Option<Document>,
    /// The index to use, by name.
    pub(super) hint: Option<&'static str>,
    /// The first key of the index, inclusive.
    pub(super) min: Option<Document>,
    /// The end of the keys of the index, exclusive.
    pub(super) max: Option<Document>,
}

impl Query {
    /// All documents that match.
    pub(crate) fn of(filter: Document) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Sets the sort order.
    pub(crate) fn by(self, sort: Document) -> Self {
        Self { sort: Some(sort), ..self }
    }

    /// Leaves out the first documents.
    pub(crate) fn after(self, skip: u32) -> Self {
        Self { skip: Some(skip.into()), ..self }
    }

    /// Sets the limit. Zero finds nothing.
    pub(crate) fn at_most(self, limit: impl Into<i64>) -> Self {
        Self { limit: Some(limit.into()), ..self }
    }

    /// Reads along this index.
    pub(crate) fn along(self, index: &'static str) -> Self {
        Self { hint: Some(index), ..self }
    }

    /// Reads along this index, from the key `min`, inclusive, to the key `max`, exclusive. Both have all its fields.
    pub(crate) fn between(self, index: &'static str, min: Document, max: Document) -> Self {
        Self { min: Some(min), max: Some(max), ..self.along(index) }
    }

    /// Reads only the id and these fields.
    pub(crate) fn only(self, fields: &[&str]) -> Self {
        let fields = fields.iter().chain(&["_id"]);
        Self { projection: Some(fields.map(|field| ((*field).to_owned(), 1_i32.into())).collect()), ..self }
    }
}

/// A field that a list is sorted by. Its index has the field, followed by the id.
#[derive(Clone, Copy)]
pub(crate) struct SortField {
    /// The name of the index.
    pub(crate) index: &'static str,
    /// The path of the field.
    pub(crate) field: &'static str,
    /// Converts the key of a position for storing, if it has the type of this field.
    value: fn(&SortValue) -> Option<Bson>,
}

impl SortField {
    /// A field that holds times.
    pub(crate) const fn time(index: &'static str, field: &'static str) -> Self {
        Self {
            index,
            field,
            value: |value| if let SortValue::Time(at) = value { Some(date(*at).into()) } else { None },
        }
    }

    /// A field that holds text.
    pub(crate) const fn text(index: &'static str, field: &'static str) -> Self {
        Self { index, field, value: |value| if let SortValue::Text(text) = value { Some(text.into()) } else { None } }
    }

    /// A field that holds numbers.
    pub(crate) const fn number(index: &'static str, field: &'static str) -> Self {
        Self { index, field, value: |value| if let SortValue::Int(n) = value { Some((*n).into()) } else { None } }
    }
}

/// A list that is read page by page along an index.
pub(crate) struct List {
    by: SortField,
    filter: Document,
    direction: Direction,
    /// The leading fields of the index, before the one that the list is sorted by, with their values.
    within: Document,
}

impl List {
    /// A list of all documents of a collection.
    pub(crate) fn of(by: SortField, direction: Direction) -> Self {
        Self { by, filter: doc! {}, direction, within: doc! {} }
    }

    /// Restricts the list to the documents that match. It reads over the other documents of the index.
    pub(crate) fn only(mut self, filter: Document) -> Self {
        self.filter.extend(filter);
        self
    }

    /// Restricts the list to the documents with these values of the leading index fields.
    pub(crate) fn within(self, values: Document) -> Self {
        Self { within: values.clone(), ..self.only(values) }
    }

    /// The filter that its documents match.
    pub(crate) fn filter(&self) -> &Document {
        &self.filter
    }

    /// The name of the index that it reads along.
    pub(crate) fn index(&self) -> &'static str {
        self.by.index
    }

    /// The query for a page and one more row, which shows whether others follow. `None` if the position is of another
    /// type, and so belongs to another list.
    pub(crate) fn query(&self, page: &PageRequest) -> Option<Query> {
        let (way, field) = (if self.direction == Direction::Ascending { 1 } else { -1 }, self.by.field);
        let limit = i64::try_from(page.limit.get()).unwrap_or(i64::MAX - 1) + 1;
        let sorted = Query::of(self.filter.clone()).by(doc! { field: way, "_id": way }).at_most(limit);
        let query = sorted.along(self.by.index);
        match &page.after {
            None => Some(query),
            Some(after) => self.after(query, after),
        }
    }

    /// Starts the query after this row. The start is a bound of the index, so the server goes straight to the row,
    /// however deep it is and however many rows have the same value.
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

/// A change of one document, or of all that match.
#[derive(Debug)]
pub(crate) struct Update {
    pub(super) filter: Document,
    pub(super) change: Bson,
    pub(super) upsert: bool,
    pub(super) multi: bool,
}

impl Update {
    /// Changes the document that matches.
    pub(crate) fn of(filter: Document, change: impl Into<Bson>) -> Self {
        Self { filter, change: change.into(), upsert: false, multi: false }
    }

    /// Changes every document that matches.
    pub(crate) fn every(self) -> Self {
        Self { multi: true, ..self }
    }

    /// Inserts the document if it does not exist.
    pub(crate) fn or_insert(self) -> Self {
        Self { upsert: true, ..self }
    }
}
