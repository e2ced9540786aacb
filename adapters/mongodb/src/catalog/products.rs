//! Products.

use crate::{
    ops::{Query, Update},
    record::{self, MoneyDoc, Record, Unreadable, date, optional_time, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Bson, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    catalog::{ProductQueries, ProductRepository, ProductSort, ProductSortKey},
    kernel::{Page, PageRequest, Position, SortValue, StoreError},
};
use skep_domain::{
    catalog::{Product, Sku},
    shared::{ProductId, Text, Version},
};

#[derive(Serialize, Deserialize)]
struct ProductDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    sku: String,
    name: String,
    description: String,
    price: MoneyDoc,
    created_at: DateTime,
    updated_at: DateTime,
    archived_at: Option<DateTime>,
    /// Whether `archived_at` is null, in a form that a partial index can ask for.
    on_sale: bool,
    version: i64,
}

impl ProductDoc {
    fn of(product: &Product, version: Version) -> Self {
        Self {
            id: record::id(product.id.uuid()),
            sku: product.sku.as_str().to_owned(),
            name: product.name.as_str().to_owned(),
            description: product.description.as_str().to_owned(),
            price: product.price.into(),
            created_at: date(product.created_at),
            updated_at: date(product.updated_at),
            archived_at: product.archived_at.map(date),
            on_sale: product.is_on_sale(),
            version: version.get(),
        }
    }
}

impl Record for ProductDoc {
    const COLLECTION: &'static str = "products";
    type Entity = Product;
    fn read(self) -> Result<Product, Unreadable> {
        Ok(Product {
            id: ProductId::new(self.id.to_uuid_1()),
            sku: Sku::stored(self.sku),
            name: Text::stored(self.name),
            description: Text::stored(self.description),
            price: self.price.read()?,
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            archived_at: optional_time(self.archived_at)?,
            version: version(self.version)?,
        })
    }
}

#[async_trait]
impl ProductRepository for MongoUnit {
    async fn find(&mut self, id: ProductId) -> Result<Option<Product>, StoreError> {
        let mut step = self.step()?;
        let found = step.find_one::<ProductDoc>(doc! { "_id": record::id(id.uuid()) }).await?;
        step.ok(found)
    }

    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
        let mut step = self.step()?;
        let ids = record::ids(ids.iter().map(|id| id.uuid()));
        let found = step.find::<ProductDoc>(Query::of(doc! { "_id": { "$in": ids } })).await?;
        step.ok(found)
    }

    async fn insert(&mut self, product: &Product) -> Result<(), StoreError> {
        let mut step = self.step()?;
        step.insert(&[ProductDoc::of(product, product.version)]).await?;
        step.ok(())
    }

    async fn save(&mut self, product: &Product) -> Result<Version, StoreError> {
        let mut step = self.step()?;
        let next = product.version.next();
        let filter = doc! { "_id": record::id(product.id.uuid()), "version": product.version.get() };
        let changed = bson::serialize_to_document(&ProductDoc::of(product, next)).map_err(StoreError::unreadable)?;
        step.update_all(ProductDoc::COLLECTION, vec![Update::of(filter, changed)]).await?;
        // A unit that sells the product meanwhile saves its level: one of both has to be repeated.
        let level = doc! { "_id": record::id(product.id.uuid()) };
        step.update("stock_levels", vec![Update::of(level, doc! { "$inc": { "product_changes": 1_i64 } })]).await?;
        step.ok(next)
    }
}

/// The index that a list of the products on sale walks, and the field it is sorted by.
const fn index(key: ProductSortKey) -> (&'static str, &'static str) {
    match key {
        ProductSortKey::CreatedAt => ("products_created_at_idx", "created_at"),
        ProductSortKey::Name => ("products_name_idx", "name"),
        ProductSortKey::Sku => ("products_sku_idx", "sku"),
        ProductSortKey::Price => ("products_price_amount_idx", "price.amount"),
    }
}

/// The value of a position, if it is of the type that products are sorted by.
fn start(key: ProductSortKey, position: &Position) -> Option<Bson> {
    match (key, &position.key) {
        (ProductSortKey::CreatedAt, SortValue::Time(at)) => Some(date(*at).into()),
        (ProductSortKey::Name | ProductSortKey::Sku, SortValue::Text(text)) => Some(text.as_str().into()),
        (ProductSortKey::Price, SortValue::Int(amount)) => Some((*amount).into()),
        _ => None,
    }
}

#[async_trait]
impl ProductQueries for MongoStore {
    async fn find_product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        let found = self.read().await?.find_one::<ProductDoc>(doc! { "_id": record::id(id.uuid()) }).await?;
        Ok(found.as_ref().cloned())
    }

    async fn list_products(&self, sort: ProductSort, page: &PageRequest) -> Result<Page<Product>, StoreError> {
        let (index, field) = index(sort.key);
        let mut query = Query::listing(index, doc! { "on_sale": true }, sort.direction, field, page);
        if let Some(after) = &page.after {
            let Some(value) = start(sort.key, after) else { return Ok(Page::empty(page)) };
            query = query.after(sort.direction, doc! {}, field, value, after.id);
        }
        let mut reader = self.read().await?;
        let rows = reader.find::<ProductDoc>(query).await?;
        let total =
            if page.count { Some(reader.count::<ProductDoc>(doc! { "on_sale": true }, index).await?) } else { None };
        Ok(Page::of(rows, page, total, |product| sort.key.position(product)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_key_has_an_index_of_the_schema() {
        for key in ProductSortKey::ALL {
            let (name, field) = index(*key);
            assert!(crate::schema::has_index(ProductDoc::COLLECTION, name, &[field, "_id"]), "{name}");
        }
    }
}
