//! Moving a category to another place in the tree.

use super::{
    CatalogTx,
    create_category::{CategoryTooDeep, lineage_of_parent},
};
use crate::kernel::{
    Authorized, Call, Command, Denied, Invalid, KeyReused, NotFound, Precondition, Unmet, refusal, use_case_error,
};
use skep_domain::{
    catalog::{Category, CategoryId, actions, events::CategoryMoved},
    shared::Action,
};

/// Which category to move, and its new parent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MoveCategoryCommand {
    /// The category to move.
    pub category_id: CategoryId,
    /// The new parent category; `None` for the top of the tree.
    pub parent_id: Option<CategoryId>,
    /// The version that the category must still have, if the caller names one.
    pub precondition: Precondition,
}

refusal! {
    /// A category cannot be moved under itself or one of its subcategories.
    CategoryCycle = Conflict, "category_cycle";
}

use_case_error! {
    /// Why the category was not moved.
    MoveCategoryError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
        CategoryCycle(CategoryCycle),
        CategoryTooDeep(CategoryTooDeep),
    }
}

/// Moves categories together with their subcategories. If the parent stays the same, so does the version.
pub struct MoveCategory;

impl Command for MoveCategory {
    type Unit = dyn CatalogTx;
    type Input = MoveCategoryCommand;
    type Plan = MoveCategoryCommand;
    type Target = Category;
    type Answer = Category;
    type Error = MoveCategoryError;

    const NAME: &'static str = "catalog.move_category";
    const ACTION: Action = actions::MANAGE_CATEGORY;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend([Some(input.category_id), input.parent_id].into_iter().flatten().map(CategoryId::uuid));
        Ok(input)
    }

    async fn load(&self, plan: &Self::Plan, unit: &mut Self::Unit) -> Result<Category, Self::Error> {
        Ok(unit.categories().find(plan.category_id).await?.ok_or(NotFound("category"))?)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        mut category: Authorized<'_, Category>,
    ) -> Result<Category, Self::Error> {
        plan.precondition.allow(category.version)?;
        if let Some(parent) = plan.parent_id.filter(|parent| category.parent_id != Some(*parent)) {
            let lineage = lineage_of_parent::<MoveCategoryError>(unit, parent, category.id).await?;
            if lineage.contains(&category.id) {
                return Err(CategoryCycle.into());
            }
            let height = unit.categories().height(category.id).await?;
            if !Category::fits_under(lineage.len(), height) {
                return Err(CategoryTooDeep.into());
            }
        }
        let now = category.now();
        if category.move_under(plan.parent_id, now) {
            category.version = unit.categories().save(&category).await?;
            let event = CategoryMoved { category_id: category.id, parent_id: category.parent_id };
            category.record(unit.outbox(), &event, category.version, category.updated_at).await?;
        }
        Ok(category.into_target())
    }
}
