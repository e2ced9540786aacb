//! What can be bought, and how much of it there is.

mod product;
mod sku;
mod stock;

pub use product::{DESCRIPTION_MAX, NAME_MAX, Product, ProductChange, ProductRefusal};
pub use sku::{InvalidSku, Sku};
pub use stock::{MAX_QUANTITY, MovementKind, Reservation, ReservationState, StockLevel, StockMovement, StockRefusal};
