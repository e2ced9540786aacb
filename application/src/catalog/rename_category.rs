//! Giving a category another name or slug.

use super::{CatalogTx, SlugTaken, category_fields, constraints::CATEGORY_SLUG};
use crate::kernel::{
    Authorized, Call, Checked, Command, Denied, Invalid, KeyReused, NotFound, Precondition, Unmet, use_case_error,
};
use skep_domain::{
    catalog::{Category, CategoryId, Slug, actions, events::CategoryRenamed},
    shared::{Action, Patch, Text},
};

/// Which category to rename, from which version, and how. An absent field stays as it is. No field can be cleared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RenameCategoryCommand {
    /// The category to rename.
    pub category_id: CategoryId,
    /// The version that the change is based on.
    pub precondition: Precondition,
    /// The new name, not yet checked.
    pub name: Patch<String>,
    /// The new name in URLs, not yet checked.
    pub slug: Patch<String>,
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

/// Renames categories. A change that alters no value keeps the version.
pub struct RenameCategory;

/// The name and the slug, not yet checked.
type NameInput = (Patch<String>, Patch<String>);

/// The checked name and slug.
type NameChange = (Option<Text>, Option<Slug>);

/// A checked change.
pub struct RenameCategoryPlan {
    category_id: CategoryId,
    precondition: Precondition,
    /// `write` reports invalid values only after it has compared the version of the category.
    change: Checked<NameInput, NameChange>,
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

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let RenameCategoryCommand { category_id, precondition, name, slug } = input;
        call.contend([category_id.uuid()]);
        Ok(RenameCategoryPlan { category_id, precondition, change: Checked::new((name, slug), checked) })
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
        plan.precondition.require(category.version)?;
        let (name, slug) = plan.change.against(|(name, slug)| {
            name.keep_same(category.name.as_str());
            slug.keep_same(category.slug.as_str());
        })?;
        let now = category.now();
        if category.rename(name, slug, now) {
            let saved = unit.categories().save(&category).await;
            category.version = saved.map_err(CATEGORY_SLUG.refused::<Self::Error>(SlugTaken))?;
            let event = CategoryRenamed { category_id: category.id, slug: category.slug.clone() };
            category.record(unit.outbox(), &event, category.version, category.updated_at).await?;
        }
        Ok(category.into_target())
    }
}

fn checked((name, slug): NameInput) -> Result<NameChange, Invalid> {
    let mut invalid = Invalid::default();
    let name = invalid.required("/name", name).and_then(|text| category_fields::name(&mut invalid, &text));
    let slug = invalid.required("/slug", slug).and_then(|text| category_fields::slug(&mut invalid, &text));
    invalid.finish((name, slug))
}
