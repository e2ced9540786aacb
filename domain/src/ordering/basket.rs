//! The products that a customer wants to buy, before they are priced.

use super::OrderLine;
use crate::{
    catalog::{MAX_QUANTITY, Product},
    shared::{Currency, Money, MoneyError, ProductId},
};
use std::collections::BTreeMap;

/// The greatest number of lines of an order, as sent, that a deployment can allow.
pub const MAX_LINES: usize = 1_000;

/// The products that are to be ordered, each once, in the order in which the lines first name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item {
    product_id: ProductId,
    quantity: u32,
    /// The first line that named the product, as sent.
    line: usize,
}

/// Why the lines of an order are refused before any product is read. `line` is the index of a line as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BasketRefusal {
    /// There is no line (O5).
    #[error("must have at least one line")]
    Empty,
    /// More lines than an order may have.
    #[error("must have at most {most} lines")]
    TooManyLines {
        /// The greatest number of lines.
        most: usize,
    },
    /// The quantity of the line, or of its product in all lines together, is not 1 to [`MAX_QUANTITY`].
    #[error("must be between 1 and {MAX_QUANTITY}")]
    Quantity {
        /// The index of the line.
        line: usize,
    },
}

/// Why the products cannot be ordered. `line` is the index of a line as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefusal {
    /// The product does not exist, or is not on sale (C5).
    #[error("product cannot be ordered")]
    NotOnSale {
        /// The index of the line.
        line: usize,
    },
    /// The products are priced in several currencies. An order has one.
    #[error("is priced in {found}, other lines in {expected}")]
    MixedCurrencies {
        /// The first line of the other currency.
        line: usize,
        /// The currency of the lines before it.
        expected: Currency,
        /// The currency of this line.
        found: Currency,
    },
    /// The total is beyond [`Money::MAX_AMOUNT`] (M3).
    #[error("total is out of range")]
    TotalOutOfRange {
        /// The line with which it is too high.
        line: usize,
    },
}

impl Basket {
    /// The basket of these lines, at most `most` and never more than [`MAX_LINES`]. Lines of the same product are
    /// summed (C3).
    ///
    /// # Errors
    /// The first [`BasketRefusal`].
    pub fn new(lines: &[(ProductId, i64)], most: usize) -> Result<Self, BasketRefusal> {
        if lines.is_empty() {
            return Err(BasketRefusal::Empty);
        }
        let most = most.min(MAX_LINES);
        if lines.len() > most {
            return Err(BasketRefusal::TooManyLines { most });
        }
        let mut items: Vec<Item> = Vec::with_capacity(lines.len());
        let mut places: BTreeMap<ProductId, usize> = BTreeMap::new();
        for (line, &(product_id, quantity)) in lines.iter().enumerate() {
            let valid = u32::try_from(quantity).ok().filter(|n| (1..=MAX_QUANTITY).contains(n));
            let quantity = valid.ok_or(BasketRefusal::Quantity { line })?;
            if let Some(&place) = places.get(&product_id) {
                let sum = items[place].quantity + quantity;
                items[place].quantity =
                    if sum <= MAX_QUANTITY { sum } else { return Err(BasketRefusal::Quantity { line }) };
            } else {
                places.insert(product_id, items.len());
                items.push(Item { product_id, quantity, line });
            }
        }
        Ok(Self { items })
    }

    /// The products in ascending order, which is the order in which their stock is locked (I10).
    #[must_use]
    pub fn product_ids(&self) -> Vec<ProductId> {
        let mut ids: Vec<ProductId> = self.items.iter().map(|item| item.product_id).collect();
        ids.sort();
        ids
    }

    /// The line, as sent, that first named the product.
    #[must_use]
    pub fn line_of(&self, product_id: ProductId) -> Option<usize> {
        self.items.iter().find(|item| item.product_id == product_id).map(|item| item.line)
    }

    /// The lines of the order, with the current codes, names and prices of the products.
    ///
    /// # Errors
    /// The first [`OrderRefusal`].
    pub fn price(&self, products: &[Product]) -> Result<Vec<OrderLine>, OrderRefusal> {
        let by_id: BTreeMap<ProductId, &Product> = products.iter().map(|product| (product.id, product)).collect();
        let mut lines: Vec<OrderLine> = Vec::with_capacity(self.items.len());
        let mut sum = None;
        for &Item { product_id, quantity, line } in &self.items {
            let product = by_id.get(&product_id).filter(|product| product.is_on_sale());
            let product = product.ok_or(OrderRefusal::NotOnSale { line })?;
            if let Some(expected) = lines.first().map(|first| first.unit_price.currency()) {
                let found = product.price.currency();
                if found != expected {
                    return Err(OrderRefusal::MixedCurrencies { line, expected, found });
                }
            }
            let out_of_range = |_: MoneyError| OrderRefusal::TotalOutOfRange { line };
            let total = product.price.times(quantity).map_err(out_of_range)?;
            sum = Some(sum.map_or(Ok(total), |sum: Money| sum.plus(total)).map_err(out_of_range)?);
            lines.push(OrderLine {
                product_id,
                sku: product.sku.clone(),
                name: product.name.clone(),
                quantity,
                unit_price: product.price,
                total,
            });
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::Sku,
        shared::{Text, Timestamp},
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    fn id(n: u128) -> ProductId {
        ProductId::new(Uuid::from_u128(n))
    }
    fn product(n: u128, amount: i64, currency: &str) -> Product {
        let price = Money::new(amount, currency.parse().unwrap());
        let (sku, name) = (Sku::parse(&format!("sku-{n}")).unwrap(), Text::line("Honey", 99).unwrap());
        Product::create(id(n), sku, name, Text::block("", 9).unwrap(), price, Timestamp::MIN).unwrap()
    }

    fn basket_of(lines: &[(ProductId, i64)]) -> Result<Basket, BasketRefusal> {
        Basket::new(lines, MAX_LINES)
    }

    #[test]
    fn quantities_must_be_positive_and_bounded() {
        for quantity in [0, -1, i64::from(MAX_QUANTITY) + 1, i64::MAX] {
            assert_eq!(basket_of(&[(id(1), 1), (id(2), quantity)]), Err(BasketRefusal::Quantity { line: 1 }));
        }
        let twice = [(id(1), i64::from(MAX_QUANTITY)), (id(1), 1)];
        assert_eq!(basket_of(&twice), Err(BasketRefusal::Quantity { line: 1 }));
    }

    #[test]
    fn an_order_has_one_line_to_as_many_as_it_may_have() {
        assert_eq!(basket_of(&[]), Err(BasketRefusal::Empty));
        for most in [1, 200, MAX_LINES] {
            assert!(Basket::new(&vec![(id(1), 1); most], most).is_ok());
            let refused = Basket::new(&vec![(id(1), 1); most + 1], most);
            assert_eq!(refused, Err(BasketRefusal::TooManyLines { most }));
        }
        let refused = Basket::new(&vec![(id(1), 1); MAX_LINES + 1], usize::MAX);
        assert_eq!(refused, Err(BasketRefusal::TooManyLines { most: MAX_LINES }));
    }

    /// C5
    #[test]
    fn only_what_is_on_sale_can_be_ordered() {
        let basket = basket_of(&[(id(1), 1), (id(2), 1)]).unwrap();
        let mut gone = product(2, 100, "EUR");
        gone.archive(Timestamp::MIN);
        assert_eq!(basket.price(&[product(1, 100, "EUR")]), Err(OrderRefusal::NotOnSale { line: 1 }));
        assert_eq!(basket.price(&[product(1, 100, "EUR"), gone]), Err(OrderRefusal::NotOnSale { line: 1 }));
    }

    #[test]
    fn an_order_has_one_currency() {
        let basket = basket_of(&[(id(1), 1), (id(2), 1)]).unwrap();
        let refusal = basket.price(&[product(1, 100, "EUR"), product(2, 100, "JPY")]).unwrap_err();
        let (expected, found) = ("EUR".parse().unwrap(), "JPY".parse().unwrap());
        assert_eq!(refusal, OrderRefusal::MixedCurrencies { line: 1, expected, found });
    }

    #[test]
    fn a_total_that_some_json_readers_would_round_is_refused() {
        let basket = basket_of(&[(id(1), 1), (id(2), 1)]).unwrap();
        let most = product(1, Money::MAX_AMOUNT, "EUR");
        let refusal = basket.price(&[most.clone(), product(2, 1, "EUR")]);
        assert_eq!(refusal, Err(OrderRefusal::TotalOutOfRange { line: 1 }));
        let many = basket_of(&[(id(1), 2)]).unwrap();
        assert_eq!(many.price(std::slice::from_ref(&most)), Err(OrderRefusal::TotalOutOfRange { line: 0 }));
        let one = basket_of(&[(id(1), 1)]).unwrap();
        assert_eq!(one.price(std::slice::from_ref(&most)).map(|lines| lines[0].total), Ok(most.price));
        // An earlier version allowed higher prices. Such a product can be read, but not ordered.
        let dearer = Product { price: Money::new(i64::MAX, "EUR".parse().unwrap()), ..most };
        assert_eq!(one.price(&[dearer]), Err(OrderRefusal::TotalOutOfRange { line: 0 }));
    }

    proptest! {
        /// C3: however the pieces are spread over lines, each product is one line with their sum.
        #[test]
        fn lines_of_one_product_are_summed(lines in prop::collection::vec((1u128..5, 1i64..100), 1..40)) {
            let lines: Vec<(ProductId, i64)> = lines.into_iter().map(|(n, q)| (id(n), q)).collect();
            let basket = basket_of(&lines).unwrap();
            let products: Vec<Product> = (1..5).map(|n| product(n, 7, "EUR")).collect();
            let priced = basket.price(&products).unwrap();
            for product in &products {
                let sent: i64 = lines.iter().filter(|(id, _)| *id == product.id).map(|(_, q)| q).sum();
                let found: Vec<i64> = priced.iter().filter(|l| l.product_id == product.id).map(|l| i64::from(l.quantity)).collect();
                prop_assert_eq!(found, if sent == 0 { vec![] } else { vec![sent] });
            }
            prop_assert!(basket.product_ids().is_sorted());
        }
    }
}
