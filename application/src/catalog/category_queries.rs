//! Reading categories.

use super::{CategoryQueries, CategorySort};
use crate::kernel::{Actor, Clock, GetError, ListError, LongList, NotFound, Page, PageRequest, Reader};
use skep_domain::catalog::{Category, CategoryId, actions};
use std::sync::Arc;

/// Returns one category to any actor that may read categories.
pub struct GetCategory(Reader<dyn CategoryQueries>);

impl GetCategory {
    /// Reads from this store.
    #[must_use]
    pub fn new(categories: Arc<dyn CategoryQueries>) -> Self {
        Self(Reader::new(actions::READ_CATEGORY, categories))
    }

    /// Reads the category with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: CategoryId) -> Result<Category, GetError> {
        Ok(self.0.open(actor)?.find_category(id).await?.ok_or(NotFound("category"))?)
    }
}

/// Returns pages of categories to any actor that may read them.
pub struct ListCategories {
    categories: Reader<dyn CategoryQueries>,
    length: LongList,
}

impl ListCategories {
    /// Reads from this store. The clock decides how long the list counts as a long one.
    #[must_use]
    pub fn new(categories: Arc<dyn CategoryQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { categories: Reader::new(actions::READ_CATEGORY, categories), length: LongList::new(clock) }
    }

    /// Reads a page of the categories.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        sort: CategorySort,
        page: &PageRequest,
    ) -> Result<Page<Category>, ListError> {
        let categories = self.categories.open(actor)?;
        let asked = self.length.ask(page);
        Ok(self.length.complete(page, &asked, categories.list_categories(sort, &asked).await?))
    }
}
