//! Money: a whole number of minor units and its currency.

use super::{Currency, Described, Kind};
use serde::{Deserialize, Serialize};

/// An amount of money in minor units (cents for EUR, yen for JPY, fils for KWD).
///
/// The amount is a whole number of minor units, so it never has more precision than its currency (M2). Every operation
/// is checked: mixed currencies (M1) and results beyond [`Money::MAX_AMOUNT`] (M3) are errors. Amounts beyond it that an
/// earlier version stored can be read, but nothing is calculated from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    amount: i64,
    currency: Currency,
}

/// Why a calculation with money has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The operands have different currencies.
    #[error("amounts are in different currencies")]
    CurrencyMismatch,
    /// The result is not within [`Money::MAX_AMOUNT`].
    #[error("amount is out of range")]
    Overflow,
    /// No weight is greater than zero, so there is nothing to share by.
    #[error("no weight is greater than zero")]
    NoWeight,
}

impl Money {
    /// The greatest amount, and as a negative number the least: 2^53 - 1. Beyond it, JSON readers that keep numbers as
    /// 64-bit floats lose units (RFC 8259, 6).
    pub const MAX_AMOUNT: i64 = (1 << 53) - 1;

    /// Whether every JSON reader keeps the amount exactly (M3).
    #[must_use]
    pub const fn is_exact(self) -> bool {
        self.amount.unsigned_abs() <= Self::MAX_AMOUNT.unsigned_abs()
    }

    /// `amount` minor units of `currency`. The amount is not checked, because it may have been stored by an earlier
    /// version.
    #[must_use]
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Zero in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The number of minor units.
    #[must_use]
    pub const fn amount(self) -> i64 {
        self.amount
    }

    /// The currency of the amount.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The sum of both amounts.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::Overflow`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.with(other, i64::checked_add)
    }

    /// This amount minus the other.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::Overflow`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.with(other, i64::checked_sub)
    }

    /// This amount `quantity` times.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn times(self, quantity: u32) -> Result<Self, MoneyError> {
        self.result(self.amount.checked_mul(i64::from(quantity)))
    }

    /// Shares this amount in proportion to `weights`, by the method of the largest remainder (M4).
    ///
    /// The parts sum exactly to the amount, each lies within one minor unit of its exact share, a weight of zero gets
    /// nothing, equal remainders go to the earlier weight, and a negative amount mirrors the positive one.
    ///
    /// # Errors
    /// [`MoneyError::NoWeight`] if no weight is greater than zero.
    pub fn allocate(self, weights: &[u32]) -> Result<Vec<Self>, MoneyError> {
        let whole: i128 = weights.iter().map(|w| i128::from(*w)).sum();
        if whole == 0 {
            return Err(MoneyError::NoWeight);
        }
        let (sign, total) = (i128::from(self.amount.signum()), i128::from(self.amount).abs());
        let mut parts: Vec<i128> = weights.iter().map(|w| total * i128::from(*w) / whole).collect();
        let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
        by_remainder.sort_by_key(|&i| std::cmp::Reverse(total * i128::from(weights[i]) % whole));
        // Fewer units are left than there are shares with a remainder, so each gets one at most.
        let left = total - parts.iter().sum::<i128>();
        for &i in by_remainder.iter().take(usize::try_from(left).map_err(|_| MoneyError::Overflow)?) {
            parts[i] += 1;
        }
        let money = |part: i128| i64::try_from(sign * part).map(|amount| Self::new(amount, self.currency));
        parts.into_iter().map(|part| money(part).map_err(|_| MoneyError::Overflow)).collect()
    }

    fn with(self, other: Self, f: impl FnOnce(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        self.result(f(self.amount, other.amount))
    }

    /// The result of a calculation, in the same currency.
    fn result(self, amount: Option<i64>) -> Result<Self, MoneyError> {
        let result = amount.map(|amount| Self::new(amount, self.currency));
        result.filter(|result| result.is_exact()).ok_or(MoneyError::Overflow)
    }
}

impl std::fmt::Display for Money {
    /// `19.99 EUR`, `500 JPY`, `-0.05 EUR`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.currency.exponent() as usize;
        let (sign, amount) = (if self.amount < 0 { "-" } else { "" }, self.amount.unsigned_abs());
        if digits == 0 {
            return write!(f, "{sign}{amount} {}", self.currency);
        }
        let text = format!("{amount:0>width$}", width = digits + 1);
        let (major, minor) = text.split_at(text.len() - digits);
        write!(f, "{sign}{major}.{minor} {}", self.currency)
    }
}

impl Described for Money {
    const KIND: Kind = Kind::Money;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eur(amount: i64) -> Money {
        Money::new(amount, "EUR".parse().unwrap())
    }
    fn jpy(amount: i64) -> Money {
        Money::new(amount, "JPY".parse().unwrap())
    }

    /// All amounts, and often those around the bound.
    fn amounts() -> impl Strategy<Value = i64> {
        let around =
            (-3i64..=3, prop::sample::select(vec![-1, 1])).prop_map(|(by, sign)| sign * Money::MAX_AMOUNT + by);
        prop_oneof![any::<i64>(), around, -1_000i64..1_000]
    }

    #[test]
    fn is_shown_with_the_decimals_of_its_currency() {
        assert_eq!(eur(1999).to_string(), "19.99 EUR");
        assert_eq!(eur(-5).to_string(), "-0.05 EUR");
        assert_eq!(jpy(500).to_string(), "500 JPY");
        assert_eq!(Money::new(1, "KWD".parse().unwrap()).to_string(), "0.001 KWD");
        assert_eq!(eur(i64::MIN).to_string(), "-92233720368547758.08 EUR");
    }

    #[test]
    fn shares_need_a_weight_above_zero() {
        assert_eq!(eur(1).allocate(&[]), Err(MoneyError::NoWeight));
        assert_eq!(eur(1).allocate(&[0, 0]), Err(MoneyError::NoWeight));
    }

    #[test]
    fn the_earlier_of_equal_remainders_gets_the_unit() {
        let parts: Vec<i64> = eur(100).allocate(&[1, 1, 1]).unwrap().iter().map(|m| m.amount()).collect();
        assert_eq!(parts, [34, 33, 33]);
    }

    proptest! {
        /// M1
        #[test]
        fn other_currencies_never_mix(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(eur(a).plus(jpy(b)), Err(MoneyError::CurrencyMismatch));
            prop_assert_eq!(eur(a).minus(jpy(b)), Err(MoneyError::CurrencyMismatch));
        }

        /// M3: the result of a calculation is the same number after it went through a 64-bit float.
        #[test]
        fn every_json_reader_keeps_a_result(a in amounts(), b in amounts(), n in 0u32..1_000) {
            for result in [eur(a).plus(eur(b)), eur(a).minus(eur(b)), eur(a).times(n)].into_iter().flatten() {
                #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the loss is the question")]
                let read = result.amount() as f64 as i64;
                prop_assert_eq!(read, result.amount());
                prop_assert!(result.is_exact());
            }
        }

        /// M2: the text has exactly as many decimals as the currency, and its digits are the amount.
        #[test]
        fn precision_is_that_of_the_currency(amount in any::<i64>(), code in prop::sample::select(vec!["JPY", "EUR", "KWD"])) {
            let money = Money::new(amount, code.parse().unwrap());
            let shown = money.to_string();
            let number = shown.strip_suffix(&format!(" {code}")).unwrap();
            let decimals = number.split_once('.').map_or(0, |(_, d)| d.len());
            prop_assert_eq!(decimals, money.currency().exponent() as usize);
            prop_assert_eq!(number.replace('.', "").parse::<i64>().unwrap(), amount);
        }

        /// M3
        #[test]
        fn overflow_is_an_error(a in amounts(), b in amounts(), n in prop_oneof![0u32..4, any::<u32>()]) {
            let exact = |amount: i128| {
                let is_exact = amount.abs() <= i128::from(Money::MAX_AMOUNT);
                is_exact.then(|| eur(i64::try_from(amount).unwrap()))
            };
            let (x, y) = (i128::from(a), i128::from(b));
            prop_assert_eq!(eur(a).plus(eur(b)).ok(), exact(x + y));
            prop_assert_eq!(eur(a).minus(eur(b)).ok(), exact(x - y));
            prop_assert_eq!(eur(a).times(n).ok(), exact(x * i128::from(n)));
        }

        /// M4
        #[test]
        fn shares_sum_exactly_and_are_fair(total in any::<i64>(), weights in prop::collection::vec(prop_oneof![Just(0u32), any::<u32>()], 1..12)) {
            prop_assume!(weights.iter().any(|w| *w > 0));
            prop_assume!(total != i64::MIN);
            let whole: i128 = weights.iter().map(|w| i128::from(*w)).sum();
            let parts = eur(total).allocate(&weights).unwrap();
            prop_assert_eq!(parts.iter().map(|p| i128::from(p.amount())).sum::<i128>(), i128::from(total));
            for (part, weight) in parts.iter().zip(&weights) {
                // |part - exact share| < 1, multiplied by the whole weight
                let distance = (i128::from(part.amount()) * whole - i128::from(total) * i128::from(*weight)).abs();
                prop_assert!(distance < whole, "{:?} of {}", part, weight);
                if *weight == 0 {
                    prop_assert_eq!(part.amount(), 0);
                }
            }
            let mirrored: Vec<i64> = eur(-total).allocate(&weights).unwrap().iter().map(|p| -p.amount()).collect();
            prop_assert_eq!(mirrored, parts.iter().map(|p| p.amount()).collect::<Vec<_>>());
        }

        /// M4: the shares of equal weights never grow from left to right, and differ by one unit at most.
        #[test]
        fn equal_weights_are_stable(total in 0i64..1_000_000_000, weight in 1u32.., n in 1usize..10) {
            let parts: Vec<i64> = eur(total).allocate(&vec![weight; n]).unwrap().iter().map(|p| p.amount()).collect();
            prop_assert!(parts.windows(2).all(|w| w[0] == w[1] || w[0] == w[1] + 1));
            prop_assert!(parts[0] - parts[n - 1] <= 1);
        }
    }
}
