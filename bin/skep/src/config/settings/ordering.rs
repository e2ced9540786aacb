//! The settings of ordering.

use super::ContextSettings;
use crate::config::{
    parse::list,
    read::Source,
    setting::{Setting, Shape},
};
use skep_application::Policies;
use skep_domain::shared::{Currency, Money};

pub(super) const ORDERING: ContextSettings = ContextSettings { settings: SETTINGS, read };

const SETTINGS: &[Setting] = &[Setting::new("SKEP_MINIMUM_ORDERS", "ordering.minimum_orders", Shape::Amounts)
    .form("currencies and minor units like EUR:1000,JPY:500", "EUR:1000,JPY:500")
    .doc("The smallest total of an order, for each currency.")];

fn read(source: &mut Source, policies: &mut Policies) {
    policies.minimum_orders = source.required("SKEP_MINIMUM_ORDERS", |text| list(text, read_minimum));
}

fn read_minimum(text: &str) -> Option<Money> {
    let (currency, amount) = text.split_once(':')?;
    let currency: Currency = currency.parse().ok()?;
    amount.parse().ok().filter(|amount| *amount >= 0).map(|amount| Money::new(amount, currency))
}
