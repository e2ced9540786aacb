//! A store in memory, for tests and for programs that need no more.
//!
//! It keeps every clause of every port that the stores in databases keep (`skep-contract` proves it), and its units of
//! work are real: a unit sees one state, is stored as a whole or not at all, and is refused when a version has moved on.
//!
//! What it is not:
//! - Nothing outlives the process. `commit` is as durable as the memory.
//! - One unit of work writes at a time; the others wait for their turn. A task that opens a second writing unit while it
//!   holds one waits forever.
//! - A writing unit copies each table that it changes. That is quick for thousands of rows, and slow for millions.
//! - It keeps every event and every row until a caller deletes them. [`MemoryStore::set_capacity`] sets a bound.
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
//! An entity joins by a [`Table`] in [`State`] and its [`Rules`], which are a few lines, and its ports in one line per
//! method. See `catalog/categories.rs`.

mod catalog;
mod identity;
mod kernel;
mod operations;
mod ordering;
mod page;
mod state;
mod store;
mod table;

pub use operations::{MemorySet, MemoryStep};
pub use page::page;
pub use state::{State, StoredKey};
pub use store::{MemoryStore, MemoryUnit};
pub use table::{Clash, Parent, Row, Rules, Shared, Table};

use skep_application::kernel::StoreError;

type Done<T> = Result<T, StoreError>;
