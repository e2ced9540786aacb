//! Products.

use super::stock::LevelDoc;
use crate::{
    ops::{List, Query, SortField},
    record::{self, MoneyDoc, Record, Stored, Unreadable, Versioned, date, optional_time, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    catalog::{ProductQueries, ProductRepository, ProductSort, ProductSortKey},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    catalog::{Picture, Product, Sku},
    files::FileId,
    shared::{ProductId, Text, Version},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
struct ProductDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    sku: String,
    name: String,
    description: String,
    price: MoneyDoc,
    /// Products of earlier versions do not have it.
    #[serde(default)]
    pictures: Vec<PictureDoc>,
    created_at: DateTime,
    updated_at: DateTime,
    archived_at: Option<DateTime>,
    /// Whether `archived_at` is null. A partial index cannot express that condition itself.
    on_sale: bool,
    version: i64,
}

#[derive(Serialize, Deserialize)]
struct PictureDoc {
    file_id: bson::Uuid,
    alt: String,
}

impl From<&Picture> for PictureDoc {
    fn from(picture: &Picture) -> Self {
        Self { file_id: record::id(picture.file_id.uuid()), alt: picture.alt.as_str().to_owned() }
    }
}

impl From<PictureDoc> for Picture {
    fn from(PictureDoc { file_id, alt }: PictureDoc) -> Self {
        Self { file_id: FileId::new(file_id.to_uuid_1()), alt: Text::stored(alt) }
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
            pictures: self.pictures.into_iter().map(Picture::from).collect(),
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            archived_at: optional_time(self.archived_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for ProductDoc {
    fn of(product: &Product) -> Self {
        Self {
            id: record::id(product.id.uuid()),
            sku: product.sku.as_str().to_owned(),
            name: product.name.as_str().to_owned(),
            description: product.description.as_str().to_owned(),
            price: product.price.into(),
            pictures: product.pictures.iter().map(PictureDoc::from).collect(),
            created_at: date(product.created_at),
            updated_at: date(product.updated_at),
            archived_at: product.archived_at.map(date),
            on_sale: product.is_on_sale(),
            version: product.version.get(),
        }
    }
}

impl Versioned for ProductDoc {}

/// The id of a product alone.
#[derive(Serialize, Deserialize)]
struct ProductIdDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
}

impl Record for ProductIdDoc {
    const COLLECTION: &'static str = ProductDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&[]);
    type Entity = ProductId;
    fn read(self) -> Result<ProductId, Unreadable> {
        Ok(ProductId::new(self.id.to_uuid_1()))
    }
}

#[async_trait]
impl ProductRepository for MongoUnit {
    async fn find(&mut self, id: ProductId) -> Result<Option<Product>, StoreError> {
        self.by_id::<ProductDoc>(id.uuid()).await
    }

    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
        self.by_ids::<ProductDoc>(record::ids(ids.iter().map(|id| id.uuid()))).await
    }

    async fn insert(&mut self, product: &Product) -> Result<(), StoreError> {
        self.add::<ProductDoc>(from_ref(product)).await
    }

    async fn save(&mut self, product: &Product) -> Result<Version, StoreError> {
        let level = vec![record::id(product.id.uuid()).into()];
        self.run(async |executor| {
            let version = executor.put::<ProductDoc>(product).await?;
            // A unit that sells the product meanwhile saves its level, so one of both units is repeated.
            executor.hold(LevelDoc::COLLECTION, level).await?;
            Ok(version)
        })
        .await
    }
}

/// The field that products are sorted by, and its index.
const fn field(key: ProductSortKey) -> SortField {
    match key {
        ProductSortKey::CreatedAt => SortField::time("products_created_at_idx", "created_at"),
        ProductSortKey::Name => SortField::text("products_name_idx", "name"),
        ProductSortKey::Sku => SortField::text("products_sku_idx", "sku"),
        ProductSortKey::Price => SortField::number("products_price_amount_idx", "price.amount"),
    }
}

#[async_trait]
impl ProductQueries for MongoStore {
    async fn find_product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        self.read().await?.by_id::<ProductDoc>(id.uuid()).await
    }

    async fn find_products(&self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
        let found = doc! { "_id": { "$in": record::ids(ids.iter().map(|id| id.uuid())) } };
        self.read().await?.find::<ProductDoc>(Query::of(found)).await
    }

    async fn list_product_ids(&self, after: Option<ProductId>, limit: u32) -> Result<Vec<ProductId>, StoreError> {
        let filter = after.map_or_else(Document::new, |after| doc! { "_id": { "$gt": record::id(after.uuid()) } });
        let query = Query::of(filter).by(doc! { "_id": 1 }).at_most(limit).along("_id_");
        self.read().await?.find::<ProductIdDoc>(query).await
    }

    async fn list_products(&self, sort: ProductSort, page: &PageRequest) -> Result<Page<Product>, StoreError> {
        let on_sale = List::of(field(sort.key), sort.direction).only(doc! { "on_sale": true });
        self.read().await?.page::<ProductDoc>(&on_sale, page, |product| sort.key.position(product)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_key_has_an_index_of_the_schema() {
        for key in ProductSortKey::ALL {
            let SortField { index: name, field, .. } = field(*key);
            assert!(crate::schema::has_index(ProductDoc::COLLECTION, name, &[field, "_id"]), "{name}");
        }
    }
}
