//! Giving a category another name or slug.

use super::{
    CatalogTx, SlugTaken,
    change_product::required,
    create_category::{name, slug, slug_taken},
};
use crate::kernel::{
    Authorized, Call, Command, Denied, IdempotencyKey, Invalid, Key, KeyReused, NotFound, Precondition, Unmet,
    use_case_error,
};
use skep_domain::{
    access::Resource,
    catalog::{Category, CategoryId, Slug, actions, events::CategoryRenamed},
    shared::{Action, Patch, Text},
};

/// Which category to rename, from which version, and how. What is not typed is kept; nothing can be cleared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RenameCategoryCommand {
    /// The category.
    pub category_id: CategoryId,
    /// The version that the change is based on.
    pub precondition: Precondition,
    /// The name, as typed.
    pub name: Patch<String>,
    /// The name in addresses, as typed.
    pub slug: Patch<String>,
    /// Makes the command happen once, however often it is sent.
    #[serde(skip)]
    pub idempotency_key: Option<IdempotencyKey>,
}

use_case_error! {
    /// Why the category was not renamed.
    RenameCategoryError {
        Denied(Denied),
        NotFound(NotFound),
        Unmet(Unmet),
        Invalid(Invalid),
        KeyReused(KeyReused),
        SlugTaken(SlugTaken),
    }
}

/// Renames categories. The same name moves no version.
pub struct RenameCategory;

/// A checked change.
pub struct RenameCategoryPlan {
    category_id: CategoryId,
    precondition: Precondition,
    /// `write` reports invalid values, after it has compared the version of the category.
    change: Result<(Option<Text>, Option<Slug>), Invalid>,
}

impl Command for RenameCategory {
    type Unit = dyn CatalogTx;
    type Input = RenameCategoryCommand;
    type Plan = RenameCategoryPlan;
    type Target = Category;
    type Answer = Category;
    type Error = RenameCategoryError;

    const NAME: &'static str = "catalog.rename_category";
    const ACTION: Action = actions::MANAGE_CATEGORY;

    fn idempotency_key(input: &Self::Input) -> Option<&IdempotencyKey> {
        input.idempotency_key.as_ref()
    }

    async fn plan(&self, _: &Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let mut invalid = Invalid::default();
        let new_name = required(&mut invalid, "/name", input.name).and_then(|text| name(&mut invalid, &text));
        let new_slug = required(&mut invalid, "/slug", input.slug).and_then(|text| slug(&mut invalid, &text));
        let change = if invalid.errors.is_empty() { Ok((new_name, new_slug)) } else { Err(invalid) };
        Ok(RenameCategoryPlan { category_id: input.category_id, precondition: input.precondition, change })
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
        mut category: Authorized<'_, Category>,
    ) -> Result<Category, Self::Error> {
        plan.precondition.require(category.version)?;
        let (now, (name, slug)) = (category.now(), plan.change.clone()?);
        if category.rename(name, slug, now) {
            category.version = unit.categories().save(&category).await.map_err(slug_taken::<RenameCategoryError>)?;
            let event = CategoryRenamed { category_id: category.id, slug: category.slug.clone() };
            category.record(unit.outbox(), &event, category.version, category.updated_at).await?;
        }
        Ok(category.into_target())
    }
}
