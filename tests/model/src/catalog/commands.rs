//! The use cases of products and stock.

use super::Seen;
use crate::{
    call::{Answers, Commands, Failure, Fresh, Now, Outcome},
    desk::{Desk, Mark},
    model::{Model, skip_first},
};
use async_trait::async_trait;
use skep_application::{
    App,
    catalog::{
        ArchiveProductCommand, ChangeProductCommand, CreateProductCommand, ProductSort, SetStockCommand, StockDetail,
        StockView,
    },
    kernel::{Actor, IdempotencyKey, Page, PageRequest, Precondition},
};
use skep_domain::{catalog::Product, shared::ProductId};

/// A use case with its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Adds a product to the catalog.
    CreateProduct(CreateProductCommand),
    /// Patches a product.
    ChangeProduct(ChangeProductCommand),
    /// Takes a product off sale.
    ArchiveProduct(ArchiveProductCommand),
    /// Sets the number of pieces on hand.
    SetStock(SetStockCommand),
    /// Reads a product.
    GetProduct(ProductId),
    /// Reads the stock of a product.
    GetStock(ProductId),
    /// Reads a page of products.
    ListProducts(ProductSort, PageRequest),
}

/// The result of a use case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The product that was created, changed or read.
    Product(Product),
    /// Success without a result.
    Done,
    /// The stock of a product, as far as the caller may see it.
    Stock(StockDetail),
    /// The stock after it was set.
    StockSet(StockView),
    /// A page of the catalog.
    Products(Page<Product>),
}

impl Answers for Answer {
    fn fresh(&self) -> Fresh {
        match self {
            Self::Product(product) => Fresh::id(product.id.uuid()),
            _ => Fresh::default(),
        }
    }
}

#[async_trait]
impl Commands for Command {
    type Answer = Answer;

    fn use_case(&self) -> Option<&'static str> {
        match self {
            Self::CreateProduct(_) => Some("create_product"),
            Self::ChangeProduct(_) => Some("change_product"),
            Self::ArchiveProduct(_) => Some("archive_product"),
            Self::SetStock(_) => Some("set_stock"),
            Self::GetProduct(_) | Self::GetStock(_) | Self::ListProducts(..) => None,
        }
    }

    fn precondition(&mut self) -> Option<&mut Precondition> {
        match self {
            Self::ChangeProduct(command) => Some(&mut command.precondition),
            Self::ArchiveProduct(command) => Some(&mut command.precondition),
            Self::SetStock(command) => Some(&mut command.precondition),
            _ => None,
        }
    }

    fn reads(&self) -> bool {
        matches!(self, Self::GetProduct(_) | Self::GetStock(_) | Self::ListProducts(..))
    }

    async fn execute(self, app: &App, actor: &Actor, key: Option<&IdempotencyKey>) -> Outcome<Answer> {
        let catalog = &app.catalog;
        match self {
            Self::CreateProduct(command) => {
                catalog.create_product.execute_once(actor, key, command).await.map(Answer::Product).map_err(Failure::of)
            }
            Self::ChangeProduct(command) => {
                catalog.change_product.execute_once(actor, key, command).await.map(Answer::Product).map_err(Failure::of)
            }
            Self::ArchiveProduct(command) => catalog
                .archive_product
                .execute_once(actor, key, command)
                .await
                .map(|()| Answer::Done)
                .map_err(Failure::of),
            Self::SetStock(command) => {
                catalog.set_stock.execute_once(actor, key, command).await.map(Answer::StockSet).map_err(Failure::of)
            }
            Self::GetProduct(id) => {
                catalog.get_product.execute(actor, id).await.map(Answer::Product).map_err(Failure::of)
            }
            Self::GetStock(id) => catalog.get_stock.execute(actor, id).await.map(Answer::Stock).map_err(Failure::of),
            Self::ListProducts(sort, page) => {
                catalog.list_products.execute(actor, sort, &page).await.map(Answer::Products).map_err(Failure::of)
            }
        }
    }

    fn step(&self, model: &mut Model, now: &Now<'_>) -> Outcome<Answer> {
        match self {
            Self::CreateProduct(command) => model.create_product(now, self, command),
            Self::ChangeProduct(command) => model.change_product(now, self, command),
            Self::ArchiveProduct(command) => model.archive_product(now, self, command),
            Self::SetStock(command) => model.set_stock(now, self, command),
            Self::GetProduct(id) => model.get_product(now, *id),
            Self::GetStock(id) => model.get_stock(now, *id),
            Self::ListProducts(sort, page) => model.list_products(now, *sort, page),
        }
    }

    fn note(&self, answer: &Answer, desk: &mut Desk) {
        let seen = desk.seen_mut::<Seen>();
        match (self, answer) {
            (_, Answer::Product(product)) => {
                seen.versions.insert(product.id, product.version);
                if !seen.products.contains(&product.id) {
                    seen.products.push(product.id);
                }
            }
            (_, Answer::Stock(stock)) => drop(seen.stock.insert(stock.view().product_id, *stock.view())),
            (_, Answer::StockSet(stock)) => drop(seen.stock.insert(stock.product_id, *stock)),
            (Self::ListProducts(sort, _), Answer::Products(page)) => {
                seen.marks.insert(0, Mark { sort: *sort, after: page.next.clone() });
            }
            _ => {}
        }
    }

    fn skip_row(&self, answer: &mut Answer) {
        if let (Self::ListProducts(_, request), Answer::Products(page)) = (self, answer) {
            skip_first(request, page);
        }
    }
}
