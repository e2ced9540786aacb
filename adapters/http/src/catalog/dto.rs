//! The bodies of the catalog.

use crate::{
    body::at_most,
    parts::{Id, MoneyBody, PictureSizeBody, PublicContents, SelfLink, content_path, patch, path_of},
};
use poem_openapi::{Object, types::MaybeUndefined};
use serde::{Deserialize, Deserializer, Serialize};
use skep_application::catalog::{
    CreateProductCommand, MoneyInput, MoneyPatch, PictureInput, ProductPatch, StockDetail,
};
use skep_domain::{
    catalog::{MOST_PICTURES, Picture, Product},
    files::FileId,
    shared::{Patch, ProductId},
};

/// The path of the products.
pub(super) const PRODUCTS: &str = "/api/v1/products";

/// A new product.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateProductRequest {
    /// The shop's own code: 1 to 64 ASCII letters, digits, `-`, `_`, `.` and `/`, starting with a letter or a digit.
    /// Unique among all products, including archived ones.
    sku: String,
    /// One line of 1 to 200 characters. It is trimmed and stored in NFC. Characters that show nothing are refused.
    name: String,
    /// Plain text of at most 10,000 characters; may have line breaks and tabs. It is trimmed and stored in NFC.
    /// Characters that show nothing are refused, except those that say where a line may break.
    #[oai(default)]
    #[serde(default)]
    description: String,
    /// The price of one piece, 0 or more.
    price: MoneyBody,
    /// The number of pieces on hand: 0 to 1,000,000,000; 0 if absent or `null`.
    #[oai(nullable)]
    #[serde(default)]
    stock: Option<i64>,
}

impl From<CreateProductRequest> for CreateProductCommand {
    fn from(CreateProductRequest { sku, name, description, price, stock }: CreateProductRequest) -> Self {
        Self { sku, name, description, price: price.into(), stock }
    }
}

/// All values of a product that can be changed.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplaceProductRequest {
    /// The shop's own code: 1 to 64 ASCII letters, digits, `-`, `_`, `.` and `/`, starting with a letter or a digit.
    /// Unique among all products, including archived ones.
    sku: String,
    /// One line of 1 to 200 characters. It is trimmed and stored in NFC. Characters that show nothing are refused.
    name: String,
    /// Plain text of at most 10,000 characters; may have line breaks and tabs. It is trimmed and stored in NFC.
    /// Characters that show nothing are refused, except those that say where a line may break.
    #[oai(default)]
    #[serde(default)]
    description: String,
    /// The price of one piece, 0 or more.
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

/// A change of a product (RFC 7396). Absent fields keep their values.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ChangeProductRequest {
    /// The shop's own code: 1 to 64 ASCII letters, digits, `-`, `_`, `.` and `/`, starting with a letter or a digit.
    /// Unique among all products, including archived ones.
    sku: MaybeUndefined<String>,
    /// One line of 1 to 200 characters. It is trimmed and stored in NFC. Characters that show nothing are refused.
    name: MaybeUndefined<String>,
    /// Plain text of at most 10,000 characters; may have line breaks and tabs. `null` makes it empty. It is trimmed and
    /// stored in NFC. Characters that show nothing are refused, except those that say where a line may break.
    #[oai(nullable)]
    description: MaybeUndefined<String>,
    /// The price of one piece, 0 or more.
    price: MaybeUndefined<MoneyChangeBody>,
}

/// A change of an amount of money. The absent part keeps its value.
#[derive(Debug, Default, Object, Deserialize)]
#[oai(rename = "MoneyChange")]
#[serde(default, deny_unknown_fields)]
pub(super) struct MoneyChangeBody {
    /// The amount in minor units of the currency: cents for EUR, yen for JPY.
    amount: MaybeUndefined<i64>,
    /// The ISO 4217 code of the currency, three capital letters.
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

/// The new pictures of a product.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetPicturesRequest {
    /// The pictures in their order, at most 12.
    #[serde(deserialize_with = "first_pictures")]
    pub(super) pictures: Vec<PictureRequest>,
}

/// Reads one picture more than a product can have, so that the use case refuses the others without reading them.
fn first_pictures<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PictureRequest>, D::Error> {
    at_most(MOST_PICTURES + 1, deserializer)
}

/// A picture that a product is to have.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PictureRequest {
    /// The id of a public file with the purpose `image`. No other picture of the product has it.
    file_id: Id<FileId>,
    /// The text for readers that do not see the picture: one line of at most 250 characters. It is empty for a picture
    /// that only decorates. It is trimmed and stored in NFC. Characters that show nothing are refused.
    alt: String,
}

impl From<PictureRequest> for PictureInput {
    fn from(PictureRequest { file_id, alt }: PictureRequest) -> Self {
        Self { file_id: file_id.0, alt }
    }
}

/// The path of the content of a picture.
#[derive(Debug, Object, Serialize)]
pub(super) struct PictureLinks {
    /// The path of the content, for every visitor. It is answered 404 after the file was deleted.
    content: String,
}

/// A picture of a product.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Picture")]
pub(super) struct PictureBody {
    /// The id of the file, which may have been deleted meanwhile.
    file_id: Id<FileId>,
    /// The text for readers that do not see the picture, one line of at most 250 characters. It is empty for a picture
    /// that only decorates.
    alt: String,
    /// The URL of the content for every visitor, which caches may keep. It is a path if the server does not know its public
    /// address. It is answered 404 after the file was deleted.
    url: String,
    /// The picture in the sizes of the deployment, the smallest one first.
    sizes: Vec<PictureSizeBody>,
    /// The path of the content.
    links: PictureLinks,
}

impl PictureBody {
    fn of(Picture { file_id, alt }: Picture, contents: &PublicContents) -> Self {
        Self {
            file_id: Id(file_id),
            alt: alt.into_string(),
            url: contents.url(file_id),
            sizes: contents.sizes(file_id),
            links: PictureLinks { content: content_path(file_id) },
        }
    }
}

/// The paths of a product and of its stock.
#[derive(Debug, Object, Serialize)]
pub(super) struct ProductLinks {
    /// The path of the product.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    this: String,
    /// The path of the stock of the product.
    stock: String,
}

/// A product of the catalog. Its stock is a separate resource.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Product")]
pub(super) struct ProductBody {
    /// The id of the product.
    id: Id<ProductId>,
    /// The shop's own code, unique among all products.
    sku: String,
    /// One line of 1 to 200 characters.
    name: String,
    /// Plain text of at most 10,000 characters; may be empty.
    description: String,
    /// The price of one piece, 0 or more.
    price: MoneyBody,
    /// The pictures in the order in which they are shown, at most 12.
    pictures: Vec<PictureBody>,
    /// The time of creation.
    created_at: String,
    /// The time of the last change. A change of the stock does not count.
    updated_at: String,
    /// The time at which the product was archived; absent while it is on sale.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_at: Option<String>,
    /// The paths of the product and of its stock.
    links: ProductLinks,
}

impl ProductBody {
    pub(super) fn of(product: Product, contents: &PublicContents) -> Self {
        let (this, stock) = (path_of(PRODUCTS, product.id, ""), path_of(PRODUCTS, product.id, "/stock"));
        Self {
            id: Id(product.id),
            sku: product.sku.into_string(),
            name: product.name.into_string(),
            description: product.description.into_string(),
            price: product.price.into(),
            pictures: product.pictures.into_iter().map(|picture| PictureBody::of(picture, contents)).collect(),
            created_at: product.created_at.to_string(),
            updated_at: product.updated_at.to_string(),
            archived_at: product.archived_at.map(|at| at.to_string()),
            links: ProductLinks { this, stock },
        }
    }
}

/// The new stock of a product.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetStockRequest {
    /// The number of pieces in the warehouse, including the reserved ones: 0 to 1,000,000,000.
    pub(super) on_hand: i64,
}

/// The stock of a product, in pieces.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Stock")]
pub(super) struct StockBody {
    /// The pieces in the warehouse, including the reserved ones. Only admins get it.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    on_hand: Option<u32>,
    /// The pieces that orders have reserved. Only admins get it.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved: Option<u32>,
    /// The pieces that can be ordered: `on_hand` minus `reserved`.
    available: u32,
    /// The path of the stock.
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

#[cfg(test)]
mod tests {
    use super::{MOST_PICTURES, SetPicturesRequest};
    use crate::body::parse;
    use serde_json::json;

    #[test]
    fn pictures_after_the_first_that_is_too_many_are_not_read() {
        let picture = json!({ "file_id": "01890a5d-ac96-774b-bcce-b302099a8057", "alt": "" });
        let mut pictures = vec![picture; MOST_PICTURES + 1];
        pictures.push(json!("not a picture"));
        let body = json!({ "pictures": pictures }).to_string();
        assert_eq!(parse::<SetPicturesRequest>(body.as_bytes()).unwrap().pictures.len(), MOST_PICTURES + 1);
    }
}
