//! Products and stock.

use super::{
    Faults, Model, Now, Step,
    access::{Right, check, has},
    insert_sorted, lists, not_found,
};
use crate::{
    call::{Answer, Call},
    state::{Entry, Shelf},
};
use serde_json::json;
use skep_application::{
    catalog::{
        ArchiveProductCommand, ChangeProductCommand, CreateProductCommand, MoneyInput, ProductPatch, ProductSort,
        ProductSortKey, SetStockCommand, StockDetail, StockView,
    },
    kernel::{ErrorKind, Page, PageRequest, Position, Precondition, SortValue},
};
use skep_domain::{
    catalog::{DESCRIPTION_MAX, MovementKind, NAME_MAX, Product, Sku, StockRefusal},
    shared::{Currency, Money, Patch, ProductId, Text, Timestamp, Version},
};

/// The maximum number of pieces of a product.
const MOST: i64 = 1_000_000_000;

pub(super) fn pieces(count: i64) -> Option<u32> {
    u32::try_from(count).ok().filter(|_| count <= MOST)
}

/// Requires a precondition that the current version meets.
fn require(precondition: &Precondition, current: Version) -> Step<()> {
    match precondition {
        Precondition::Missing => Err(Answer::refusal(ErrorKind::PreconditionRequired, "precondition_required")),
        _ => allow(precondition, current),
    }
}

/// Accepts a missing precondition, or one that the current version meets.
fn allow(precondition: &Precondition, current: Version) -> Step<()> {
    let meets = match precondition {
        Precondition::Missing | Precondition::Any => true,
        Precondition::OneOf(seen) => seen.contains(&current),
    };
    if meets { Ok(()) } else { Err(Answer::refusal(ErrorKind::Stale, "precondition_failed")) }
}

fn price(faults: &mut Faults, input: &MoneyInput) -> Option<Money> {
    let currency = faults.read("/price/currency", "unknown_currency", input.currency.parse::<Currency>());
    let amount = if input.amount < 0 { Err("must not be negative") } else { Ok(input.amount) };
    let amount = faults.read("/price/amount", "out_of_range", amount);
    Some(Money::new(amount?, currency?))
}

/// Reads a field of a patch that must not be null.
fn set<T>(faults: &mut Faults, pointer: &str, field: &Patch<T>) -> Option<T>
where
    T: Clone,
{
    match field {
        Patch::Keep => None,
        Patch::Clear => faults.read(pointer, "required", Err("must not be null")),
        Patch::Set(value) => Some(value.clone()),
    }
}

/// Applies the patch to the product.
fn patched(product: &Product, patch: &ProductPatch) -> Step<Product> {
    let (mut changed, mut faults) = (product.clone(), Faults::default());
    if let Some(sku) = set(&mut faults, "/sku", &patch.sku) {
        changed.sku = faults.read("/sku", "invalid_sku", Sku::parse(&sku)).unwrap_or(changed.sku);
    }
    if let Some(name) = set(&mut faults, "/name", &patch.name) {
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
    if let Some(part) = set(&mut faults, "/price", &patch.price) {
        let currency = set(&mut faults, "/price/currency", &part.currency);
        let amount = set(&mut faults, "/price/amount", &part.amount);
        let merged = MoneyInput {
            amount: amount.unwrap_or(changed.price.amount()),
            currency: currency.unwrap_or_else(|| changed.price.currency().code().to_owned()),
        };
        changed.price = price(&mut faults, &merged).unwrap_or(changed.price);
    }
    if faults.0.is_empty() { Ok(changed) } else { Err(faults.answer()) }
}

impl Model {
    fn sku_is_free(&self, sku: &Sku, id: ProductId) -> Step<()> {
        let taken = self.stored.shelves.values().any(|shelf| shelf.product.sku == *sku && shelf.product.id != id);
        if taken { Err(Answer::refusal(ErrorKind::Conflict, "sku_taken")) } else { Ok(()) }
    }

    fn on_sale(&mut self, id: ProductId) -> Step<&mut Shelf> {
        let shelf = self.stored.shelves.get_mut(&id).filter(|shelf| shelf.product.archived_at.is_none());
        shelf.ok_or_else(not_found)
    }

    pub(super) fn create_product(&mut self, now: &Now<'_>, call: &Call, command: &CreateProductCommand) -> Step {
        check(now.actor, Right::Manage)?;
        let mut faults = Faults::default();
        let sku = faults.read("/sku", "invalid_sku", Sku::parse(&command.sku));
        let name = faults.read("/name", "invalid_text", Text::line(&command.name, NAME_MAX));
        let description = Text::block(&command.description, DESCRIPTION_MAX);
        let description = faults.read("/description", "invalid_text", description);
        let price = price(&mut faults, &command.price);
        let on_hand = pieces(command.stock.unwrap_or(0)).ok_or(StockRefusal::OutOfRange);
        let on_hand = faults.read("/stock", "out_of_range", on_hand);
        let (Some(sku), Some(name), Some(description), Some(price), Some(on_hand)) =
            (sku, name, description, price, on_hand)
        else {
            return Err(faults.answer());
        };
        self.once(now, call, |model| {
            let id = ProductId::new(now.fresh.id);
            model.sku_is_free(&sku, id)?;
            if model.stored.shelves.contains_key(&id) {
                return Err(Answer::Unknown(format!("{id} is not new")));
            }
            let (created_at, updated_at, version) = (now.at, now.at, Version::FIRST);
            let product =
                Product { id, sku, name, description, price, created_at, updated_at, archived_at: None, version };
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
            model.stored.shelves.insert(id, Shelf { product: product.clone(), stock, ledger });
            Ok(Answer::Product(product))
        })
    }

    pub(super) fn change_product(&mut self, now: &Now<'_>, call: &Call, command: &ChangeProductCommand) -> Step {
        check(now.actor, Right::Manage)?;
        self.once(now, call, |model| {
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

    pub(super) fn archive_product(&mut self, now: &Now<'_>, call: &Call, command: &ArchiveProductCommand) -> Step {
        check(now.actor, Right::Manage)?;
        self.once(now, call, |model| {
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

    pub(super) fn set_stock(&mut self, now: &Now<'_>, call: &Call, command: &SetStockCommand) -> Step {
        check(now.actor, Right::Manage)?;
        self.once(now, call, |model| {
            let shelf = model.on_sale(command.product_id)?;
            let before = shelf.stock;
            require(&command.precondition, before.version)?;
            let out_of_range = || Faults::one("/on_hand", "out_of_range", StockRefusal::OutOfRange);
            let on_hand = pieces(command.on_hand).ok_or_else(out_of_range)?;
            if on_hand < before.reserved {
                return Err(Answer::refusal(ErrorKind::Conflict, "stock_below_reserved"));
            }
            if on_hand != before.on_hand {
                let delta = i64::from(on_hand) - i64::from(before.on_hand);
                shelf.stock.on_hand = on_hand;
                shelf.moved(MovementKind::Adjustment, (delta, 0), None, now.at);
                let (at, of) = (shelf.stock.updated_at, (command.product_id.uuid(), shelf.stock.version));
                let payload =
                    json!({ "product_id": command.product_id, "on_hand": on_hand, "reserved": before.reserved });
                model.tell(now, "catalog.stock_adjusted.v1", of, at, &payload);
            }
            Ok(Answer::StockSet(model.on_sale(command.product_id)?.stock))
        })
    }

    pub(super) fn get_product(&self, now: &Now<'_>, id: ProductId) -> Step {
        check(now.actor, Right::Look)?;
        let shelf = self.stored.shelves.get(&id);
        let visible = |shelf: &&Shelf| shelf.product.archived_at.is_none() || has(now.actor, Right::Manage);
        shelf.filter(visible).map(|shelf| Answer::Product(shelf.product.clone())).ok_or_else(not_found)
    }

    pub(super) fn get_stock(&self, now: &Now<'_>, id: ProductId) -> Step {
        check(now.actor, Right::Look)?;
        let (shelf, manages) = (self.stored.shelves.get(&id), has(now.actor, Right::Manage));
        let stock = shelf.filter(|shelf| shelf.stock.on_sale || manages).ok_or_else(not_found)?.stock;
        Ok(Answer::Stock(if manages { StockDetail::Full(stock) } else { StockDetail::Availability(stock) }))
    }

    pub(super) fn list_products(&self, now: &Now<'_>, sort: ProductSort, request: &PageRequest) -> Step {
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
        if !lists::same_kind(&request.after, &sample) {
            return Ok(Answer::Products(Page { items: vec![], next: None, total: request.count.then_some(0) }));
        }
        let shelves = self.stored.shelves.values().filter(|shelf| shelf.product.archived_at.is_none());
        let rows = shelves.map(|shelf| {
            let place = Position { key: key(&shelf.product), id: shelf.product.id.uuid() };
            (place, shelf.product.clone())
        });
        Ok(Answer::Products(lists::page(rows.collect(), sort.direction, request)))
    }
}

impl Shelf {
    /// Records a movement and updates the stock. The caller has already set `on_hand`.
    pub(super) fn moved(
        &mut self,
        kind: MovementKind,
        (on_hand, reserved): (i64, i64),
        order: Option<skep_domain::shared::OrderId>,
        at: Timestamp,
    ) {
        let stock = &mut self.stock;
        stock.reserved = u32::try_from(i64::from(stock.reserved) + reserved).unwrap_or(0);
        stock.available = stock.on_hand.saturating_sub(stock.reserved);
        stock.updated_at = at.max(stock.updated_at);
        stock.version = stock.version.next();
        insert_sorted(&mut self.ledger, Entry::new(kind, on_hand, reserved, order, stock.updated_at));
    }
}
