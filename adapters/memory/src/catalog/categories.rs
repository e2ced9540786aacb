//! Categories.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules, page};
use async_trait::async_trait;
use skep_application::{
    catalog::{
        CategoryQueries, CategoryRepository, CategorySort,
        constraints::{CATEGORY_ID, CATEGORY_PARENT, CATEGORY_SLUG},
    },
    kernel::{Page, PageRequest},
};
use skep_domain::{
    catalog::{Category, CategoryId},
    shared::Version,
};

impl Row for Category {
    type Key = CategoryId;
    const RULES: Rules<Self> = Rules {
        unique: &[(CATEGORY_SLUG, |one, other| one.slug == other.slug)],
        parent: Some((CATEGORY_PARENT, |category| category.parent_id)),
        ..Rules::of(CATEGORY_ID, |category| category.id, |category| &mut category.version)
    };
}

#[async_trait]
impl CategoryRepository for MemoryUnit {
    async fn find(&mut self, id: CategoryId) -> Done<Option<Category>> {
        self.run(|state| Ok(state.categories.get(id).cloned())).await
    }
    async fn insert(&mut self, category: &Category) -> Done<()> {
        self.run(|state| state.categories.insert(category)).await
    }
    async fn save(&mut self, category: &Category) -> Done<Version> {
        self.run(|state| state.categories.save(category)).await
    }
    async fn lineage(&mut self, id: CategoryId, _moving: CategoryId) -> Done<Vec<CategoryId>> {
        self.run(|state| {
            let start = state.categories.get(id).map(|category| category.id);
            let parent = |id: &CategoryId| state.categories.get(*id).and_then(|category| category.parent_id);
            Ok(std::iter::successors(start, parent).collect())
        })
        .await
    }
    async fn height(&mut self, id: CategoryId) -> Done<usize> {
        self.run(|state| {
            let mut level: Vec<_> = state.categories.get(id).map(|category| category.id).into_iter().collect();
            let mut height = 0;
            while !level.is_empty() && height <= Category::MAX_DEPTH {
                let under = |category: &&Category| category.parent_id.is_some_and(|parent| level.contains(&parent));
                level = state.categories.rows().filter(under).map(|category| category.id).collect();
                height += 1;
            }
            Ok(height)
        })
        .await
    }
    async fn delete(&mut self, category: &Category) -> Done<()> {
        self.run(|state| state.categories.delete(category)).await
    }
}

#[async_trait]
impl CategoryQueries for MemoryStore {
    async fn find_category(&self, id: CategoryId) -> Done<Option<Category>> {
        Ok(self.state().categories.get(id).cloned())
    }
    async fn list_categories(&self, sort: CategorySort, request: &PageRequest) -> Done<Page<Category>> {
        let state = self.state();
        let rows = state.categories.rows().cloned();
        Ok(page(rows, |row| sort.key.position(row), sort.direction, request, usize::MAX, |_| 0))
    }
}
