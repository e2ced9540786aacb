//! The categories.

use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    page::{Listed, Pages},
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    catalog::{CategoryQueries, CategoryRepository, CategorySort, CategorySortKey, constraints},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    catalog::{Category, CategoryId, Slug},
    shared::{Text, Version},
};
use std::{collections::BTreeMap, sync::LazyLock};

static CATEGORIES: LazyLock<Table<Category>> = LazyLock::new(|| {
    Table::<Category>::new("categories", "catalog.category", constraints::CATEGORY_ID)
        .key("id", Kind::Uuid, |category| category.id.uuid().into())
        .column("name", Kind::Text, |category| category.name.as_str().into())
        .column("slug", Kind::Text, |category| category.slug.as_str().into())
        .column("parent_id", Kind::Uuid, |category| category.parent_id.map(CategoryId::uuid).into())
        .nullable()
        .fixed("created_at", Kind::Time, |category| category.created_at.into())
        .column("updated_at", Kind::Time, |category| category.updated_at.into())
        .version(|category| category.version)
        .unique(constraints::CATEGORY_SLUG, &["slug"])
        .references(constraints::CATEGORY_PARENT, "parent_id", "categories")
        .offers(&[Verb::Find, Verb::Insert, Verb::Save, Verb::Delete])
});

/// Locks in the order of the ids, so that crossing moves wait for each other instead of deadlocking.
static LINEAGE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "WITH RECURSIVE above (id, parent_id) AS (SELECT id, parent_id FROM categories WHERE id = $1 UNION \
        SELECT parent.id, parent.parent_id FROM categories AS parent JOIN above ON parent.id = above.parent_id) \
        SELECT {*} FROM categories WHERE id IN (SELECT id FROM above) OR id = $2 ORDER BY id {for update}";
    CATEGORIES.query("lineage", text, &[Kind::Uuid, Kind::Uuid], &[])
});

/// Looks one level deeper than the tree may be, and no further.
static HEIGHT: Statement = Statement::both(
    "catalog.category.height",
    "WITH RECURSIVE below (id, level) AS (SELECT id, CAST(1 AS BIGINT) FROM categories WHERE id = $1 UNION ALL \
     SELECT child.id, below.level + 1 FROM categories AS child JOIN below ON child.parent_id = below.id \
     WHERE below.level <= $2) SELECT coalesce(max(level), 0) FROM below",
    &[Kind::Uuid, Kind::Int],
    &[Kind::Int],
);

/// How often [`LINEAGE`] looks again because a category was moved between its look and its lock.
const LOOKS: usize = 8;

static LIST: LazyLock<Pages> = LazyLock::new(|| {
    // Each column has the name of its sort key.
    let sorts: Vec<_> = CategorySortKey::NAMES.iter().map(|column| (format!("list_by_{column}"), *column)).collect();
    Pages::new(&CATEGORIES, &Listed { condition: "", params: &[], sorts: &sorts, count: "count" })
});

pub(super) fn declared() -> Declared {
    Declared::table(&CATEGORIES).statements(LIST.statements()).statements([&*LINEAGE, &HEIGHT])
}

impl Stored for Category {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = CategoryId::new(row.uuid()?);
        Ok(Self {
            id,
            name: Text::stored(row.text()?),
            slug: Slug::stored(row.text()?),
            parent_id: row.optional_uuid()?.map(CategoryId::new),
            created_at: row.time()?,
            updated_at: row.time()?,
            version: RowId("categories", id).version(row.int()?)?,
        })
    }
}

#[async_trait]
impl CategoryRepository for SqlUnit {
    async fn find(&mut self, id: CategoryId) -> Result<Option<Category>, StoreError> {
        CATEGORIES.find(self, id.uuid()).await
    }

    async fn insert(&mut self, category: &Category) -> Result<(), StoreError> {
        CATEGORIES.insert(self, category).await
    }

    async fn save(&mut self, category: &Category) -> Result<Version, StoreError> {
        CATEGORIES.save(self, category).await
    }

    async fn lineage(&mut self, id: CategoryId, moving: CategoryId) -> Result<Vec<CategoryId>, StoreError> {
        for _ in 0..LOOKS {
            let locked = self.rows(&LINEAGE, args![id.uuid(), moving.uuid()], Category::read).await?;
            let parents: BTreeMap<_, _> = locked.iter().map(|category| (category.id, category.parent_id)).collect();
            let (mut lineage, mut next) = (vec![], Some(id));
            while let Some((id, parent)) = next.and_then(|id| parents.get_key_value(&id)) {
                lineage.push(*id);
                next = *parent;
                if lineage.len() > parents.len() {
                    return self.remember(Err(StoreError::corrupt("categories", id, "it is under itself")));
                }
            }
            if next.is_none() || lineage.is_empty() {
                return Ok(lineage);
            }
            // A category was moved after the statement had read it and before it was locked, so the statement runs
            // again.
        }
        self.remember(Err(StoreError::Retry("the lineage of a category kept changing".into())))
    }

    async fn height(&mut self, id: CategoryId) -> Result<usize, StoreError> {
        let most = i64::try_from(Category::MAX_DEPTH).unwrap_or(i64::MAX);
        let height = self.row(&HEIGHT, args![id.uuid(), most], Row::int).await?;
        Ok(height.and_then(|height| usize::try_from(height).ok()).unwrap_or_default())
    }

    async fn delete(&mut self, category: &Category) -> Result<(), StoreError> {
        CATEGORIES.delete(self, category).await
    }
}

#[async_trait]
impl CategoryQueries for SqlStore {
    async fn find_category(&self, id: CategoryId) -> Result<Option<Category>, StoreError> {
        CATEGORIES.look_up(self, id.uuid()).await
    }

    async fn list_categories(&self, sort: CategorySort, page: &PageRequest) -> Result<Page<Category>, StoreError> {
        let by = (sort.key.name(), sort.direction);
        LIST.page(self, by, vec![], page, |category| sort.key.position(category)).await
    }
}
