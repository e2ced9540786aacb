//! Orders: what was bought at which price, and what has become of it.
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
