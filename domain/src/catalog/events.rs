//! The events of products, stock and categories.

use super::{CategoryId, Product, Sku, Slug, StockLevel};
use crate::shared::{Money, ProductId, events};

events! {
    /// A product was created and is on sale.
    ProductCreated = "catalog.product_created.v1" of product_id {
        /// The new product.
        product_id: ProductId,
        /// The shop's own code of the product.
        sku: Sku,
        /// The price of one piece.
        price: Money,
        /// The pieces on hand at the start.
        on_hand: u32,
    }

    /// A product was changed. The fields hold the current values, changed or not.
    ProductChanged = "catalog.product_changed.v1" of product_id {
        /// The product that was changed.
        product_id: ProductId,
        /// The shop's own code of the product.
        sku: Sku,
        /// The price of one piece.
        price: Money,
    }

    /// A product was archived and is no longer on sale.
    ProductArchived = "catalog.product_archived.v1" of product_id {
        /// The archived product.
        product_id: ProductId,
        /// The shop's own code of the product. No other product can get it.
        sku: Sku,
    }

    /// The pieces of a product were counted, and the number on hand was corrected. The version of the event is the
    /// version of the stock level.
    StockAdjusted = "catalog.stock_adjusted.v1" of product_id {
        /// The product whose pieces were counted.
        product_id: ProductId,
        /// The pieces on hand now, including the reserved ones.
        on_hand: u32,
        /// The pieces that active reservations hold.
        reserved: u32,
    }

    /// A category was created.
    CategoryCreated = "catalog.category_created.v1" of category_id {
        /// The new category.
        category_id: CategoryId,
        /// The name in URLs.
        slug: Slug,
        /// The category that it is under; `null` at the top.
        parent_id: Option<CategoryId>,
    }

    /// A category got another name or slug. The field holds the current slug, changed or not.
    CategoryRenamed = "catalog.category_renamed.v1" of category_id {
        /// The renamed category.
        category_id: CategoryId,
        /// The name in URLs.
        slug: Slug,
    }

    /// A category was moved, together with everything under it.
    CategoryMoved = "catalog.category_moved.v1" of category_id {
        /// The moved category.
        category_id: CategoryId,
        /// The category that it is under now; `null` at the top.
        parent_id: Option<CategoryId>,
    }

    /// A category was deleted. The version of the event is the one after the category's last version.
    CategoryDeleted = "catalog.category_deleted.v1" of category_id {
        /// The deleted category.
        category_id: CategoryId,
        /// The name in URLs. Another category can get it.
        slug: Slug,
    }
}

impl ProductCreated {
    /// The event of this new product with its first stock.
    #[must_use]
    pub fn of(product: &Product, level: &StockLevel) -> Self {
        Self { product_id: product.id, sku: product.sku.clone(), price: product.price, on_hand: level.on_hand }
    }
}

impl ProductChanged {
    /// The event of this product after its change.
    #[must_use]
    pub fn of(product: &Product) -> Self {
        Self { product_id: product.id, sku: product.sku.clone(), price: product.price }
    }
}

impl ProductArchived {
    /// The event of this archived product.
    #[must_use]
    pub fn of(product: &Product) -> Self {
        Self { product_id: product.id, sku: product.sku.clone() }
    }
}

impl StockAdjusted {
    /// The event of this level after its correction.
    #[must_use]
    pub const fn of(level: &StockLevel) -> Self {
        Self { product_id: level.product_id, on_hand: level.on_hand, reserved: level.reserved }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::{Text, Timestamp, assert_payload};
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn published_payloads_do_not_change() {
        let id = ProductId::new(Uuid::from_u128(1));
        let (sku, name) = (Sku::parse("honey").unwrap(), Text::line("Honey", 9).unwrap());
        let (price, description) = (Money::new(500, "EUR".parse().unwrap()), Text::block("", 9).unwrap());
        let product = Product::create(id, sku, name, description, price, Timestamp::MIN).unwrap();
        let level = StockLevel { on_hand: 7, reserved: 2, ..StockLevel::empty(id, Timestamp::MIN) };

        let (uuid, price) = (Uuid::from_u128(1), json!({ "amount": 500, "currency": "EUR" }));
        let created = json!({ "product_id": uuid, "sku": "honey", "price": price, "on_hand": 7 });
        assert_payload(&ProductCreated::of(&product, &level), uuid, &created);
        let changed = json!({ "product_id": uuid, "sku": "honey", "price": price });
        assert_payload(&ProductChanged::of(&product), uuid, &changed);
        assert_payload(&ProductArchived::of(&product), uuid, &json!({ "product_id": uuid, "sku": "honey" }));
        let adjusted = json!({ "product_id": uuid, "on_hand": 7, "reserved": 2 });
        assert_payload(&StockAdjusted::of(&level), uuid, &adjusted);
    }

    #[test]
    fn payloads_of_categories() {
        let (uuid, parent, slug) = (Uuid::from_u128(1), Uuid::from_u128(2), Slug::parse("honey").unwrap());
        let (category_id, parent_id) = (CategoryId::new(uuid), Some(CategoryId::new(parent)));
        let created = json!({ "category_id": uuid, "slug": "honey", "parent_id": parent });
        assert_payload(&CategoryCreated { category_id, slug: slug.clone(), parent_id }, uuid, &created);
        let payload = json!({ "category_id": uuid, "slug": "honey" });
        assert_payload(&CategoryRenamed { category_id, slug: slug.clone() }, uuid, &payload);
        let moved = json!({ "category_id": uuid, "parent_id": parent });
        assert_payload(&CategoryMoved { category_id, parent_id }, uuid, &moved);
        assert_payload(&CategoryDeleted { category_id, slug }, uuid, &payload);
    }
}
