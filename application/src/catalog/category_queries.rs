//! Reading categories.

use super::{CategoryQueries, CategorySort};
use crate::kernel::{Actor, GetError, ListError, NotFound, Page, PageRequest, Reader};
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
pub struct ListCategories(Reader<dyn CategoryQueries>);

impl ListCategories {
    /// Reads from this store.
    #[must_use]
    pub fn new(categories: Arc<dyn CategoryQueries>) -> Self {
        Self(Reader::new(actions::READ_CATEGORY, categories))
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
        Ok(self.0.open(actor)?.list_categories(sort, page).await?)
    }
}
