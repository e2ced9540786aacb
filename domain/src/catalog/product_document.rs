//! What search finds of products.

use super::Product;
use crate::{
    search::{Facet, SearchDocument, SearchField, SearchKind},
    shared::Money,
};

/// The kind of the documents of products.
pub const PRODUCT_KIND: SearchKind = SearchKind::new("product");

/// How much a word of the name or the SKU counts. One of the description counts 1.
const TITLE_WEIGHT: u32 = 8;

/// The currency of the price, as its code.
pub const CURRENCY: Facet = Facet::new("currency");
/// The band of the price, as [`price_band`] makes it.
pub const PRICE_BAND: Facet = Facet::new("price_band");
/// Whether the product has pictures: `true` or `false`.
pub const HAS_PICTURES: Facet = Facet::new("has_pictures");

/// The facets of products.
pub const PRODUCT_FACETS: &[Facet] = &[CURRENCY, PRICE_BAND, HAS_PICTURES];

/// The band of a price: its currency, and the first and the last amount of the band in minor units, such as
/// `EUR:1000-1999`. Bands begin at 1, 2 and 5 of each power of ten, and zero is a band of its own.
#[must_use]
pub fn price_band(price: Money) -> String {
    // Prices of earlier versions may be greater.
    let amount = price.amount().min(Money::MAX_AMOUNT);
    let (first, last) = match amount {
        ..1 => (0, 0),
        _ => {
            let power = 10_i64.pow(amount.ilog10());
            let (first, end) = match amount / power {
                1 => (1, 2),
                2..5 => (2, 5),
                _ => (5, 10),
            };
            (first * power, end * power - 1)
        }
    };
    format!("{}:{first}-{last}", price.currency().code())
}

/// Whether a price can have this band.
#[must_use]
pub fn is_price_band(text: &str) -> bool {
    let parse = || {
        let (currency, amounts) = text.split_once(':')?;
        let first = amounts.split_once('-')?.0.parse().ok().filter(|first| (0..=Money::MAX_AMOUNT).contains(first))?;
        Some(Money::new(first, currency.parse().ok()?))
    };
    parse().is_some_and(|least| price_band(least) == text)
}

impl Product {
    /// The document by which the product is found. `None` if it is not on sale.
    #[must_use]
    pub fn document(&self) -> Option<SearchDocument> {
        let field = |name, weight, text: &str| SearchField { name, weight, text: text.to_owned() };
        let fields = vec![
            field("name", TITLE_WEIGHT, self.name.as_str()),
            field("sku", TITLE_WEIGHT, self.sku.as_str()),
            field("description", 1, self.description.as_str()),
        ];
        let facets = vec![
            CURRENCY.of(self.price.currency().code()),
            PRICE_BAND.of(price_band(self.price)),
            HAS_PICTURES.of((!self.pictures.is_empty()).to_string()),
        ];
        let document = SearchDocument { kind: PRODUCT_KIND, id: self.id.uuid(), owner: None, fields, facets };
        self.is_on_sale().then_some(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{Product, Sku},
        search::SearchQuery,
        shared::{Money, ProductId, Text, Timestamp},
    };

    #[test]
    fn a_product_on_sale_is_found_by_its_name_sku_and_description() {
        let (name, description) = (Text::line("Linden honey", 99).unwrap(), Text::block("Sweet honey", 99).unwrap());
        let price = Money::new(500, "EUR".parse().unwrap());
        let (id, sku) = (ProductId::new(uuid::Uuid::nil()), Sku::parse("HONEY-500").unwrap());
        let mut product = Product::create(id, sku, name, description, price, Timestamp::MIN).unwrap();
        let score = |text: &str| product.document().unwrap().score(&SearchQuery::parse(text).unwrap());
        assert_eq!(
            [score("honey"), score("honey-500"), score("sweet"), score("eur")],
            [Some(17), Some(25), Some(1), None]
        );
        let values: Vec<_> = product.document().unwrap().facets.iter().map(|one| one.term()).collect();
        assert_eq!(values, [":currency:EUR", ":price_band:EUR:500-999", ":has_pictures:false"]);
        product.archive(Timestamp::MIN);
        assert_eq!(product.document(), None);
    }

    #[test]
    fn bands_of_prices_follow_each_other() {
        let band = |amount| price_band(Money::new(amount, "EUR".parse().unwrap()));
        for (amount, expected) in [
            (0, "EUR:0-0"),
            (1, "EUR:1-1"),
            (2, "EUR:2-4"),
            (4, "EUR:2-4"),
            (5, "EUR:5-9"),
            (10, "EUR:10-19"),
            (1_999, "EUR:1000-1999"),
            (2_000, "EUR:2000-4999"),
            (i64::MAX, "EUR:5000000000000000-9999999999999999"),
            (Money::MAX_AMOUNT, "EUR:5000000000000000-9999999999999999"),
        ] {
            assert_eq!(band(amount), expected);
            assert!(is_price_band(expected) && expected.len() <= Facet::VALUE_MAX);
        }
        for text in ["", "EUR", "EUR:1-2", "EUR:3-4", "eur:1-1", "EUR:-1-0", "EUR:01-1", "EUR:99999999999999999999-1"] {
            assert!(!is_price_band(text), "{text}");
        }
    }
}
