//! What search finds of products.

use super::Product;
use crate::search::{SearchDocument, SearchField, SearchKind};

/// The kind of the documents of products.
pub const PRODUCT_KIND: SearchKind = SearchKind::new("product");

/// How much a word of the name or the SKU counts. One of the description counts 1.
const TITLE_WEIGHT: u32 = 8;

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
        let document = SearchDocument { kind: PRODUCT_KIND, id: self.id.uuid(), owner: None, fields };
        self.is_on_sale().then_some(document)
    }
}

#[cfg(test)]
mod tests {
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
        product.archive(Timestamp::MIN);
        assert_eq!(product.document(), None);
    }
}
