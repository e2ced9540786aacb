//! Deleting a category.

use super::{CatalogTx, constraints};
use crate::kernel::{
    Authorized, Call, Command, Denied, IdempotencyKey, Key, KeyReused, NotFound, Precondition, StoreError, Unmet,
    refusal, use_case_error,
};
use skep_domain::{
    access::Resource,
    catalog::{Category, CategoryId, actions, events::CategoryDeleted},
    shared::Action,
};

/// Which category to delete.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeleteCategoryCommand {
    /// The category.
    pub category_id: CategoryId,
    /// The version that must still be there, if any is named.
    pub precondition: Precondition,
    /// Makes the command happen once, however often it is sent.
    #[serde(skip)]
    pub idempotency_key: Option<IdempotencyKey>,
}

refusal! {
    /// Other categories are under this one; move or delete them first.
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

/// Deletes categories that no other category is under.
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

    fn idempotency_key(input: &Self::Input) -> Option<&IdempotencyKey> {
        input.idempotency_key.as_ref()
    }

    async fn plan(&self, _: &Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        Ok(input)
    }

    fn contended(plan: &Self::Plan) -> Vec<Key> {
        vec![Key(plan.category_id.uuid())]
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<(Category, Resource), Self::Error> {
        let category = unit.categories().find(plan.category_id).await?.ok_or(NotFound("category"))?;
        Ok((category, Resource::Any))
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        category: Authorized<'_, Category>,
    ) -> Result<(), Self::Error> {
        plan.precondition.allow(category.version)?;
        unit.categories().delete(&category).await.map_err(|error| match error {
            StoreError::Referenced { constraint: constraints::CATEGORY_PARENT } => CategoryHasChildren.into(),
            error => DeleteCategoryError::from(error),
        })?;
        let event = CategoryDeleted { category_id: category.id, slug: category.slug.clone() };
        Ok(category.record(unit.outbox(), &event, category.version.next(), category.now()).await?)
    }
}
