//! The endpoints of products and their stock.

use super::{
    dto::{
        ChangeProductRequest, CreateProductRequest, PRODUCTS, ProductBody, ReplaceProductRequest, SetPicturesRequest,
        SetStockRequest, StockBody,
    },
    facets::{InCurrency, InPriceBand, WithPictures},
};
use crate::{
    body::{MergePatch, Strict},
    parts::{
        Anyone, Asked, Created, Done, Facets, FilterOf, Id, IfMatch, List, Listed, RepeatKey, Sent, Shown, SignedIn,
        SortKey, State, changing_etag, narrowed, needs_query, partial_etag, path_of,
    },
    problem::Problem,
};
use poem_openapi::{OpenApi, Tags, param::Path};
use skep_application::catalog::{
    ArchiveProductCommand, ChangeProductCommand, ProductPatch, ProductSort, ProductSortKey, SetPicturesCommand,
    SetStockCommand, StockDetail,
};
use skep_domain::{catalog::Product, shared::ProductId};

#[derive(Tags)]
pub(super) enum Tag {
    /// Products, their stock, and categories.
    Catalog,
}

#[derive(Default)]
pub(super) struct CatalogApi;

impl SortKey for ProductSortKey {
    const ALL: &'static [Self] = Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }
}

fn shown(state: &State, product: Product) -> Shown<ProductBody> {
    Shown::of(product.version, ProductBody::of(product, &state.contents))
}

fn stock(detail: StockDetail) -> Shown<StockBody> {
    match &detail {
        // The available pieces also change when the time of reservations is over, which changes no version.
        StockDetail::Full(view) => Shown::tagged(changing_etag(view.version, view.available), detail),
        StockDetail::Availability(view) => Shown::tagged(partial_etag(view.version, view.available), detail),
    }
}

async fn change(
    caller: &SignedIn,
    product_id: ProductId,
    patch: ProductPatch,
    Sent(precondition): IfMatch,
    Sent(key): RepeatKey,
) -> Result<Shown<ProductBody>, Problem> {
    let command = ChangeProductCommand { product_id, precondition, patch };
    Ok(shown(
        &caller.state,
        caller.app().catalog.change_product.execute_once(&caller.actor, key.as_ref(), command).await?,
    ))
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Catalog")]
impl CatalogApi {
    /// Create a product
    ///
    /// Puts a new product on sale, with its first stock. Needs the permission `catalog.product.manage`. If another
    /// product has the SKU, even an archived one, the answer is 409 `sku_taken`.
    #[oai(path = "/products", method = "post", operation_id = "create_product")]
    async fn create(
        &self,
        caller: SignedIn,
        Sent(key): RepeatKey,
        body: Strict<CreateProductRequest>,
    ) -> Result<Created<ProductBody>, Problem> {
        let create = &caller.app().catalog.create_product;
        let product = create.execute_once(&caller.actor, key.as_ref(), body.0.into()).await?;
        let location = path_of(PRODUCTS, product.id, "");
        Ok(Created::at(location, product.version, ProductBody::of(product, &caller.state.contents)))
    }

    /// List products
    ///
    /// Lists the products that are on sale, without archived ones. Anyone may call it. Names and SKUs are sorted byte
    /// by byte, and prices by their amount in minor units, whatever the currency.
    ///
    /// With `q`, the list has the products that match, the best match first and then the newest. Words of the name and
    /// the SKU count more than those of the description. `sort` cannot be used then. Of a common word or a
    /// short beginning, a bounded number of products is searched (10,000 by default): `page.search.is_complete` is then
    /// false.
    ///
    /// If no product has a word of `q`, near words are taken for it, and `page.search.corrections` says so. `facets` counts
    /// all results by some of their properties, and the parameters `currency`, `price_band` and `has_pictures` keep those
    /// with a value. All of these need `q`.
    #[expect(clippy::too_many_arguments, reason = "the parameters of the operation")]
    #[oai(path = "/products", method = "get", operation_id = "list_products")]
    async fn list(
        &self,
        caller: Anyone,
        Sent(list): List<ProductSortKey>,
        Sent(asked): FilterOf<Asked>,
        Sent(facets): FilterOf<Facets<Product>>,
        Sent(currency): FilterOf<InCurrency>,
        Sent(band): FilterOf<InPriceBand>,
        Sent(pictures): FilterOf<WithPictures>,
    ) -> Result<Listed<ProductBody>, Problem> {
        let body = |product| ProductBody::of(product, &caller.state.contents);
        if let Some(Asked { query, .. }) = &asked.0 {
            let values = [currency.value(), band.value(), pictures.value()];
            let query = values.iter().flatten().fold(query.clone(), |query, value| query.narrowed(value));
            let filters = asked.query() + &facets.query() + &narrowed(&currency, &band, &pictures);
            let list = list.open_ranked(&caller, PRODUCTS, filters)?;
            let facets = facets.0.map(|facets| facets.0).unwrap_or_default();
            let search = &caller.app().catalog.search_products;
            let found = search.execute(&caller.actor, &query, &facets, &list.page).await?;
            return Ok(list.answer_found(found.map(body)));
        }
        needs_query(&facets)?;
        needs_query(&currency)?;
        needs_query(&band)?;
        needs_query(&pictures)?;
        let list = list.open(&caller, PRODUCTS)?;
        let sort = ProductSort { key: list.key, direction: list.direction };
        let page = caller.app().catalog.list_products.execute(&caller.actor, sort, &list.page).await?;
        Ok(list.answer(page.map(body)))
    }

    /// Get a product
    ///
    /// Returns the product. Its stock is a separate resource. Anyone may call it. Only admins get an archived product;
    /// for other callers, the answer is 404.
    #[oai(path = "/products/:id", method = "get", operation_id = "get_product")]
    async fn get(&self, caller: Anyone, Path(id): Path<Id<ProductId>>) -> Result<Shown<ProductBody>, Problem> {
        Ok(shown(&caller.state, caller.app().catalog.get_product.execute(&caller.actor, id.0).await?))
    }

    /// Replace a product
    ///
    /// Sets every field; an absent description becomes empty. Needs the permission `catalog.product.manage`. The stock
    /// and the pictures stay the same, because they have their own operations. Orders keep the values that they were
    /// placed with. If nothing is different afterwards, the `ETag` stays the same. For an archived product, the answer is
    /// 404.
    #[oai(path = "/products/:id", method = "put", operation_id = "replace_product")]
    async fn replace(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<ProductId>>,
        if_match: IfMatch,
        key: RepeatKey,
        body: Strict<ReplaceProductRequest>,
    ) -> Result<Shown<ProductBody>, Problem> {
        change(&caller, id.0, body.0.into(), if_match, key).await
    }

    /// Change a product
    ///
    /// Sets the given fields (JSON merge patch, RFC 7396). Needs the permission `catalog.product.manage`. Absent fields
    /// keep their values. `null` empties the description and is refused elsewhere. Orders keep the values that they
    /// were placed with. If nothing is different afterwards, the `ETag` stays the same. For an archived product, the
    /// answer is 404.
    #[oai(path = "/products/:id", method = "patch", operation_id = "change_product")]
    async fn change(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<ProductId>>,
        if_match: IfMatch,
        key: RepeatKey,
        body: MergePatch<ChangeProductRequest>,
    ) -> Result<Shown<ProductBody>, Problem> {
        change(&caller, id.0, body.0.into(), if_match, key).await
    }

    /// Set the pictures of a product
    ///
    /// Replaces the whole list; an empty one removes all pictures. Needs the permission `catalog.product.manage`. A product
    /// has at most 12 pictures, and no file twice. They are shown in the order of the list. `If-Match` takes the `ETag` of
    /// the product.
    ///
    /// Each file is a public file with the purpose `image`, of any owner. Otherwise the answer is 422 with the code
    /// `unknown_file`, `file_quarantined`, `file_not_public` or `file_not_image` at the `file_id`. A file that the caller may
    /// not see counts as unknown. A file can be deleted later: the product keeps the picture, and its content is answered
    /// 404.
    ///
    /// If nothing is different afterwards, the `ETag` stays the same, and the files are not checked again. For an archived
    /// product, the answer is 404.
    #[oai(path = "/products/:id/pictures", method = "put", operation_id = "set_pictures")]
    async fn set_pictures(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<ProductId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: Strict<SetPicturesRequest>,
    ) -> Result<Shown<ProductBody>, Problem> {
        let pictures = body.0.pictures.into_iter().map(Into::into).collect();
        let command = SetPicturesCommand { product_id: id.0, precondition, pictures };
        Ok(shown(
            &caller.state,
            caller.app().catalog.set_pictures.execute_once(&caller.actor, key.as_ref(), command).await?,
        ))
    }

    /// Archive a product
    ///
    /// Takes the product off sale permanently. Needs the permission `catalog.product.manage`. Orders keep the product,
    /// and its SKU stays taken. If the product is archived already, the answer is 404, unless the request repeats an
    /// `Idempotency-Key`.
    #[oai(path = "/products/:id", method = "delete", operation_id = "archive_product")]
    async fn archive(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<ProductId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = ArchiveProductCommand { product_id: id.0, precondition };
        caller.app().catalog.archive_product.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }

    /// Get the stock of a product
    ///
    /// Returns the number of available pieces. Anyone may call it. Admins also get `on_hand` and `reserved`. Only the
    /// `ETag` that admins get can be used in `If-Match`. Only admins get the stock of an archived product; for other
    /// callers, the answer is 404.
    #[oai(path = "/products/:id/stock", method = "get", operation_id = "get_stock")]
    async fn get_stock(&self, caller: Anyone, Path(id): Path<Id<ProductId>>) -> Result<Shown<StockBody>, Problem> {
        Ok(stock(caller.app().catalog.get_stock.execute(&caller.actor, id.0).await?))
    }

    /// Set the stock of a product
    ///
    /// Sets the number of pieces on hand, for example after counting. Needs the permission `catalog.stock.manage`. If
    /// the number is below the reserved pieces, the answer is 409 `stock_below_reserved`. If it is the same as before,
    /// the `ETag` stays the same. For an archived product, the answer is 404.
    #[oai(path = "/products/:id/stock", method = "put", operation_id = "set_stock")]
    async fn set_stock(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<ProductId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: Strict<SetStockRequest>,
    ) -> Result<Shown<StockBody>, Problem> {
        let command = SetStockCommand { product_id: id.0, precondition, on_hand: body.0.on_hand };
        let view = caller.app().catalog.set_stock.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(stock(StockDetail::Full(view)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_application::catalog::StockView;
    use skep_domain::{catalog::StockLevel, shared::Timestamp};
    use uuid::Uuid;

    fn tag(detail: StockDetail) -> String {
        match stock(detail) {
            Shown::Ok(_, etag) => etag,
        }
    }

    /// The reservations of two pieces have expired, and no sweep has ended them yet.
    #[test]
    fn the_tag_of_stock_changes_when_reservations_expire() {
        let empty = StockLevel::empty(ProductId::new(Uuid::nil()), Timestamp::MIN);
        let level = StockLevel { on_hand: 10, reserved: 3, ..empty };
        let [before, after] = [0, 2].map(|expired| StockView::of(&level, expired, true));
        assert_eq!(before.version, after.version);
        for show in [StockDetail::Full, StockDetail::Availability] {
            assert_ne!(tag(show(before)), tag(show(after)));
        }
        assert_eq!(tag(StockDetail::Full(before)), "\"1-7\"");
    }
}
