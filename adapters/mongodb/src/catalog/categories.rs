//! Categories.

use crate::{
    ops::{List, SortField},
    record::{self, Record, Reference, Stored, Unreadable, Versioned, date, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    catalog::{CategoryQueries, CategoryRepository, CategorySort, CategorySortKey, constraints},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    catalog::{Category, CategoryId, Slug},
    shared::{Text, Version},
};
use std::{collections::BTreeMap, iter::successors, slice::from_ref};

#[derive(Serialize, Deserialize)]
struct CategoryDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    name: String,
    slug: String,
    parent_id: Option<bson::Uuid>,
    created_at: DateTime,
    updated_at: DateTime,
    version: i64,
}

/// The levels of the tree at a category.
#[derive(Deserialize)]
struct HeightDoc {
    height: i64,
}

impl Record for HeightDoc {
    const COLLECTION: &'static str = CategoryDoc::COLLECTION;
    type Entity = usize;
    fn read(self) -> Result<usize, Unreadable> {
        Ok(usize::try_from(self.height).unwrap_or(usize::MAX))
    }
}

const PARENT: Reference = Reference {
    constraint: constraints::CATEGORY_PARENT,
    from: CategoryDoc::COLLECTION,
    field: "parent_id",
    to: CategoryDoc::COLLECTION,
};

impl Record for CategoryDoc {
    const COLLECTION: &'static str = "categories";
    type Entity = Category;
    fn read(self) -> Result<Category, Unreadable> {
        Ok(Category {
            id: CategoryId::new(self.id.to_uuid_1()),
            name: Text::stored(self.name),
            slug: Slug::stored(self.slug),
            parent_id: self.parent_id.map(|id| CategoryId::new(id.to_uuid_1())),
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for CategoryDoc {
    const REFERENCES: &'static [Reference] = &[PARENT];
    const REFERENCED_BY: &'static [Reference] = &[PARENT];
    fn of(category: &Category) -> Self {
        Self {
            id: record::id(category.id.uuid()),
            name: category.name.as_str().to_owned(),
            slug: category.slug.as_str().to_owned(),
            parent_id: category.parent_id.map(|id| record::id(id.uuid())),
            created_at: date(category.created_at),
            updated_at: date(category.updated_at),
            version: category.version.get(),
        }
    }
}

impl Versioned for CategoryDoc {}

#[async_trait]
impl CategoryRepository for MongoUnit {
    async fn find(&mut self, id: CategoryId) -> Result<Option<Category>, StoreError> {
        self.by_id::<CategoryDoc>(id.uuid()).await
    }

    async fn insert(&mut self, category: &Category) -> Result<(), StoreError> {
        self.add::<CategoryDoc>(from_ref(category)).await
    }

    async fn save(&mut self, category: &Category) -> Result<Version, StoreError> {
        self.put::<CategoryDoc>(category).await
    }

    async fn lineage(&mut self, id: CategoryId, moving: CategoryId) -> Result<Vec<CategoryId>, StoreError> {
        let above = doc! {
            "from": CategoryDoc::COLLECTION, "startWith": "$parent_id", "connectFromField": "parent_id",
            "connectToField": "_id", "as": "above",
        };
        let pipeline = vec![
            doc! { "$match": { "_id": record::id(id.uuid()) } },
            doc! { "$graphLookup": above },
            doc! { "$project": { "line": { "$concatArrays": [["$$ROOT"], "$above"] } } },
            doc! { "$unwind": "$line" },
            doc! { "$replaceRoot": { "newRoot": "$line" } },
        ];
        self.run(async |executor| {
            let found = executor.aggregate::<CategoryDoc>(pipeline).await?;
            // The documents above are returned in no order.
            let parents: BTreeMap<_, _> = found.iter().map(|category| (category.id, category.parent_id)).collect();
            let start = parents.contains_key(&id).then_some(id);
            let line = successors(start, |id| parents.get(id).copied().flatten());
            let lineage: Vec<_> = line.take(parents.len()).collect();
            // A unit that moves one of them meanwhile collides with this one.
            let held = record::ids(lineage.iter().chain([&moving]).map(|id| id.uuid()));
            executor.hold(CategoryDoc::COLLECTION, held.into_iter().map(Into::into).collect()).await?;
            Ok(lineage)
        })
        .await
    }

    async fn height(&mut self, id: CategoryId) -> Result<usize, StoreError> {
        // A child has depth 0, so this looks one level deeper than the tree may be.
        let deepest = i64::try_from(Category::MAX_DEPTH).unwrap_or(i64::MAX) - 1;
        let below = doc! {
            "from": CategoryDoc::COLLECTION, "startWith": "$_id", "connectFromField": "_id", "as": "below",
            "connectToField": "parent_id", "depthField": "depth", "maxDepth": deepest,
        };
        let height = doc! { "$add": [2_i64, { "$ifNull": [{ "$max": "$below.depth" }, -1_i64] }] };
        let pipeline = vec![
            doc! { "$match": { "_id": record::id(id.uuid()) } },
            doc! { "$graphLookup": below },
            doc! { "$project": { "_id": 0, "height": height } },
        ];
        let found = self.run(async |executor| executor.aggregate::<HeightDoc>(pipeline).await).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    async fn delete(&mut self, category: &Category) -> Result<(), StoreError> {
        self.remove::<CategoryDoc>(category).await
    }
}

/// The field that categories are sorted by, and its index.
const fn field(key: CategorySortKey) -> SortField {
    match key {
        CategorySortKey::Name => SortField::text("categories_name_idx", "name"),
        CategorySortKey::CreatedAt => SortField::time("categories_created_at_idx", "created_at"),
    }
}

#[async_trait]
impl CategoryQueries for MongoStore {
    async fn find_category(&self, id: CategoryId) -> Result<Option<Category>, StoreError> {
        self.read().await?.by_id::<CategoryDoc>(id.uuid()).await
    }

    async fn list_categories(&self, sort: CategorySort, page: &PageRequest) -> Result<Page<Category>, StoreError> {
        let list = List::of(field(sort.key), sort.direction);
        self.read().await?.page::<CategoryDoc>(&list, page, |category| sort.key.position(category)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_key_has_an_index_of_the_schema() {
        for key in CategorySortKey::ALL {
            let SortField { index: name, field, .. } = field(*key);
            assert!(crate::schema::has_index(CategoryDoc::COLLECTION, name, &[field, "_id"]), "{name}");
        }
    }
}
