//! The products, and the lists of products on sale.

use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    page::{Listed, Pages},
    shape::Verb,
    stored::{RowId, Stored, json},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    catalog::{ProductQueries, ProductRepository, ProductSort, ProductSortKey, constraints},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    catalog::{Product, Sku},
    shared::{Money, ProductId, Text, Version},
};
use std::sync::LazyLock;
use uuid::Uuid;

static PRODUCTS: LazyLock<Table<Product>> = LazyLock::new(|| {
    Table::<Product>::new("products", "catalog.product", constraints::PRODUCT_ID)
        .key("id", Kind::Uuid, |product| product.id.into())
        .column("sku", Kind::Text, |product| product.sku.as_str().into())
        .column("name", Kind::Text, |product| product.name.as_str().into())
        .column("description", Kind::Text, |product| product.description.as_str().into())
        .column("price_amount", Kind::Int, |product| product.price.amount().into())
        .column("price_currency", Kind::Text, |product| product.price.currency().code().into())
        .fixed("created_at", Kind::Time, |product| product.created_at.into())
        .column("updated_at", Kind::Time, |product| product.updated_at.into())
        .column("archived_at", Kind::Time, |product| product.archived_at.into())
        .nullable()
        .version(|product| product.version)
        .column("pictures", Kind::Text, |product| json(&product.pictures).into())
        .unique(constraints::PRODUCT_SKU, &["sku"])
        .offers(&[Verb::Find, Verb::FindMany, Verb::Insert, Verb::Save])
});

/// The column that a list is sorted by.
const fn column(key: ProductSortKey) -> &'static str {
    match key {
        ProductSortKey::CreatedAt => "created_at",
        ProductSortKey::Name => "name",
        ProductSortKey::Sku => "sku",
        ProductSortKey::Price => "price_amount",
    }
}

static ON_SALE: LazyLock<Pages> = LazyLock::new(|| {
    let sorts: Vec<_> =
        ProductSortKey::ALL.iter().map(|key| (format!("list_by_{}", key.name()), column(*key))).collect();
    Pages::new(&PRODUCTS, &Listed { condition: "archived_at IS NULL", params: &[], sorts: &sorts, count: "count" })
});

static LIST_IDS: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT id FROM products WHERE id > $1 ORDER BY id LIMIT $2";
    PRODUCTS.command("list_ids", text, &[Kind::Uuid, Kind::Int], &[Kind::Uuid])
});

pub(super) fn declared() -> Declared {
    Declared::table(&PRODUCTS).statements(ON_SALE.statements()).statements([&*LIST_IDS])
}

impl Stored for Product {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = ProductId::new(row.uuid()?);
        let row_id = RowId("products", id);
        let mut product = Self {
            id,
            sku: Sku::stored(row.text()?),
            name: Text::stored(row.text()?),
            description: Text::stored(row.text()?),
            price: Money::new(row.int()?, row_id.currency("price_currency", &row.text()?)?),
            pictures: vec![],
            created_at: row.time()?,
            updated_at: row.time()?,
            archived_at: row.optional_time()?,
            version: row_id.version(row.int()?)?,
        };
        product.pictures = row_id.json("pictures", &row.text()?)?;
        Ok(product)
    }
}

#[async_trait]
impl ProductRepository for SqlUnit {
    async fn find(&mut self, id: ProductId) -> Result<Option<Product>, StoreError> {
        PRODUCTS.find(self, id).await
    }

    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
        PRODUCTS.find_many(self, ids.iter().map(|id| id.uuid()).collect()).await
    }

    async fn insert(&mut self, product: &Product) -> Result<(), StoreError> {
        PRODUCTS.insert(self, product).await
    }

    async fn save(&mut self, product: &Product) -> Result<Version, StoreError> {
        PRODUCTS.save(self, product).await
    }
}

#[async_trait]
impl ProductQueries for SqlStore {
    async fn find_product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        PRODUCTS.look_up(self, id).await
    }

    async fn find_products(&self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
        PRODUCTS.look_up_many(self, ids.iter().map(|id| id.uuid()).collect()).await
    }

    async fn list_product_ids(&self, after: Option<ProductId>, limit: u32) -> Result<Vec<ProductId>, StoreError> {
        let after = after.map_or_else(Uuid::nil, ProductId::uuid);
        self.rows(&LIST_IDS, args![after, limit], |row| Ok(ProductId::new(row.uuid()?))).await
    }

    async fn list_products(&self, sort: ProductSort, page: &PageRequest) -> Result<Page<Product>, StoreError> {
        let by = (column(sort.key), sort.direction);
        ON_SALE.page(self, by, vec![], page, |product| sort.key.position(product)).await
    }
}
