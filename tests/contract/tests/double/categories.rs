//! Categories.

use super::{Done, Double, State, Unit, queries::page, table::Row};
use async_trait::async_trait;
use skep_application::{
    catalog::{
        CategoryQueries, CategoryRepository, CategorySort,
        constraints::{CATEGORY_ID, CATEGORY_PARENT, CATEGORY_SLUG},
    },
    kernel::{Constraint, Page, PageRequest},
};
use skep_domain::{
    catalog::{Category, CategoryId},
    shared::Version,
};

impl Row for Category {
    type Key = CategoryId;
    const KEY: Constraint = CATEGORY_ID;
    fn key(&self) -> CategoryId {
        self.id
    }
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }
    fn clash(&self, other: &Self) -> Option<Constraint> {
        (self.slug == other.slug).then_some(CATEGORY_SLUG)
    }
    fn parent(&self) -> Option<(CategoryId, Constraint)> {
        self.parent_id.map(|id| (id, CATEGORY_PARENT))
    }
}

#[async_trait]
impl CategoryRepository for Unit {
    async fn find(&mut self, id: CategoryId) -> Done<Option<Category>> {
        self.run(|state, _| Ok(state.categories.get(&id).cloned())).await
    }
    async fn insert(&mut self, category: &Category) -> Done<()> {
        self.run(|state, flaw| state.categories.insert(category, flaw)).await
    }
    async fn save(&mut self, category: &Category) -> Done<Version> {
        self.run(|state, flaw| state.categories.save(category, flaw)).await
    }
    async fn lineage(&mut self, id: CategoryId, _: CategoryId) -> Done<Vec<CategoryId>> {
        let parent = |state: &State, id| state.categories.get(&id).and_then(|category: &Category| category.parent_id);
        self.run(|state, _| {
            let start = state.categories.contains_key(&id).then_some(id);
            Ok(std::iter::successors(start, |id| parent(state, *id)).collect())
        })
        .await
    }
    async fn height(&mut self, id: CategoryId) -> Done<usize> {
        self.run(|state, _| {
            let mut level: Vec<_> = state.categories.get(&id).map(|category| category.id).into_iter().collect();
            let mut height = 0;
            while !level.is_empty() && height <= Category::MAX_DEPTH {
                let under = |category: &&Category| category.parent_id.is_some_and(|parent| level.contains(&parent));
                level = state.categories.values().filter(under).map(|category| category.id).collect();
                height += 1;
            }
            Ok(height)
        })
        .await
    }
    async fn delete(&mut self, category: &Category) -> Done<()> {
        self.run(|state, flaw| state.categories.delete(category, flaw)).await
    }
}

#[async_trait]
impl CategoryQueries for Double {
    async fn find_category(&self, id: CategoryId) -> Done<Option<Category>> {
        Ok(self.seen().categories.get(&id).cloned())
    }
    async fn list_categories(&self, sort: CategorySort, request: &PageRequest) -> Done<Page<Category>> {
        let rows = self.seen().categories.values().cloned().collect();
        Ok(page(rows, |row| sort.key.position(row), |_| 0, sort.direction, request, self.flaw))
    }
}
