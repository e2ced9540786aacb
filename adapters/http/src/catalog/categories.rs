//! The endpoints of categories, and their bodies.

use super::api::Tag;
use crate::{
    body::{MergePatch, Strict},
    parts::{
        Anyone, Created, Done, Id, IfMatch, List, Listed, RepeatKey, SelfLink, Sent, Shown, SignedIn, SortKey, patch,
        path_of,
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
    /// One line of 1 to 200 characters. It is trimmed and stored in NFC. Characters that show nothing are refused.
    name: String,
    /// The unique name for URLs: 1 to 100 lowercase ASCII letters and digits, with single hyphens between them.
    slug: String,
    /// The id of the parent category. The category is at the top if it is absent or `null`.
    #[oai(nullable)]
    #[serde(default)]
    parent_id: Option<Id<CategoryId>>,
}

/// A change of the name or the slug of a category. Absent fields keep their values.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RenameCategoryRequest {
    /// The new name: one line of 1 to 200 characters. It is trimmed and stored in NFC. Characters that show nothing are
    /// refused.
    name: MaybeUndefined<String>,
    /// The new slug: 1 to 100 lowercase ASCII letters and digits, with single hyphens between them.
    slug: MaybeUndefined<String>,
}

/// The new place of a category in the tree.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveCategoryRequest {
    /// The id of the new parent category, or `null` for the top.
    #[oai(nullable)]
    #[serde(deserialize_with = "Option::deserialize")]
    parent_id: Option<Id<CategoryId>>,
}

/// A category of products. Categories form a tree.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Category")]
struct CategoryBody {
    /// The id of the category.
    id: Id<CategoryId>,
    /// One line of 1 to 200 characters.
    name: String,
    /// The unique name for URLs.
    slug: String,
    /// The id of the parent category; absent at the top.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<Id<CategoryId>>,
    /// The time of creation.
    created_at: String,
    /// The time of the last change.
    updated_at: String,
    /// The path of the category.
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
    ///
    /// Creates a category at the top or under another category. Needs the permission `catalog.category.manage`. If
    /// another category has the slug, the answer is 409 `slug_taken`.
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
    ///
    /// Lists all categories of the tree in one flat list; `parent_id` names the parent of each. Anyone may call it.
    /// Names are sorted byte by byte.
    #[oai(path = "/categories", method = "get", operation_id = "list_categories")]
    async fn list(&self, caller: Anyone, Sent(list): List<CategorySortKey>) -> Result<Listed<CategoryBody>, Problem> {
        let list = list.open(&caller, CATEGORIES)?;
        let sort = CategorySort { key: list.key, direction: list.direction };
        let page = caller.app().catalog.list_categories.execute(&caller.actor, sort, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Get a category
    ///
    /// Returns the category without the categories under it. Anyone may call it.
    #[oai(path = "/categories/:id", method = "get", operation_id = "get_category")]
    async fn get(&self, caller: Anyone, Path(id): Path<Id<CategoryId>>) -> Result<Shown<CategoryBody>, Problem> {
        Ok(shown(caller.app().catalog.get_category.execute(&caller.actor, id.0).await?))
    }

    /// Rename a category
    ///
    /// Sets the name, the slug, or both (JSON merge patch, RFC 7396). Needs the permission `catalog.category.manage`.
    /// Absent fields keep their values, and `null` is refused. If another category has the slug, the answer is 409
    /// `slug_taken`. If nothing is different afterwards, the `ETag` stays the same.
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
    /// Puts the category under another one or at the top. The categories under it move with it. Needs the permission
    /// `catalog.category.manage`. If it would be under itself, the answer is 409 `category_cycle`. If it is there
    /// already, the `ETag` stays the same.
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
    /// Deletes the category permanently. Needs the permission `catalog.category.manage`. While other categories are
    /// under it, the answer is 409 `category_has_children`. If the category is deleted already, the answer is 404,
    /// unless the request repeats an `Idempotency-Key`.
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
