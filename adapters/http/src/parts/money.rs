//! Amounts of money. The bodies of several contexts have them.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skep_application::catalog::MoneyInput;
use skep_domain::shared::Money;

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize, Deserialize)]
#[oai(rename = "Money")]
#[serde(deny_unknown_fields)]
pub(crate) struct MoneyBody {
    /// The amount in minor units of the currency: cents for EUR, yen for JPY.
    pub(crate) amount: i64,
    /// The ISO 4217 code of the currency, three capital letters.
    pub(crate) currency: String,
}

impl From<Money> for MoneyBody {
    fn from(money: Money) -> Self {
        Self { amount: money.amount(), currency: money.currency().code().to_owned() }
    }
}

impl From<MoneyBody> for MoneyInput {
    fn from(body: MoneyBody) -> Self {
        Self { amount: body.amount, currency: body.currency }
    }
}

/// An amount of euros for examples. `amount` is in cents.
pub(crate) fn example_money(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}
