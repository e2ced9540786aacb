//! Parts that the bodies of several contexts share.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use skep_application::catalog::MoneyInput;
use skep_domain::shared::Money;
use std::fmt::{Display, Write as _};

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize, Deserialize)]
#[oai(rename = "Money", deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoneyBody {
    /// The amount in minor units of the currency: cents for EUR, yen for JPY.
    #[oai(validator(minimum(value = "0")))]
    pub(crate) amount: i64,
    /// The currency, three letters of ISO 4217.
    #[oai(validator(pattern = "^[A-Z]{3}$"))]
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

/// Where a resource is.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename = "SelfLink")]
pub(crate) struct SelfLink {
    /// The path of the resource itself.
    #[oai(rename = "self")]
    #[serde(rename = "self")]
    pub(crate) this: String,
}

impl SelfLink {
    pub(crate) fn to(path: String) -> Self {
        Self { this: path }
    }
}

/// The path of a resource below `base`, by id, and what follows it; in one allocation.
pub(crate) fn path_of(base: &str, id: impl Display, rest: &str) -> String {
    /// The characters of an id.
    const ID: usize = 36;
    let mut path = String::with_capacity(base.len() + 1 + ID + rest.len());
    path.push_str(base);
    path.push('/');
    // Writing to a string does not fail.
    let _ = write!(path, "{id}");
    path.push_str(rest);
    path
}
