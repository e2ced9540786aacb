//! The fields of a product, as callers give them.

use crate::kernel::{Invalid, refusal};
use skep_domain::{
    catalog::{DESCRIPTION_MAX, MAX_QUANTITY, NAME_MAX, Product, Sku, StockRefusal},
    shared::{Currency, Money, Text},
};

/// An amount of money, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MoneyInput {
    /// The amount in minor units, such as cents.
    pub amount: i64,
    /// A currency code of ISO 4217: three letters.
    pub currency: String,
}

refusal! {
    /// Another product has this SKU. The product may be archived.
    SkuTaken = Conflict, "sku_taken";
}

/// Parses a SKU, or adds an error to `invalid`.
pub(super) fn sku(invalid: &mut Invalid, text: &str) -> Option<Sku> {
    invalid.check("/sku", "invalid_sku", Sku::parse(text))
}

/// Parses a name, or adds an error to `invalid`.
pub(super) fn name(invalid: &mut Invalid, text: &str) -> Option<Text> {
    invalid.check("/name", "invalid_text", Text::line(text, NAME_MAX))
}

/// Parses a description, or adds an error to `invalid`.
pub(super) fn description(invalid: &mut Invalid, text: &str) -> Option<Text> {
    invalid.check("/description", "invalid_text", Text::block(text, DESCRIPTION_MAX))
}

/// Parses a price, or adds an error to `invalid` for each part that is wrong.
pub(super) fn price(invalid: &mut Invalid, input: &MoneyInput) -> Option<Money> {
    let currency = currency(invalid, &input.currency);
    let amount = amount(invalid, input.amount);
    let price = Money::new(amount?, currency?);
    invalid.check("/price/amount", "out_of_range", Product::check_price(price))?;
    Some(price)
}

/// Parses the currency of a price, or adds an error to `invalid`.
pub(super) fn currency(invalid: &mut Invalid, code: &str) -> Option<Currency> {
    invalid.check("/price/currency", "unknown_currency", code.parse())
}

/// Checks the amount of a price, or adds an error to `invalid`. The product checks the upper bound, because a price that
/// stays the same may be above it.
pub(super) fn amount(invalid: &mut Invalid, amount: i64) -> Option<i64> {
    invalid.check("/price/amount", "out_of_range", if amount < 0 { Err("must not be negative") } else { Ok(amount) })
}

/// Checks a number of pieces.
pub(super) fn on_hand(count: i64) -> Result<u32, StockRefusal> {
    u32::try_from(count).ok().filter(|count| *count <= MAX_QUANTITY).ok_or(StockRefusal::OutOfRange)
}
