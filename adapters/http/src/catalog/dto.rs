//! The bodies of the catalog.

use crate::parts::{Id, MoneyBody, SelfLink, path_of};
use poem_openapi::{Object, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use skep_application::catalog::{CreateProductCommand, MoneyInput, MoneyPatch, ProductPatch, StockDetail};
use skep_domain::{
    catalog::Product,
    shared::{Patch, ProductId},
};

/// The path of the products.
pub(super) const PRODUCTS: &str = "/api/v1/products";

/// A new product.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateProductRequest {
    /// The shop's own code, unique for ever: 1 to 64 letters, digits or `-_./`.
    sku: String,
    /// The name, 1 to 200 characters.
    name: String,
    /// The description, up to 10,000 characters.
    #[oai(default)]
    #[serde(default)]
    description: String,
    /// What one piece costs.
    price: MoneyBody,
    /// Pieces on hand; none if absent.
    #[serde(default)]
    stock: Option<i64>,
}

impl From<CreateProductRequest> for CreateProductCommand {
    fn from(CreateProductRequest { sku, name, description, price, stock }: CreateProductRequest) -> Self {
        Self { sku, name, description, price: price.into(), stock }
    }
}

/// A product as a whole: every field is set.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplaceProductRequest {
    /// The shop's own code.
    sku: String,
    /// The name.
    name: String,
    /// The description.
    #[oai(default)]
    #[serde(default)]
    description: String,
    /// What one piece costs.
    price: MoneyBody,
}

impl From<ReplaceProductRequest> for ProductPatch {
    fn from(body: ReplaceProductRequest) -> Self {
        Self {
            sku: Patch::Set(body.sku),
            name: Patch::Set(body.name),
            description: Patch::Set(body.description),
            price: Patch::Set(MoneyInput::from(body.price).into()),
        }
    }
}

/// A change of a product (RFC 7396): absent fields keep their value, `null` empties the description.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ChangeProductRequest {
    /// The shop's own code.
    sku: MaybeUndefined<String>,
    /// The name.
    name: MaybeUndefined<String>,
    /// The description.
    #[oai(nullable)]
    description: MaybeUndefined<String>,
    /// What one piece costs.
    price: MaybeUndefined<MoneyChangeBody>,
}

/// A change of an amount of money: the part that is absent keeps its value.
#[derive(Debug, Default, Object, Deserialize)]
#[oai(rename = "MoneyChange")]
#[serde(default, deny_unknown_fields)]
pub(super) struct MoneyChangeBody {
    /// The amount in minor units of the currency.
    #[oai(validator(minimum(value = "0")))]
    amount: MaybeUndefined<i64>,
    /// The currency, three letters of ISO 4217.
    #[oai(validator(pattern = "^[A-Z]{3}$"))]
    currency: MaybeUndefined<String>,
}

impl From<MoneyChangeBody> for MoneyPatch {
    fn from(body: MoneyChangeBody) -> Self {
        Self { amount: patch(body.amount), currency: patch(body.currency) }
    }
}

impl From<ChangeProductRequest> for ProductPatch {
    fn from(body: ChangeProductRequest) -> Self {
        Self {
            sku: patch(body.sku),
            name: patch(body.name),
            description: patch(body.description),
            price: patch(body.price).map(Into::into),
        }
    }
}

pub(super) fn patch<T>(field: MaybeUndefined<T>) -> Patch<T> {
    match field {
        MaybeUndefined::Undefined => Patch::Keep,
        MaybeUndefined::Null => Patch::Clear,
        MaybeUndefined::Value(value) => Patch::Set(value),
    }
}

/// Where a product and its stock are.
#[derive(Debug, Object, Serialize)]
pub(super) struct ProductLinks {
    /// The product.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    this: String,
    /// Its stock.
    stock: String,
}

/// A product.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Product")]
pub(super) struct ProductBody {
    /// The identifier.
    id: Id<ProductId>,
    /// The shop's own code.
    sku: String,
    /// The name.
    name: String,
    /// The description.
    description: String,
    /// What one piece costs.
    price: MoneyBody,
    /// When it was created.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// When it was taken off the shelf, if it was.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_at: Option<String>,
    /// Where it is.
    links: ProductLinks,
}

impl From<Product> for ProductBody {
    fn from(product: Product) -> Self {
        let (this, stock) = (path_of(PRODUCTS, product.id, ""), path_of(PRODUCTS, product.id, "/stock"));
        Self {
            id: Id(product.id),
            sku: product.sku.into_string(),
            name: product.name.into_string(),
            description: product.description.into_string(),
            price: product.price.into(),
            created_at: product.created_at.to_string(),
            updated_at: product.updated_at.to_string(),
            archived_at: product.archived_at.map(|at| at.to_string()),
            links: ProductLinks { this, stock },
        }
    }
}

/// How many of a product are on hand.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetStockRequest {
    /// Pieces in the house, the reserved ones included.
    pub(super) on_hand: i64,
}

/// How much of a product there is.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Stock")]
pub(super) struct StockBody {
    /// Pieces in the house; shown to those who manage stock.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    on_hand: Option<u32>,
    /// Pieces that orders claim; shown to those who manage stock.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved: Option<u32>,
    /// Pieces that can be had.
    available: u32,
    /// Where it is.
    links: SelfLink,
}

impl From<StockDetail> for StockBody {
    fn from(detail: StockDetail) -> Self {
        let view = detail.view();
        let (on_hand, reserved) = match detail {
            StockDetail::Full(view) => (Some(view.on_hand), Some(view.reserved)),
            StockDetail::Availability(_) => (None, None),
        };
        let links = SelfLink::to(path_of(PRODUCTS, view.product_id, "/stock"));
        Self { on_hand, reserved, available: view.available, links }
    }
}
