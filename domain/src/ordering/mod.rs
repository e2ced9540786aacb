//! Orders: the products that were bought, their prices, and the progress of payment and delivery.
//!
//! Uses `catalog`: an order keeps its products as they were.

pub mod actions;
mod basket;
pub mod events;
mod number;
mod order;
mod status;

pub use basket::{Basket, BasketRefusal, MAX_LINES, OrderRefusal};
pub use number::{InvalidOrderNumber, OrderNumber};
pub use order::{Order, OrderId, OrderLine, StatusChange};
pub use status::{FulfilmentState, InvalidTransition, OrderState, OrderStatus, PaymentState, Progress, Trigger};
