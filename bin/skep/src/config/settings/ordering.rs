//! The settings of ordering.

use super::ContextSettings;
use crate::config::{
    parse::{list, number, seconds},
    read::Source,
    setting::{Setting, Shape},
};
use skep_application::{Policies, ordering::OrderPolicy};
use skep_domain::{
    ordering::MAX_LINES,
    shared::{Currency, Money},
};
use std::time::Duration;

pub(super) const ORDERING: ContextSettings = ContextSettings { settings: SETTINGS, read };

const MOST_LINES: u64 = MAX_LINES as u64;

const SETTINGS: &[Setting] = &[
    Setting::new("SKEP_MINIMUM_ORDERS", "ordering.minimum_orders", Shape::Amounts)
        .form("currencies and minor units like EUR:1000,JPY:500", "EUR:1000,JPY:500")
        .doc("The smallest total of an order, for each currency."),
    Setting::new("SKEP_ORDER_LINES", "ordering.order_lines", Shape::Number)
        .default("200")
        .form("a number from 1 to 1000", "200")
        .doc("The most lines of an order."),
    Setting::new("SKEP_ORDER_LIFETIME", "ordering.order_lifetime", Shape::Number)
        .default("604800")
        .form("seconds from 60 to 31536000, or 0 to keep them", "604800")
        .doc("How long new orders wait for their payment. They then end, and their pieces are available again."),
    Setting::new("SKEP_OPEN_ORDER_LINES", "ordering.open_order_lines", Shape::Number)
        .default("1000")
        .form("a number from 1 to 1000000000, or 0 for no limit", "1000")
        .doc("The most lines of all orders of one user that wait for their payment. Each new order counts them."),
];

fn read(source: &mut Source, policies: &mut Policies) {
    policies.orders = OrderPolicy {
        minimums: source.required("SKEP_MINIMUM_ORDERS", |text| list(text, read_minimum)),
        max_lines: source.required("SKEP_ORDER_LINES", |text| usize::try_from(number(text, 1, MOST_LINES)?).ok()),
        lifetime: source.required("SKEP_ORDER_LIFETIME", read_lifetime),
        open_lines: source.required("SKEP_OPEN_ORDER_LINES", read_open_lines),
    };
}

fn read_minimum(text: &str) -> Option<Money> {
    let (currency, amount) = text.split_once(':')?;
    let currency: Currency = currency.parse().ok()?;
    let minimum = Money::new(amount.parse().ok()?, currency);
    Some(minimum).filter(|minimum| minimum.amount() >= 0 && minimum.is_exact())
}

/// `None` is no limit.
fn read_open_lines(text: &str) -> Option<Option<u64>> {
    number(text, 0, 1_000_000_000).map(|most| Some(most).filter(|most| *most > 0))
}

/// `None` is the end of an order that waits without a limit.
fn read_lifetime(text: &str) -> Option<Option<Duration>> {
    if text == "0" { Some(None) } else { seconds(text, 60, 31_536_000).map(Some) }
}
