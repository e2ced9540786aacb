//! The fields of a product, as callers give them.

use crate::kernel::{Invalid, refusal};
use skep_domain::{
    catalog::{DESCRIPTION_MAX, MAX_QUANTITY, NAME_MAX, Sku, StockRefusal},
    shared::{Currency, Money, Text},
};

/// An amount of money, as typed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MoneyInput {
    /// Minor units.
    pub amount: i64,
    /// Three letters of ISO 4217.
    pub currency: String,
}

refusal! {
    /// Another product, perhaps an archived one, has this SKU.
    SkuTaken = Conflict, "sku_taken";
}

/// Reads a SKU, or notes what is wrong with it.
pub(super) fn sku(invalid: &mut Invalid, text: &str) -> Option<Sku> {
    invalid.check("/sku", "invalid_sku", Sku::parse(text))
}

/// Reads a name, or notes what is wrong with it.
pub(super) fn name(invalid: &mut Invalid, text: &str) -> Option<Text> {
    invalid.check("/name", "invalid_text", Text::line(text, NAME_MAX))
}

/// Reads a description, or notes what is wrong with it.
pub(super) fn description(invalid: &mut Invalid, text: &str) -> Option<Text> {
    invalid.check("/description", "invalid_text", Text::block(text, DESCRIPTION_MAX))
}

/// Reads a price, or notes what is wrong with it.
pub(super) fn price(invalid: &mut Invalid, input: &MoneyInput) -> Option<Money> {
    let currency = currency(invalid, &input.currency);
    let amount = amount(invalid, input.amount);
    Some(Money::new(amount?, currency?))
}

/// Reads the currency of a price, or notes what is wrong with it.
pub(super) fn currency(invalid: &mut Invalid, code: &str) -> Option<Currency> {
    invalid.check("/price/currency", "unknown_currency", code.parse())
}

/// Reads the amount of a price, or notes what is wrong with it.
pub(super) fn amount(invalid: &mut Invalid, amount: i64) -> Option<i64> {
    invalid.check("/price/amount", "out_of_range", if amount < 0 { Err("must not be negative") } else { Ok(amount) })
}

/// Reads a count of pieces.
pub(super) fn on_hand(count: i64) -> Result<u32, StockRefusal> {
    u32::try_from(count).ok().filter(|count| *count <= MAX_QUANTITY).ok_or(StockRefusal::OutOfRange)
}
