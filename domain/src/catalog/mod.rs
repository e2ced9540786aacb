//! Products, the categories that group them, and how many pieces are in stock.
//!
//! Uses `files`, which keep the pictures of products.
//! Uses `search`, which finds products.

pub mod actions;
mod category;
pub mod events;
mod pictures;
mod product;
mod product_document;
mod sku;
mod stock;
mod stock_changes;

pub use category::{Category, CategoryId, InvalidSlug, Slug};
pub use pictures::{ALT_MAX, MOST_PICTURES, Picture, PicturesRefusal, UnfitFile};
pub use product::{DESCRIPTION_MAX, NAME_MAX, Product, ProductChange, ProductId, ProductRefusal};
pub use product_document::{
    CURRENCY, HAS_PICTURES, PRICE_BAND, PRODUCT_FACETS, PRODUCT_KIND, is_price_band, price_band,
};
pub use sku::{InvalidSku, Sku};
pub use stock::{
    MAX_QUANTITY, MovementId, MovementKind, Reservation, ReservationId, ReservationState, StockLevel, StockMovement,
    StockRefusal,
};
pub use stock_changes::{Claim, ReservationMismatch, Shortage, Shortages, StockChanges, shortages};
