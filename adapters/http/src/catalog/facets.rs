//! The facets of products, and the parameters that keep the results with one of their values.

use crate::parts::{FacetsOf, Filter, Filtered};
use poem_openapi::registry::MetaSchema;
use skep_domain::{
    catalog::{CURRENCY, HAS_PICTURES, PRICE_BAND, PRODUCT_FACETS, Product, is_price_band},
    search::{Facet, FacetValue},
    shared::Currency,
};
use std::fmt;

impl FacetsOf for Product {
    const ALL: &'static [Facet] = PRODUCT_FACETS;
}

/// The currency that the prices of results have.
pub(super) struct InCurrency(Currency);

/// The band that the prices of results are in.
pub(super) struct InPriceBand(String);

/// Whether results have pictures.
pub(super) struct WithPictures(bool);

impl fmt::Display for InCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code())
    }
}

impl fmt::Display for InPriceBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for WithPictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Filter for InCurrency {
    const NAME: &'static str = CURRENCY.name();
    const MEANING: &'static str = "Only results with a price in this currency.";

    fn schema() -> MetaSchema {
        let pattern = Some("^[A-Z]{3}$".to_owned());
        MetaSchema { pattern, example: Some("EUR".into()), ..MetaSchema::new("string") }
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "must be the ISO 4217 code of a currency".to_owned())
    }
}

impl Filter for InPriceBand {
    const NAME: &'static str = PRICE_BAND.name();
    const MEANING: &'static str = "Only results with a price in this band: the currency, and the first and the last \
        amount in minor units. Bands begin at 1, 2 and 5 of each power of ten.";

    fn schema() -> MetaSchema {
        let pattern = Some("^[A-Z]{3}:[0-9]+-[0-9]+$".to_owned());
        MetaSchema { pattern, example: Some("EUR:1000-1999".into()), ..MetaSchema::new("string") }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let fault = || "must be a band of prices, such as EUR:1000-1999".to_owned();
        if is_price_band(text) { Ok(Self(text.to_owned())) } else { Err(fault()) }
    }
}

impl Filter for WithPictures {
    const NAME: &'static str = HAS_PICTURES.name();
    const MEANING: &'static str = "Only results with pictures, or only those without.";

    fn schema() -> MetaSchema {
        MetaSchema { enum_items: vec!["true".into(), "false".into()], ..MetaSchema::new("string") }
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "must be true or false".to_owned())
    }
}

impl Filtered<InCurrency> {
    pub(super) fn value(&self) -> Option<FacetValue> {
        self.0.as_ref().map(|currency| CURRENCY.of(currency.to_string()))
    }
}

impl Filtered<InPriceBand> {
    pub(super) fn value(&self) -> Option<FacetValue> {
        self.0.as_ref().map(|band| PRICE_BAND.of(band.to_string()))
    }
}

impl Filtered<WithPictures> {
    pub(super) fn value(&self) -> Option<FacetValue> {
        self.0.as_ref().map(|pictures| HAS_PICTURES.of(pictures.to_string()))
    }
}
