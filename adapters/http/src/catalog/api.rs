//! Products and their stock.

use super::dto::{
    ChangeProductRequest, CreateProductRequest, PRODUCTS, ProductBody, ProductListBody, ReplaceProductRequest,
    SetStockRequest, StockBody,
};
use crate::{
    api::{
        Answer, Anyone, ListParameters, SignedIn, State, etag, idempotency_key, list_request, partial_etag, path_of,
        precondition, refuse,
    },
    body::{MergePatch, Strict},
    problem::Problem,
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi, Tags,
    param::{Header, Path, Query},
};
use skep_application::{
    catalog::{
        ArchiveProductCommand, ChangeProductCommand, ProductPatch, ProductSort, ProductSortKey, SetStockCommand,
        StockDetail,
    },
    kernel::Actor,
};
use skep_domain::{catalog::Product, shared::ProductId};
use std::sync::Arc;

#[derive(Tags)]
enum Tag {
    /// Products and how much of them there is.
    Catalog,
}

pub(crate) struct CatalogApi;

#[derive(ApiResponse)]
enum Created {
    /// The new product.
    #[oai(status = 201)]
    Created(Answer<ProductBody>, #[oai(header = "ETag")] String, #[oai(header = "Location")] String),
}

#[derive(ApiResponse)]
enum Shown {
    /// The product.
    #[oai(status = 200)]
    Ok(Answer<ProductBody>, #[oai(header = "ETag")] String),
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of products.
    #[oai(status = 200)]
    Ok(Answer<ProductListBody>),
}

#[derive(ApiResponse)]
enum Archived {
    /// The product is off the shelf.
    #[oai(status = 204)]
    Done,
}

#[derive(ApiResponse)]
enum Stock {
    /// The stock.
    #[oai(status = 200)]
    Ok(Answer<StockBody>, #[oai(header = "ETag")] String),
}

fn shown(product: Product) -> Shown {
    let etag = etag(product.version);
    Shown::Ok(Answer(product.into()), etag)
}

fn stock(detail: StockDetail) -> Stock {
    let etag = match &detail {
        StockDetail::Full(view) => etag(view.version),
        StockDetail::Availability(view) => partial_etag(view.version),
    };
    Stock::Ok(Answer(detail.into()), etag)
}

/// An id that cannot be read names nothing; what the caller may do is judged first all the same.
fn product_id(text: &str) -> ProductId {
    text.parse().unwrap_or(ProductId::NIL)
}

async fn change(
    state: &State,
    actor: &Actor,
    id: &str,
    patch: ProductPatch,
    if_match: Option<&str>,
    key: Option<String>,
) -> Result<Shown, Problem> {
    let command = ChangeProductCommand {
        product_id: product_id(id),
        precondition: precondition(if_match),
        patch,
        idempotency_key: idempotency_key(key)?,
    };
    Ok(shown(state.app.catalog.change_product.execute(actor, command).await.map_err(refuse)?))
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Catalog")]
impl CatalogApi {
    /// Create a product
    #[oai(path = "/products", method = "post", operation_id = "create_product")]
    async fn create(
        &self,
        caller: SignedIn,
        state: Data<&Arc<State>>,
        /// Makes the request safe to repeat: 1 to 255 printable characters, kept for 24 hours.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Strict<CreateProductRequest>,
    ) -> Result<Created, Problem> {
        let command = body.0.command(idempotency_key(key.0)?);
        let product = state.app.catalog.create_product.execute(&caller.0, command).await.map_err(refuse)?;
        let (etag, location) = (etag(product.version), path_of(PRODUCTS, product.id, ""));
        Ok(Created::Created(Answer(product.into()), etag, location))
    }

    /// List products
    ///
    /// The products that are on sale, to everybody.
    #[oai(path = "/products", method = "get", operation_id = "list_products")]
    async fn list(
        &self,
        caller: Anyone,
        state: Data<&Arc<State>>,
        /// The greatest number of products, 20 unless given.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// `created_at`, `name`, `sku` or `price`; with `-` in front, descending. `-created_at` unless given.
        sort: Query<Option<String>>,
        /// `exact` counts all products.
        count: Query<Option<String>>,
    ) -> Result<Listed, Problem> {
        let keys: Vec<_> = ProductSortKey::ALL.iter().map(|key| (key.name(), *key)).collect();
        let parameters = ListParameters { limit: limit.0, cursor: cursor.0, sort: sort.0, count: count.0 };
        let list = list_request(&state, &caller.0, PRODUCTS, &keys, parameters)?;
        let sort = ProductSort { key: list.key, direction: list.direction };
        let page = state.app.catalog.list_products.execute(&caller.0, sort, &list.page).await.map_err(refuse)?;
        let (info, links) = list.describe(&state, &page);
        let data = page.items.into_iter().map(ProductBody::from).collect();
        Ok(Listed::Ok(Answer(ProductListBody { data, page: info, links })))
    }

    /// Show a product
    #[oai(path = "/products/:id", method = "get", operation_id = "get_product")]
    async fn get(&self, caller: Anyone, state: Data<&Arc<State>>, id: Path<String>) -> Result<Shown, Problem> {
        let id = product_id(&id.0);
        Ok(shown(state.app.catalog.get_product.execute(&caller.0, id).await.map_err(refuse)?))
    }

    /// Replace a product
    ///
    /// Sets every field. Stock is a resource of its own.
    #[oai(path = "/products/:id", method = "put", operation_id = "replace_product")]
    async fn replace(
        &self,
        caller: SignedIn,
        state: Data<&Arc<State>>,
        id: Path<String>,
        /// The `ETag` that the change is based on, or `*`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Makes the request safe to repeat.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Strict<ReplaceProductRequest>,
    ) -> Result<Shown, Problem> {
        change(&state, &caller.0, &id.0, body.0.into(), if_match.0.as_deref(), key.0).await
    }

    /// Change a product
    ///
    /// Absent fields keep their value; `null` empties the description.
    #[oai(path = "/products/:id", method = "patch", operation_id = "change_product")]
    async fn change(
        &self,
        caller: SignedIn,
        state: Data<&Arc<State>>,
        id: Path<String>,
        /// The `ETag` that the change is based on, or `*`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Makes the request safe to repeat.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: MergePatch<ChangeProductRequest>,
    ) -> Result<Shown, Problem> {
        change(&state, &caller.0, &id.0, body.0.into(), if_match.0.as_deref(), key.0).await
    }

    /// Archive a product
    ///
    /// Takes it off the shelf. Orders that name it stay as they are, and its SKU stays taken.
    #[oai(path = "/products/:id", method = "delete", operation_id = "archive_product")]
    async fn archive(
        &self,
        caller: SignedIn,
        state: Data<&Arc<State>>,
        id: Path<String>,
        /// The `ETag` that must still be current, if given.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Makes the request safe to repeat.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
    ) -> Result<Archived, Problem> {
        let command = ArchiveProductCommand {
            product_id: product_id(&id.0),
            precondition: precondition(if_match.0.as_deref()),
            idempotency_key: idempotency_key(key.0)?,
        };
        state.app.catalog.archive_product.execute(&caller.0, command).await.map_err(refuse)?;
        Ok(Archived::Done)
    }

    /// Show the stock of a product
    ///
    /// Everybody sees how many can be had; those who manage stock see what is on hand and reserved, and an `ETag` that a
    /// change can be based on.
    #[oai(path = "/products/:id/stock", method = "get", operation_id = "get_stock")]
    async fn get_stock(&self, caller: Anyone, state: Data<&Arc<State>>, id: Path<String>) -> Result<Stock, Problem> {
        let id = product_id(&id.0);
        Ok(stock(state.app.catalog.get_stock.execute(&caller.0, id).await.map_err(refuse)?))
    }

    /// Set the stock of a product
    #[oai(path = "/products/:id/stock", method = "put", operation_id = "set_stock")]
    async fn set_stock(
        &self,
        caller: SignedIn,
        state: Data<&Arc<State>>,
        id: Path<String>,
        /// The `ETag` of the stock that the count is based on, or `*`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Makes the request safe to repeat.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Strict<SetStockRequest>,
    ) -> Result<Stock, Problem> {
        let command = SetStockCommand {
            product_id: product_id(&id.0),
            precondition: precondition(if_match.0.as_deref()),
            on_hand: body.0.on_hand,
            idempotency_key: idempotency_key(key.0)?,
        };
        let view = state.app.catalog.set_stock.execute(&caller.0, command).await.map_err(refuse)?;
        Ok(stock(StockDetail::Full(view)))
    }
}
