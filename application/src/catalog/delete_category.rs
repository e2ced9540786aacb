//! Deleting a category.

use super::{CatalogTx, constraints::CATEGORY_PARENT};
use crate::kernel::{
    Authorized, Call, Command, Denied, KeyReused, NotFound, Precondition, Unmet, refusal, use_case_error,
};
use skep_domain::{
    catalog::{Category, CategoryId, actions, events::CategoryDeleted},
    shared::Action,
};

/// Which category to delete.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeleteCategoryCommand {
    /// The category to delete.
    pub category_id: CategoryId,
    /// The version that the category must still have, if the caller names one.
    pub precondition: Precondition,
}

refusal! {
    /// The category has subcategories; move or delete them first.
    CategoryHasChildren = Conflict, "category_has_children";
}

use_case_error! {
    /// Why the category was not deleted.
    DeleteCategoryError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        KeyReused(KeyReused),
        CategoryHasChildren(CategoryHasChildren),
    }
}

/// Deletes categories that have no subcategories.
pub struct DeleteCategory;

impl Command for DeleteCategory {
    type Unit = dyn CatalogTx;
    type Input = DeleteCategoryCommand;
    type Plan = DeleteCategoryCommand;
    type Target = Category;
    type Answer = ();
    type Error = DeleteCategoryError;

    const NAME: &'static str = "catalog.delete_category";
    const ACTION: Action = actions::MANAGE_CATEGORY;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([input.category_id.uuid()]);
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Category, Self::Error> {
        Ok(unit.categories().find(plan.category_id).await?.ok_or(NotFound("category"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        category: Authorized<'_, Category>,
    ) -> Result<(), Self::Error> {
        plan.precondition.allow(category.version)?;
        let deleted = unit.categories().delete(&category).await;
        deleted.map_err(CATEGORY_PARENT.refused::<Self::Error>(CategoryHasChildren))?;
        let event = CategoryDeleted { category_id: category.id, slug: category.slug.clone() };
        Ok(category.record(unit.outbox(), &event, category.version.next(), category.now()).await?)
    }
}
