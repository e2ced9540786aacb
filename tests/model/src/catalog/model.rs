//! Products and stock in the model.

use super::{Answer, Command, Entry, Shelf, Stored, steps::MOST};
use crate::{
    call::{Failure, Now, Outcome},
    model::{Faults, Model, Right, allow, check, has, insert_sorted, not_found, page, require, same_kind, total},
};
use serde_json::json;
use skep_application::{
    catalog::{
        ArchiveProductCommand, ChangeProductCommand, CreateProductCommand, MoneyInput, ProductPatch, ProductSort,
        ProductSortKey, SetStockCommand, StockDetail, StockView,
    },
    kernel::{ErrorKind, Page, PageRequest, Position, SortValue},
};
use skep_domain::{
    catalog::{DESCRIPTION_MAX, MovementKind, NAME_MAX, Product, ProductRefusal, Sku, StockRefusal},
    shared::{Currency, Money, OrderId, Patch, ProductId, Text, Timestamp, Version},
};

pub(crate) fn pieces(count: i64) -> Option<u32> {
    u32::try_from(count).ok().filter(|_| count <= MOST)
}

fn price(faults: &mut Faults, input: &MoneyInput) -> Option<Money> {
    let currency = faults.read("/price/currency", "unknown_currency", input.currency.parse::<Currency>());
    let amount = if input.amount < 0 { Err("must not be negative") } else { Ok(input.amount) };
    let amount = faults.read("/price/amount", "out_of_range", amount);
    Some(Money::new(amount?, currency?))
}

/// A new price is at most 2^53 - 1. One that stays the same may be higher.
fn is_too_high(price: Money) -> bool {
    price.amount() > (1 << 53) - 1
}

/// Applies the patch to the product.
fn patched(product: &Product, patch: &ProductPatch) -> Outcome<Product> {
    let (mut changed, mut faults) = (product.clone(), Faults::default());
    if let Some(sku) = faults.set("/sku", &patch.sku) {
        changed.sku = faults.read("/sku", "invalid_sku", Sku::parse(&sku)).unwrap_or(changed.sku);
    }
    if let Some(name) = faults.set("/name", &patch.name) {
        changed.name = faults.read("/name", "invalid_text", Text::line(&name, NAME_MAX)).unwrap_or(changed.name);
    }
    match &patch.description {
        Patch::Keep => {}
        Patch::Clear => changed.description = Text::stored(String::new()),
        Patch::Set(text) => {
            let text = faults.read("/description", "invalid_text", Text::block(text, DESCRIPTION_MAX));
            changed.description = text.unwrap_or(changed.description);
        }
    }
    if let Some(part) = faults.set("/price", &patch.price) {
        let currency = faults.set("/price/currency", &part.currency);
        let amount = faults.set("/price/amount", &part.amount);
        let merged = MoneyInput {
            amount: amount.unwrap_or(changed.price.amount()),
            currency: currency.unwrap_or_else(|| changed.price.currency().code().to_owned()),
        };
        changed.price = price(&mut faults, &merged).unwrap_or(changed.price);
    }
    if faults.0.is_empty() && changed.price != product.price && is_too_high(changed.price) {
        return Err(Faults::one("/price/amount", "out_of_range", ProductRefusal::PriceTooHigh));
    }
    if faults.0.is_empty() { Ok(changed) } else { Err(faults.refusal()) }
}

impl Model {
    fn sku_is_free(&self, sku: &Sku, id: ProductId) -> Outcome<()> {
        let taken = self
            .stored
            .get::<Stored>()
            .shelves
            .values()
            .any(|shelf| shelf.product.sku == *sku && shelf.product.id != id);
        if taken { Err(Failure::refusal(ErrorKind::Conflict, "sku_taken")) } else { Ok(()) }
    }

    fn on_sale(&mut self, id: ProductId) -> Outcome<&mut Shelf> {
        let shelf =
            self.stored.get_mut::<Stored>().shelves.get_mut(&id).filter(|shelf| shelf.product.archived_at.is_none());
        shelf.ok_or_else(not_found)
    }

    pub(super) fn create_product(
        &mut self,
        now: &Now<'_>,
        whole: &Command,
        command: &CreateProductCommand,
    ) -> Outcome<Answer> {
        check(now.actor, Right::Manage)?;
        let mut faults = Faults::default();
        let sku = faults.read("/sku", "invalid_sku", Sku::parse(&command.sku));
        let name = faults.read("/name", "invalid_text", Text::line(&command.name, NAME_MAX));
        let description = Text::block(&command.description, DESCRIPTION_MAX);
        let description = faults.read("/description", "invalid_text", description);
        let price = price(&mut faults, &command.price).and_then(|price| {
            let fitting = if is_too_high(price) { Err(ProductRefusal::PriceTooHigh) } else { Ok(price) };
            faults.read("/price/amount", "out_of_range", fitting)
        });
        let on_hand = pieces(command.stock.unwrap_or(0)).ok_or(StockRefusal::OutOfRange);
        let on_hand = faults.read("/stock", "out_of_range", on_hand);
        let (Some(sku), Some(name), Some(description), Some(price), Some(on_hand)) =
            (sku, name, description, price, on_hand)
        else {
            return Err(faults.refusal());
        };
        self.once(now, whole, |model| {
            let id = ProductId::new(now.fresh.id);
            model.sku_is_free(&sku, id)?;
            if model.stored.get::<Stored>().shelves.contains_key(&id) {
                return Err(Failure::Unknown(format!("{id} is not new")));
            }
            let (created_at, updated_at, version) = (now.at, now.at, Version::FIRST);
            let product = Product {
                id,
                sku,
                name,
                description,
                price,
                pictures: vec![],
                created_at,
                updated_at,
                archived_at: None,
                version,
            };
            let stock = StockView {
                product_id: id,
                on_hand,
                reserved: 0,
                available: on_hand,
                updated_at,
                version,
                on_sale: true,
            };
            let counted = Entry::new(MovementKind::Adjustment, i64::from(on_hand), 0, None, now.at);
            let ledger = if on_hand > 0 { vec![counted] } else { vec![] };
            let payload = json!({ "product_id": id, "sku": product.sku, "price": product.price, "on_hand": on_hand });
            model.tell(now, "catalog.product_created.v1", (id.uuid(), version), now.at, &payload);
            model.stored.get_mut::<Stored>().shelves.insert(id, Shelf { product: product.clone(), stock, ledger });
            Ok(Answer::Product(product))
        })
    }

    pub(super) fn change_product(
        &mut self,
        now: &Now<'_>,
        whole: &Command,
        command: &ChangeProductCommand,
    ) -> Outcome<Answer> {
        check(now.actor, Right::Manage)?;
        self.once(now, whole, |model| {
            let product = model.on_sale(command.product_id)?.product.clone();
            require(&command.precondition, product.version)?;
            let mut changed = patched(&product, &command.patch)?;
            if changed != product {
                model.sku_is_free(&changed.sku, changed.id)?;
                changed.updated_at = now.at.max(product.updated_at);
                changed.version = product.version.next();
                let payload = json!({ "product_id": changed.id, "sku": changed.sku, "price": changed.price });
                let of = (changed.id.uuid(), changed.version);
                model.tell(now, "catalog.product_changed.v1", of, changed.updated_at, &payload);
                model.on_sale(command.product_id)?.product = changed.clone();
            }
            Ok(Answer::Product(changed))
        })
    }

    pub(super) fn archive_product(
        &mut self,
        now: &Now<'_>,
        whole: &Command,
        command: &ArchiveProductCommand,
    ) -> Outcome<Answer> {
        check(now.actor, Right::Manage)?;
        self.once(now, whole, |model| {
            let Shelf { product, stock, .. } = model.on_sale(command.product_id)?;
            allow(&command.precondition, product.version)?;
            product.updated_at = now.at.max(product.updated_at);
            product.archived_at = Some(product.updated_at);
            product.version = product.version.next();
            stock.on_sale = false;
            let (at, of) = (product.updated_at, (product.id.uuid(), product.version));
            let payload = json!({ "product_id": product.id, "sku": product.sku });
            model.tell(now, "catalog.product_archived.v1", of, at, &payload);
            Ok(Answer::Done)
        })
    }

    pub(super) fn set_stock(&mut self, now: &Now<'_>, whole: &Command, command: &SetStockCommand) -> Outcome<Answer> {
        check(now.actor, Right::Manage)?;
        self.once(now, whole, |model| {
            let shelf = model.on_sale(command.product_id)?;
            let before = shelf.stock;
            require(&command.precondition, before.version)?;
            let out_of_range = || Faults::one("/on_hand", "out_of_range", StockRefusal::OutOfRange);
            let on_hand = pieces(command.on_hand).ok_or_else(out_of_range)?;
            if on_hand < before.reserved {
                let freed = model.expired_pieces(command.product_id, now.at);
                if on_hand < before.reserved - freed {
                    return Err(Failure::refusal(ErrorKind::Conflict, "stock_below_reserved"));
                }
                model.free_expired(command.product_id, now.at);
            }
            if on_hand != before.on_hand {
                let delta = i64::from(on_hand) - i64::from(before.on_hand);
                let shelf = model.on_sale(command.product_id)?;
                shelf.stock.on_hand = on_hand;
                shelf.moved(MovementKind::Adjustment, (delta, 0), None, now.at);
                let stock = shelf.stock;
                let payload =
                    json!({ "product_id": command.product_id, "on_hand": on_hand, "reserved": stock.reserved });
                let of = (command.product_id.uuid(), stock.version);
                model.tell(now, "catalog.stock_adjusted.v1", of, stock.updated_at, &payload);
            }
            let stock = model.on_sale(command.product_id)?.stock;
            Ok(Answer::StockSet(model.shown(stock, now.at)))
        })
    }

    /// The stock without the reservations that have expired at this time.
    fn shown(&self, stock: StockView, at: Timestamp) -> StockView {
        let expired = self.expired_pieces(stock.product_id, at);
        let (reserved, available) = (stock.reserved - expired, stock.available + expired);
        StockView { reserved, available, ..stock }
    }

    pub(super) fn get_product(&self, now: &Now<'_>, id: ProductId) -> Outcome<Answer> {
        check(now.actor, Right::Look)?;
        let shelf = self.stored.get::<Stored>().shelves.get(&id);
        let visible = |shelf: &&Shelf| shelf.product.archived_at.is_none() || has(now.actor, Right::Manage);
        shelf.filter(visible).map(|shelf| Answer::Product(shelf.product.clone())).ok_or_else(not_found)
    }

    pub(super) fn get_stock(&self, now: &Now<'_>, id: ProductId) -> Outcome<Answer> {
        check(now.actor, Right::Look)?;
        let (shelf, manages) = (self.stored.get::<Stored>().shelves.get(&id), has(now.actor, Right::Manage));
        let stock = shelf.filter(|shelf| shelf.stock.on_sale || manages).ok_or_else(not_found)?.stock;
        let stock = self.shown(stock, now.at);
        Ok(Answer::Stock(if manages { StockDetail::Full(stock) } else { StockDetail::Availability(stock) }))
    }

    pub(super) fn list_products(&self, now: &Now<'_>, sort: ProductSort, request: &PageRequest) -> Outcome<Answer> {
        check(now.actor, Right::Look)?;
        let key = |product: &Product| match sort.key {
            ProductSortKey::CreatedAt => SortValue::Time(product.created_at),
            ProductSortKey::Name => SortValue::Text(product.name.as_str().to_owned()),
            ProductSortKey::Sku => SortValue::Text(product.sku.as_str().to_owned()),
            ProductSortKey::Price => SortValue::Int(product.price.amount()),
        };
        let sample = match sort.key {
            ProductSortKey::CreatedAt => SortValue::Time(Timestamp::MIN),
            ProductSortKey::Name | ProductSortKey::Sku => SortValue::Text(String::new()),
            ProductSortKey::Price => SortValue::Int(0),
        };
        if !same_kind(&request.after, &sample) {
            return Ok(Answer::Products(Page { items: vec![], next: None, total: total(0, request) }));
        }
        let shelves = self.stored.get::<Stored>().shelves.values().filter(|shelf| shelf.product.archived_at.is_none());
        let rows = shelves.map(|shelf| {
            let place = Position { key: key(&shelf.product), id: shelf.product.id.uuid() };
            (place, shelf.product.clone())
        });
        Ok(Answer::Products(page(rows.collect(), sort.direction, request)))
    }
}

impl Shelf {
    /// Records a movement and updates the stock. The caller has already set `on_hand`.
    pub(crate) fn moved(
        &mut self,
        kind: MovementKind,
        (on_hand, reserved): (i64, i64),
        order: Option<OrderId>,
        at: Timestamp,
    ) {
        let stock = &mut self.stock;
        stock.reserved = u32::try_from(i64::from(stock.reserved) + reserved).unwrap_or(0);
        stock.available = stock.on_hand.saturating_sub(stock.reserved);
        stock.updated_at = at.max(stock.updated_at);
        stock.version = stock.version.next();
        insert_sorted(&mut self.ledger, Entry::new(kind, on_hand, reserved, order, stock.updated_at));
    }

    /// Records that a reservation has expired. The version does not change, because the same unit also makes another
    /// movement of this stock.
    pub(crate) fn freed(&mut self, quantity: u32, order: OrderId, at: Timestamp) {
        let version = self.stock.version;
        self.moved(MovementKind::Release, (0, -i64::from(quantity)), Some(order), at);
        self.stock.version = version;
    }
}
