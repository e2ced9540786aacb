//! Products: creating, changing and archiving them.

use super::{Picture, Sku};
use crate::shared::{Money, Patch, Text, Timestamp, Version, typed_id};

/// The greatest length of a product's name in characters.
pub const NAME_MAX: usize = 200;
/// The greatest length of a product's description in characters.
pub const DESCRIPTION_MAX: usize = 10_000;

typed_id! {
    /// Identifies a product.
    ProductId
}

/// A product of the catalog. Its stock is a separate aggregate ([`super::StockLevel`]), so that a sale never changes
/// the version of the product.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Product {
    /// The identifier.
    pub id: ProductId,
    /// The shop's own code. It is unique, and an archived product keeps it.
    pub sku: Sku,
    /// One line of 1 to [`NAME_MAX`] characters.
    pub name: Text,
    /// At most [`DESCRIPTION_MAX`] characters; may be empty.
    pub description: Text,
    /// The price of one piece, zero or more. Orders keep a copy.
    pub price: Money,
    /// The pictures in the order in which they are shown. No file occurs twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Picture>,
    /// When the product was created.
    pub created_at: Timestamp,
    /// When the product was last changed.
    pub updated_at: Timestamp,
    /// When the product was archived; `None` if it is on sale. An archived product cannot be ordered or changed.
    pub archived_at: Option<Timestamp>,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

/// The new values of a product's fields. `sku`, `name` and `price` cannot be cleared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductChange {
    /// The new code; `None` keeps the old one.
    pub sku: Option<Sku>,
    /// The new name; `None` keeps the old one.
    pub name: Option<Text>,
    /// The new description. Clearing makes it empty.
    pub description: Patch<Text>,
    /// The new price; `None` keeps the old one.
    pub price: Option<Money>,
}

/// Why a product cannot have the given values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProductRefusal {
    /// The price is below zero.
    #[error("must not be negative")]
    NegativePrice,
    /// The price is beyond [`Money::MAX_AMOUNT`] (M3).
    #[error("must be at most {}", Money::MAX_AMOUNT)]
    PriceTooHigh,
}

impl Product {
    /// A new product, which is on sale.
    ///
    /// # Errors
    /// [`ProductRefusal`].
    pub fn create(
        id: ProductId,
        sku: Sku,
        name: Text,
        description: Text,
        price: Money,
        now: Timestamp,
    ) -> Result<Self, ProductRefusal> {
        Self::check_price(price)?;
        Ok(Self {
            id,
            sku,
            name,
            description,
            price,
            pictures: vec![],
            created_at: now,
            updated_at: now,
            archived_at: None,
            version: Version::FIRST,
        })
    }

    /// Checks a new price.
    ///
    /// # Errors
    /// [`ProductRefusal`].
    pub const fn check_price(price: Money) -> Result<(), ProductRefusal> {
        if price.amount() < 0 {
            return Err(ProductRefusal::NegativePrice);
        }
        if price.is_exact() { Ok(()) } else { Err(ProductRefusal::PriceTooHigh) }
    }

    /// Applies a change. Returns `false` if nothing changed; then `updated_at` stays the same. A price that stays the
    /// same is not checked again, because an earlier version may have allowed it.
    ///
    /// # Errors
    /// [`ProductRefusal`]; the product is unchanged.
    pub fn change(&mut self, change: ProductChange, now: Timestamp) -> Result<bool, ProductRefusal> {
        if let Some(price) = change.price.filter(|price| *price != self.price) {
            Self::check_price(price)?;
        }
        let before = self.clone();
        if let Some(sku) = change.sku {
            self.sku = sku;
        }
        if let Some(name) = change.name {
            self.name = name;
        }
        match change.description {
            Patch::Keep => {}
            Patch::Clear => self.description = Text::stored(String::new()),
            Patch::Set(description) => self.description = description,
        }
        if let Some(price) = change.price {
            self.price = price;
        }
        let changed = *self != before;
        if changed {
            self.updated_at = now.not_before(self.updated_at);
        }
        Ok(changed)
    }

    /// Archives the product. Returns `false` if it was archived already.
    pub fn archive(&mut self, now: Timestamp) -> bool {
        if self.archived_at.is_some() {
            return false;
        }
        self.updated_at = now.not_before(self.updated_at);
        self.archived_at = Some(self.updated_at);
        true
    }

    /// Whether the product can be ordered (C5).
    #[must_use]
    pub const fn is_on_sale(&self) -> bool {
        self.archived_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }
    fn eur(amount: i64) -> Money {
        Money::new(amount, "EUR".parse().unwrap())
    }
    fn honey() -> Product {
        let (sku, name) = (Sku::parse("honey").unwrap(), Text::line("Honey", NAME_MAX).unwrap());
        Product::create(ProductId::new(Uuid::nil()), sku, name, Text::block("sweet", 10).unwrap(), eur(500), at(10))
            .unwrap()
    }

    #[test]
    fn a_change_to_the_same_values_changes_nothing() {
        let mut product = honey();
        assert_eq!(product.change(ProductChange::default(), at(20)), Ok(false));
        let same = ProductChange { price: Some(eur(500)), ..Default::default() };
        assert_eq!(product.change(same, at(20)), Ok(false));
        assert_eq!(product, honey());
    }

    #[test]
    fn clearing_the_description_empties_it() {
        let mut product = honey();
        assert_eq!(product.change(ProductChange { description: Patch::Clear, ..Default::default() }, at(20)), Ok(true));
        assert_eq!((product.description.as_str(), product.updated_at), ("", at(20)));
    }

    #[test]
    fn a_negative_price_is_refused_and_changes_nothing() {
        let mut product = honey();
        let change =
            ProductChange { name: Some(Text::line("x", 9).unwrap()), price: Some(eur(-1)), ..Default::default() };
        assert_eq!(product.change(change, at(20)), Err(ProductRefusal::NegativePrice));
        assert_eq!(product, honey());
    }

    #[test]
    fn a_higher_price_of_an_earlier_version_stays_until_it_is_changed() {
        let mut product = Product { price: eur(i64::MAX), ..honey() };
        let renamed =
            ProductChange { name: Some(Text::line("x", 9).unwrap()), price: Some(eur(i64::MAX)), ..Default::default() };
        assert_eq!(product.change(renamed, at(20)), Ok(true));
        let higher = ProductChange { price: Some(eur(i64::MAX - 1)), ..Default::default() };
        assert_eq!(product.change(higher, at(20)), Err(ProductRefusal::PriceTooHigh));
        assert_eq!(product.price, eur(i64::MAX));
    }

    proptest! {
        /// M3
        #[test]
        fn a_price_is_a_number_that_every_json_reader_keeps(
            amount in prop_oneof![any::<i64>(), Money::MAX_AMOUNT - 2..Money::MAX_AMOUNT + 3, -2i64..3],
        ) {
            let is_price = (0..=Money::MAX_AMOUNT).contains(&amount);
            prop_assert_eq!(Product::check_price(eur(amount)).is_ok(), is_price);
            let change = ProductChange { price: Some(eur(amount)), ..Default::default() };
            prop_assert_eq!(honey().change(change, at(20)).is_ok(), is_price);
        }
    }

    #[test]
    fn a_second_archiving_changes_nothing() {
        let mut product = honey();
        assert!(product.archive(at(20)));
        assert!(!product.archive(at(30)));
        assert_eq!((product.archived_at, product.is_on_sale()), (Some(at(20)), false));
    }

    #[test]
    fn times_do_not_go_back_with_the_clock() {
        let mut product = honey();
        product.change(ProductChange { price: Some(eur(1)), ..Default::default() }, at(5)).unwrap();
        assert_eq!(product.updated_at, at(10));
    }
}
