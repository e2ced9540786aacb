//! Creating a category.

use super::{CatalogTx, constraints};
use crate::kernel::{
    Authorized, Call, Command, Denied, IdempotencyKey, Invalid, Key, KeyReused, StoreError, refusal, use_case_error,
};
use skep_domain::{
    access::Resource,
    catalog::{Category, CategoryId, NAME_MAX, Slug, actions, events::CategoryCreated},
    shared::{Action, Text},
};

/// A category, as typed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CreateCategoryCommand {
    /// The name.
    pub name: String,
    /// The name in addresses.
    pub slug: String,
    /// The category that it is to be under; `None` for the top.
    pub parent_id: Option<CategoryId>,
    /// Makes the command happen once, however often it is sent.
    #[serde(skip)]
    pub idempotency_key: Option<IdempotencyKey>,
}

refusal! {
    /// Another category has this slug.
    SlugTaken = Conflict, "slug_taken";
}

refusal! {
    /// The tree of categories would have more than 16 levels.
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

/// Creates categories.
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

    fn idempotency_key(input: &Self::Input) -> Option<&IdempotencyKey> {
        input.idempotency_key.as_ref()
    }

    async fn plan(&self, call: &Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let mut invalid = Invalid::default();
        let (name, slug) = (name(&mut invalid, &input.name), slug(&mut invalid, &input.slug));
        let (Some(name), Some(slug)) = (name, slug) else { return Err(invalid.into()) };
        Ok(Category::create(CategoryId::new(call.new_id()), name, slug, input.parent_id, call.now))
    }

    fn contended(category: &Self::Plan) -> Vec<Key> {
        category.parent_id.iter().map(|id| Key(id.uuid())).collect()
    }

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<((), Resource), Self::Error> {
        Ok(((), Resource::Any))
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
        unit.categories().insert(category).await.map_err(slug_taken::<CreateCategoryError>)?;
        let event =
            CategoryCreated { category_id: category.id, slug: category.slug.clone(), parent_id: category.parent_id };
        authorized.record(unit.outbox(), &event, category.version, category.created_at).await?;
        Ok(category.clone())
    }
}

/// Reads a name as typed, or notes what is wrong with it.
pub(super) fn name(invalid: &mut Invalid, name: &str) -> Option<Text> {
    invalid.check("/name", "invalid_text", Text::line(name, NAME_MAX))
}

/// Reads a slug as typed, or notes what is wrong with it.
pub(super) fn slug(invalid: &mut Invalid, slug: &str) -> Option<Slug> {
    invalid.check("/slug", "invalid_slug", Slug::parse(slug))
}

/// The lineage of the category that `id` is to be under, held until the unit ends.
pub(super) async fn lineage_of_parent<E: From<Invalid> + From<StoreError>>(
    unit: &mut dyn CatalogTx,
    parent: CategoryId,
    id: CategoryId,
) -> Result<Vec<CategoryId>, E> {
    let lineage = unit.categories().lineage(parent, id).await?;
    if lineage.is_empty() {
        return Err(Invalid::one("/parent_id", "unknown_category", "there is no such category").into());
    }
    Ok(lineage)
}

/// The store tells who of several was first with a slug.
pub(super) fn slug_taken<E: From<SlugTaken> + From<StoreError>>(error: StoreError) -> E {
    match error {
        StoreError::Duplicate { constraint: constraints::CATEGORY_SLUG } => SlugTaken.into(),
        error => error.into(),
    }
}
