//! Creating a category.

use super::{
    CatalogTx, SlugTaken, category_fields,
    constraints::{CATEGORY_PARENT, CATEGORY_SLUG},
};
use crate::kernel::{Authorized, Call, Command, Denied, Invalid, KeyReused, StoreError, refusal, use_case_error};
use skep_domain::{
    catalog::{Category, CategoryId, actions, events::CategoryCreated},
    shared::Action,
};

/// A category to create, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CreateCategoryCommand {
    /// The name for people.
    pub name: String,
    /// The name in URLs; unique.
    pub slug: String,
    /// The parent category; `None` for a category at the top of the tree.
    pub parent_id: Option<CategoryId>,
}

refusal! {
    /// The tree of categories may have at most 16 levels.
    CategoryTooDeep = Conflict, "category_too_deep";
}

use_case_error! {
    /// Why no category was created.
    CreateCategoryError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        SlugTaken(SlugTaken),
        CategoryTooDeep(CategoryTooDeep),
    }
}

/// Creates categories, each at the top of the tree or under another category.
pub struct CreateCategory;

impl Command for CreateCategory {
    type Unit = dyn CatalogTx;
    type Input = CreateCategoryCommand;
    type Plan = Category;
    type Target = ();
    type Answer = Category;
    type Error = CreateCategoryError;

    const NAME: &'static str = "catalog.create_category";
    const ACTION: Action = actions::MANAGE_CATEGORY;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        call.contend(input.parent_id.map(CategoryId::uuid));
        let mut invalid = Invalid::default();
        let name = category_fields::name(&mut invalid, &input.name);
        let slug = category_fields::slug(&mut invalid, &input.slug);
        let (Some(name), Some(slug)) = (name, slug) else { return Err(invalid.into()) };
        Ok(Category::create(CategoryId::new(call.new_id()), name, slug, input.parent_id, call.now))
    }

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn write(
        &self,
        category: &Self::Plan,
        unit: &mut Self::Unit,
        authorized: Authorized<'_, ()>,
    ) -> Result<Category, Self::Error> {
        if let Some(parent) = category.parent_id {
            let lineage = lineage_of_parent::<CreateCategoryError>(unit, parent, category.id).await?;
            if !Category::fits_under(lineage.len(), 1) {
                return Err(CategoryTooDeep.into());
            }
        }
        let inserted = unit.categories().insert(category).await;
        inserted.map_err(|error| match error {
            // The lineage keeps the parent from being moved, but a store may still let it be deleted.
            StoreError::Referenced { constraint: CATEGORY_PARENT } => unknown_parent().into(),
            error => CATEGORY_SLUG.refused::<Self::Error>(SlugTaken)(error),
        })?;
        let event =
            CategoryCreated { category_id: category.id, slug: category.slug.clone(), parent_id: category.parent_id };
        authorized.record(unit.outbox(), &event, category.version, category.created_at).await?;
        Ok(category.clone())
    }
}

/// Reads the lineage of `parent`, under which `id` is about to be put. No other unit moves one of these categories until
/// this unit ends.
pub(super) async fn lineage_of_parent<E: From<Invalid> + From<StoreError>>(
    unit: &mut dyn CatalogTx,
    parent: CategoryId,
    id: CategoryId,
) -> Result<Vec<CategoryId>, E> {
    let lineage = unit.categories().lineage(parent, id).await?;
    if lineage.is_empty() {
        return Err(unknown_parent().into());
    }
    Ok(lineage)
}

fn unknown_parent() -> Invalid {
    Invalid::one("/parent_id", "unknown_category", "there is no such category")
}
