//! References between documents. The server has no foreign keys, and a transaction reads a snapshot: a unit that
//! inserts a child and a parallel unit that deletes its parent would both commit. So a unit also writes to the
//! documents that it refers to, because two transactions that write to one document never both commit.

use crate::{
    ops::{Executor, Query, Update},
    record::{Reference, Stored, field},
};
use bson::{Bson, RawDocumentBuf, doc};
use skep_application::kernel::StoreError;

/// The ids that documents refer to, for each reference.
pub(crate) type Referred = Vec<(&'static Reference, Vec<Bson>)>;

/// Collects the ids that these documents refer to.
pub(crate) fn referred<R: Stored>(documents: &[RawDocumentBuf]) -> Result<Referred, StoreError> {
    let of = |reference: &'static Reference| {
        let ids = documents.iter().map(|document| field(document, reference.field));
        let ids = ids.filter(|id| !matches!(id, Ok(Bson::Null))).collect::<Result<_, _>>()?;
        Ok((reference, ids))
    };
    R::REFERENCES.iter().map(of).collect()
}

impl Executor {
    /// Holds these documents until the transaction ends, and returns how many of them exist. If another unit changes or
    /// deletes one of them meanwhile, the two units collide and one of them ends with `Retry`.
    pub(crate) async fn hold(&mut self, collection: &str, ids: Vec<Bson>) -> Result<u64, StoreError> {
        // No entity reads this field. Setting a field to its own value would not be a write.
        let hold = |id| Update::of(doc! { "_id": id }, doc! { "$inc": { "held": 1_i64 } });
        self.update(collection, ids.into_iter().map(hold).collect()).await
    }

    /// Holds the referred documents, in one command for each reference. `Referenced` if one of them does not exist.
    pub(crate) async fn refer(&mut self, referred: Referred) -> Result<(), StoreError> {
        for (reference, ids) in referred {
            let expected = ids.len() as u64;
            if self.hold(reference.to, ids).await? != expected {
                return Err(StoreError::Referenced { constraint: reference.constraint });
            }
        }
        Ok(())
    }

    /// `Referenced` if a document refers to the one with this id. The unit must have deleted that one before, so that
    /// it collides with every unit that refers to it meanwhile.
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
