//! A store in memory, for tests and for programs without a database.
//!
//! It keeps the same clauses of the ports as the stores with a database (`skep-contract` proves it). Its units of work
//! are real: a unit sees one state, is stored completely or not at all, and fails if a version that it saves is stale.
//!
//! Limits:
//! - All data is lost when the process ends.
//! - One unit of work writes at a time; the others wait for their turn. A task that opens a second writing unit while
//!   it holds one waits forever.
//! - A writing unit copies each table that it changes. That is fast for thousands of rows and slow for millions.
//! - Events and rows stay until a caller deletes them. [`MemoryStore::set_capacity`] limits their number.
//!
//! # Example
//!
//! ```
//! use skep_application::{
//!     catalog::{CatalogTx, ProductQueries as _},
//!     kernel::{Begin, TxMode},
//! };
//! use skep_domain::{
//!     catalog::{Product, Sku},
//!     shared::{Money, ProductId, Text, Timestamp},
//! };
//! use skep_local::SystemClock;
//! use skep_memory::MemoryStore;
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new(Arc::new(SystemClock::new()));
//! let honey = Product::create(
//!     ProductId::new(uuid::Uuid::from_u128(7)),
//!     Sku::parse("honey-250")?,
//!     Text::line("Honey", 200)?,
//!     Text::block("Sweet.", 10_000)?,
//!     Money::new(1_999, "EUR".parse()?),
//!     Timestamp::from_millis(0)?,
//! )?;
//!
//! let mut unit = Begin::<dyn CatalogTx>::begin(&store, TxMode::Write, &[]).await?;
//! unit.products().insert(&honey).await?;
//! assert_eq!(store.find_product(honey.id).await?, None, "no reader sees it before the commit");
//! unit.commit().await?;
//! assert_eq!(store.find_product(honey.id).await?, Some(honey));
//! # Ok(())
//! # }
//! ```
//!
//! # Entities
//!
//! A new entity needs a [`Table`] in [`State`], its [`Rules`], and its ports with one line per method. See
//! `catalog/categories.rs`.

mod catalog;
mod events;
mod files;
mod groups;
mod identity;
mod jobs;
mod kernel;
mod notifications;
mod operations;
mod ordering;
mod page;
mod roles;
mod schedules;
mod search;
mod state;
mod store;
mod table;
mod tickets;

pub use events::Log;
pub use operations::{MemorySet, MemoryStep};
pub use page::page;
pub use state::{State, StoredKey};
pub use store::{MemoryStore, MemoryUnit};
pub use table::{Clash, Parent, Row, Rules, Shared, Table};
pub use tickets::MemoryTickets;

use skep_application::kernel::StoreError;

type Done<T> = Result<T, StoreError>;
