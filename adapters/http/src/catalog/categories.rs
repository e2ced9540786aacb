//! Categories and their bodies.

use super::{api::Tag, dto::patch};
use crate::{
    body::{MergePatch, Strict},
    parts::{
        Anyone, Created, Done, Id, IfMatch, List, Listed, RepeatKey, SelfLink, Sent, Shown, SignedIn, SortKey, path_of,
    },
    problem::Problem,
};
use poem_openapi::{Object, OpenApi, param::Path, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use skep_application::catalog::{
    CategorySort, CategorySortKey, CreateCategoryCommand, DeleteCategoryCommand, MoveCategoryCommand,
    RenameCategoryCommand,
};
use skep_domain::catalog::{Category, CategoryId};

/// The path of the categories.
const CATEGORIES: &str = "/api/v1/categories";

#[derive(Default)]
pub(super) struct CategoryApi;

impl SortKey for CategorySortKey {
    const ALL: &'static [Self] = Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }
}

/// A new category.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateCategoryRequest {
    /// The name, 1 to 200 characters.
    name: String,
    /// The name in addresses, unique: 1 to 100 lowercase letters and digits, with single hyphens between them.
    slug: String,
    /// The category that it is to be under; the top if absent.
    #[oai(nullable)]
    #[serde(default)]
    parent_id: Option<Id<CategoryId>>,
}

/// Another name or slug: absent fields keep their value.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RenameCategoryRequest {
    /// The name.
    name: MaybeUndefined<String>,
    /// The name in addresses.
    slug: MaybeUndefined<String>,
}

/// Another place for a category.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveCategoryRequest {
    /// The category that it is to be under; `null` for the top.
    #[oai(nullable)]
    #[serde(deserialize_with = "Option::deserialize")]
    parent_id: Option<Id<CategoryId>>,
}

/// A category.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Category")]
struct CategoryBody {
    /// The identifier.
    id: Id<CategoryId>,
    /// The name.
    name: String,
    /// The name in addresses.
    slug: String,
    /// The category that it is under, if it is not at the top.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<Id<CategoryId>>,
    /// When it was created.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// Where it is.
    links: SelfLink,
}

impl From<Category> for CategoryBody {
    fn from(category: Category) -> Self {
        Self {
            id: Id(category.id),
            name: category.name.into_string(),
            slug: category.slug.into_string(),
            parent_id: category.parent_id.map(Id),
            created_at: category.created_at.to_string(),
            updated_at: category.updated_at.to_string(),
            links: SelfLink::to(path_of(CATEGORIES, category.id, "")),
        }
    }
}

fn shown(category: Category) -> Shown<CategoryBody> {
    Shown::of(category.version, category)
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Catalog")]
impl CategoryApi {
    /// Create a category
    #[oai(path = "/categories", method = "post", operation_id = "create_category")]
    async fn create(
        &self,
        caller: SignedIn,
        Sent(key): RepeatKey,
        body: Strict<CreateCategoryRequest>,
    ) -> Result<Created<CategoryBody>, Problem> {
        let CreateCategoryRequest { name, slug, parent_id } = body.0;
        let parent_id = parent_id.map(|id| id.0);
        let command = CreateCategoryCommand { name, slug, parent_id };
        let category = caller.app().catalog.create_category.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Created::at(path_of(CATEGORIES, category.id, ""), category.version, category))
    }

    /// List categories
    #[oai(path = "/categories", method = "get", operation_id = "list_categories")]
    async fn list(&self, caller: Anyone, Sent(list): List<CategorySortKey>) -> Result<Listed<CategoryBody>, Problem> {
        let list = list.open(&caller, CATEGORIES)?;
        let sort = CategorySort { key: list.key, direction: list.direction };
        let page = caller.app().catalog.list_categories.execute(&caller.actor, sort, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Show a category
    #[oai(path = "/categories/:id", method = "get", operation_id = "get_category")]
    async fn get(&self, caller: Anyone, Path(id): Path<Id<CategoryId>>) -> Result<Shown<CategoryBody>, Problem> {
        Ok(shown(caller.app().catalog.get_category.execute(&caller.actor, id.0).await?))
    }

    /// Rename a category
    ///
    /// Absent fields keep their value.
    #[oai(path = "/categories/:id", method = "patch", operation_id = "rename_category")]
    async fn rename(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<CategoryId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: MergePatch<RenameCategoryRequest>,
    ) -> Result<Shown<CategoryBody>, Problem> {
        let (name, slug) = (patch(body.0.name), patch(body.0.slug));
        let command = RenameCategoryCommand { category_id: id.0, precondition, name, slug };
        Ok(shown(caller.app().catalog.rename_category.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Move a category
    ///
    /// All that is under it comes along. Refused if it would then be under itself.
    #[oai(path = "/categories/:id/move", method = "post", operation_id = "move_category")]
    async fn move_to(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<CategoryId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: Strict<MoveCategoryRequest>,
    ) -> Result<Shown<CategoryBody>, Problem> {
        let (category_id, parent_id) = (id.0, body.0.parent_id.map(|id| id.0));
        let command = MoveCategoryCommand { category_id, parent_id, precondition };
        Ok(shown(caller.app().catalog.move_category.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Delete a category
    ///
    /// Refused while other categories are under it.
    #[oai(path = "/categories/:id", method = "delete", operation_id = "delete_category")]
    async fn delete(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<CategoryId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = DeleteCategoryCommand { category_id: id.0, precondition };
        caller.app().catalog.delete_category.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }
}
