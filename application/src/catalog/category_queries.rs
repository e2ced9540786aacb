//! Reading categories.

use super::{CategoryQueries, CategorySort};
use crate::kernel::{Actor, Denied, NotFound, Page, PageRequest, permit, use_case_error};
use skep_domain::catalog::{Category, CategoryId, actions};
use std::sync::Arc;

use_case_error! {
    /// Why a category is not shown.
    GetCategoryError {
        Denied(Denied),
        NotFound(NotFound),
    }
}

use_case_error! {
    /// Why categories are not listed.
    ListCategoriesError {
        Denied(Denied),
    }
}

/// Shows a category.
pub struct GetCategory {
    categories: Arc<dyn CategoryQueries>,
}

impl GetCategory {
    /// Shows categories of this store.
    #[must_use]
    pub fn new(categories: Arc<dyn CategoryQueries>) -> Self {
        Self { categories }
    }

    /// The category.
    ///
    /// # Errors
    /// [`GetCategoryError`].
    pub async fn execute(&self, actor: &Actor, id: CategoryId) -> Result<Category, GetCategoryError> {
        permit(actor, actions::READ_CATEGORY)?;
        Ok(self.categories.find_category(id).await?.ok_or(NotFound("category"))?)
    }
}

/// Lists categories.
pub struct ListCategories {
    categories: Arc<dyn CategoryQueries>,
}

impl ListCategories {
    /// Lists categories of this store.
    #[must_use]
    pub fn new(categories: Arc<dyn CategoryQueries>) -> Self {
        Self { categories }
    }

    /// A page of the categories.
    ///
    /// # Errors
    /// [`ListCategoriesError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        sort: CategorySort,
        page: &PageRequest,
    ) -> Result<Page<Category>, ListCategoriesError> {
        permit(actor, actions::READ_CATEGORY)?;
        Ok(self.categories.list_categories(sort, page).await?)
    }
}
