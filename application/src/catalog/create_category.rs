//! Creating a category.

use super::{CatalogTx, constraints};
use crate::kernel::{
    Authorized, Call, Command, Denied, IdempotencyKey, Invalid, KeyReused, StoreError, refusal, use_case_error,
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

use_case_error! {
    /// Why no category was created.
    CreateCategoryError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        SlugTaken(SlugTaken),
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

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<((), Resource), Self::Error> {
        Ok(((), Resource::Any))
    }

    async fn write(
        &self,
        category: &Self::Plan,
        unit: &mut Self::Unit,
        authorized: Authorized<'_, ()>,
    ) -> Result<Category, Self::Error> {
        unit.categories().insert(category).await.map_err(|error| match error {
            StoreError::Referenced { constraint: constraints::CATEGORY_PARENT } => unknown_parent().into(),
            error => slug_taken::<CreateCategoryError>(error),
        })?;
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

/// The parent does not exist.
pub(super) fn unknown_parent() -> Invalid {
    Invalid::one("/parent_id", "unknown_category", "there is no such category")
}

/// The store tells who of several was first with a slug.
pub(super) fn slug_taken<E: From<SlugTaken> + From<StoreError>>(error: StoreError) -> E {
    match error {
        StoreError::Duplicate { constraint: constraints::CATEGORY_SLUG } => SlugTaken.into(),
        error => error.into(),
    }
}
