//! The contexts of the application, and their parts of the frame.

use crate::{
    call::Fresh, catalog::Catalog, double::OwnFlaw, identity::Identity, item::Item, model::Model,
    operations::Operations, ordering::Ordering, state::EndState, step::Step,
};
use async_trait::async_trait;
use proptest::prelude::*;
use skep_application::{Store, kernel::StoreError};
use skep_domain::shared::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

/// All contexts, in the order in which programs start. A context uses only those before it. A new context needs a
/// folder and a line here.
pub(crate) const CONTEXTS: &[&dyn Context] = &[&Identity, &Catalog, &Ordering, &Operations];

/// A strategy for steps and its share among those of all contexts.
pub(crate) type Share = (u32, BoxedStrategy<Step>);

/// A context of the application: its data, its part of random programs, and its rules about the stored data.
#[async_trait]
pub(crate) trait Context: Sync {
    /// Makes the part of an empty end state.
    fn stored(&self) -> Arc<dyn Item> {
        Arc::new(())
    }
    /// Makes the part of an empty model that no port shows.
    fn hidden(&self) -> Arc<dyn Item> {
        Arc::new(())
    }
    /// Makes the part of an empty desk.
    fn seen(&self) -> Arc<dyn Item> {
        Arc::new(())
    }

    /// The steps at the start of a program.
    fn beginning(&self) -> BoxedStrategy<Vec<Step>> {
        Just(vec![]).boxed()
    }
    /// The steps of a program. The shares of all contexts together are about 128 so far.
    fn steps(&self) -> Vec<Share>;
    /// The steps before each round of parallel programs.
    fn round(&self, _number: u64) -> Vec<Step> {
        vec![]
    }
    /// The steps of parallel programs, about few rows. The shares of all contexts together are about 80 so far. A
    /// context without a rule that spans several rows or callers has none, because they would only thin out the others.
    fn parallel_steps(&self) -> Vec<Share> {
        vec![]
    }
    /// The answers and refusals that random programs must get: the name of the command, then that of the answer or the
    /// codes of the refusal and its fields.
    fn expected(&self) -> &'static [&'static str];

    /// Reads all rows into the end state. The events are there already.
    async fn read(&self, _store: &dyn Store, _state: &mut EndState) -> Result<(), StoreError> {
        Ok(())
    }
    /// The rows as text, each with the name of its kind.
    fn rows(&self, _state: &EndState) -> Vec<String> {
        vec![]
    }
    /// The generated values of the rows of `end` that are not in `known`.
    fn generated(&self, _known: &EndState, _end: &EndState) -> Vec<Fresh> {
        vec![]
    }
    /// Whether the row with this id can still become what it is at the end. It cannot if a value differs that never
    /// changes. The answer may always be yes, but then the search for an order of the calls takes longer.
    fn can_become(&self, _state: &EndState, _end: &EndState, _id: Uuid) -> bool {
        true
    }
    /// Checks the rules between rows that always hold.
    fn add_up(&self, _state: &EndState) -> Result<(), String> {
        Ok(())
    }
    /// Ends or deletes the expired rows. Returns the name and number of each kind.
    fn sweep(&self, _model: &mut Model, _at: Timestamp) -> Vec<(&'static str, u64)> {
        vec![]
    }
    /// The mistakes that only a use case of this context can make.
    fn flaws(&self) -> &'static [OwnFlaw] {
        &[]
    }
}
