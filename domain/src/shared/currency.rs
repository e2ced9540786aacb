//! Currencies of ISO 4217.

use super::{Described, Kind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A currency of ISO 4217 that has minor units. Funds, metals and test codes have none and are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// The text is not an upper-case code of a currency with minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a currency code of iso 4217")]
pub struct UnknownCurrency;

impl Currency {
    /// Every currency, in the order of the codes.
    pub fn all() -> impl Iterator<Item = Self> {
        let letters = || 'A'..='Z';
        let codes = letters().flat_map(move |a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
        codes.filter_map(|code| String::from_iter(code).parse().ok())
    }

    /// The three letters, upper case.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The number of decimals of an amount: 0 for JPY, 2 for EUR, 3 for KWD.
    #[must_use]
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

impl std::str::FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        let upper = code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
        let currency = iso_currency::Currency::from_code(code).filter(|_| upper).ok_or(UnknownCurrency)?;
        currency.exponent().map(|_| Self(currency)).ok_or(UnknownCurrency)
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Described for Currency {
    const KIND: Kind = Kind::Currency;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_follow_iso_4217() {
        for (code, exponent) in [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)] {
            assert_eq!(code.parse::<Currency>().map(Currency::exponent), Ok(exponent), "{code}");
        }
    }

    #[test]
    fn every_currency_is_listed_once_in_the_order_of_the_codes() {
        let codes: Vec<&str> = Currency::all().map(Currency::code).collect();
        assert!(codes.len() > 150 && codes.is_sorted_by(|a, b| a < b), "{codes:?}");
        assert!(["EUR", "JPY", "KWD"].iter().all(|code| codes.contains(code)) && !codes.contains(&"XXX"));
    }

    #[test]
    fn codes_without_minor_units_and_other_spellings_are_refused() {
        for code in ["eur", "EURO", "XXX", "XAU", "", "ABC", "€€€"] {
            assert_eq!(code.parse::<Currency>(), Err(UnknownCurrency), "{code}");
        }
    }
}
