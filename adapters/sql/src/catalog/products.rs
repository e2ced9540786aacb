//! The products.

use crate::{
    Kind::{self, Int, Text, Time, Uuid, Uuids},
    Row, SqlStore, SqlUnit, Statement,
    catalog::product_list,
    stored::{Place, args},
};
use async_trait::async_trait;
use skep_application::{
    catalog::{ProductQueries, ProductRepository, ProductSort},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::{
    catalog::{Product, Sku},
    shared::{Money, ProductId, Text as Words, Version},
};

pub(crate) const COLUMNS: &[Kind] = &[Uuid, Text, Text, Text, Int, Text, Time, Time, Time, Int];
macro_rules! columns {
    () => {
        "id, sku, name, description, price_amount, price_currency, created_at, updated_at, archived_at, version"
    };
}
pub(crate) use columns;

static FIND: Statement = Statement::both(
    "catalog.product.find",
    concat!("SELECT ", columns!(), " FROM products WHERE id = $1"),
    &[Uuid],
    COLUMNS,
);
static FIND_MANY: Statement = Statement::per(
    "catalog.product.find_many",
    (
        concat!("SELECT ", columns!(), " FROM products WHERE id IN rarray($1)"),
        concat!("SELECT ", columns!(), " FROM products WHERE id = ANY($1)"),
    ),
    &[Uuids],
    COLUMNS,
);
static INSERT: Statement = Statement::both(
    "catalog.product.insert",
    concat!("INSERT INTO products (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"),
    COLUMNS,
    &[],
);
static SAVE: Statement = Statement::both(
    "catalog.product.save",
    "UPDATE products SET sku = $2, name = $3, description = $4, price_amount = $5, price_currency = $6, \
     updated_at = $7, archived_at = $8, version = version + 1 WHERE id = $1 AND version = $9",
    &[Uuid, Text, Text, Text, Int, Text, Time, Time, Int],
    &[],
);

pub(crate) static STATEMENTS: &[&Statement] = &[&FIND, &FIND_MANY, &INSERT, &SAVE];

pub(crate) fn read(mut row: Row) -> Result<Product, StoreError> {
    let id = ProductId::new(row.uuid()?);
    let place = Place("products", id);
    Ok(Product {
        id,
        sku: Sku::stored(row.text()?),
        name: Words::stored(row.text()?),
        description: Words::stored(row.text()?),
        price: Money::new(row.int()?, place.currency("price_currency", &row.text()?)?),
        created_at: row.time()?,
        updated_at: row.time()?,
        archived_at: row.optional_time()?,
        version: place.version(row.int()?)?,
    })
}

pub(crate) fn read_view(row: Row) -> Result<Product, StoreError> {
    read(row)
}

#[async_trait]
impl ProductRepository for SqlUnit {
    async fn find(&mut self, id: ProductId) -> Result<Option<Product>, StoreError> {
        self.find(&FIND, args![id], read).await
    }

    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
        self.list(&FIND_MANY, args![ids], read).await
    }

    async fn insert(&mut self, product: &Product) -> Result<(), StoreError> {
        let args = args![
            product.id,
            product.sku.as_str(),
            product.name.as_str(),
            product.description.as_str(),
            product.price.amount(),
            product.price.currency().code(),
            product.created_at,
            product.updated_at,
            product.archived_at,
            product.version,
        ];
        self.execute(&INSERT, args).await?;
        Ok(())
    }

    async fn save(&mut self, product: &Product) -> Result<Version, StoreError> {
        let args = args![
            product.id,
            product.sku.as_str(),
            product.name.as_str(),
            product.description.as_str(),
            product.price.amount(),
            product.price.currency().code(),
            product.updated_at,
            product.archived_at,
            product.version,
        ];
        let saved = self.execute(&SAVE, args).await?;
        self.all_or_stale(saved, 1)?;
        Ok(product.version.next())
    }
}

#[async_trait]
impl ProductQueries for SqlStore {
    async fn find_product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        self.find(&FIND, args![id], read_view).await
    }

    async fn list_products(&self, sort: ProductSort, page: &PageRequest) -> Result<Page<Product>, StoreError> {
        product_list::run(self, sort, page).await
    }
}
