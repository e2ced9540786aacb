//! References between documents. The server has no foreign keys, and a transaction sees one state of the data and not
//! what others do meanwhile: one that inserts a child and one that deletes its parent would both commit. So a unit also
//! writes to the documents that it refers to, and two transactions that write to one document never both commit.

use crate::{
    ops::{Executor, Query, Update},
    record::{Reference, Stored, field},
};
use bson::{Bson, RawDocumentBuf, doc};
use skep_application::kernel::StoreError;

/// What documents of one kind refer to: the ids, by reference.
pub(crate) type Referred = Vec<(&'static Reference, Vec<Bson>)>;

/// What these documents refer to.
pub(crate) fn referred<R: Stored>(documents: &[RawDocumentBuf]) -> Result<Referred, StoreError> {
    let of = |reference: &'static Reference| {
        let ids = documents.iter().map(|document| field(document, reference.field));
        let ids = ids.filter(|id| !matches!(id, Ok(Bson::Null))).collect::<Result<_, _>>()?;
        Ok((reference, ids))
    };
    R::REFERENCES.iter().map(of).collect()
}

impl Executor {
    /// Holds these documents until the transaction ends: a unit that changes or deletes one of them meanwhile collides
    /// with this one, and one of both ends with `Retry`. Answers how many of them exist.
    pub(crate) async fn hold(&mut self, collection: &str, ids: Vec<Bson>) -> Result<u64, StoreError> {
        // A field that no entity reads. To set a field to the value that it has would be no write.
        let hold = |id| Update::of(doc! { "_id": id }, doc! { "$inc": { "held": 1_i64 } });
        self.update(collection, ids.into_iter().map(hold).collect()).await
    }

    /// Holds what was referred to, by one command for each kind of reference. `Referenced` if any of it does not exist.
    pub(crate) async fn refer(&mut self, referred: Referred) -> Result<(), StoreError> {
        for (reference, ids) in referred {
            let expected = ids.len() as u64;
            if self.hold(reference.to, ids).await? != expected {
                return Err(StoreError::Referenced { constraint: reference.constraint });
            }
        }
        Ok(())
    }

    /// `Referenced` if any document refers to the one with this id. The unit has deleted that one before, so that it
    /// collides with every unit that refers to it meanwhile.
    pub(crate) async fn unreferenced(&mut self, by: &[Reference], id: &Bson) -> Result<(), StoreError> {
        for reference in by {
            let one = Query::of(doc! { reference.field: id }).only(&[]).at_most(1);
            if !self.find_as(reference.from, one, |_| Ok(())).await?.is_empty() {
                return Err(StoreError::Referenced { constraint: reference.constraint });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
