//! The order number that people use.

use crate::shared::string_type;

/// Crockford's base 32. It has no I, L, O and U, so that a number can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

string_type! {
    /// The unique order number that people use: 12 characters of Crockford's base 32 (60 random bits).
    OrderNumber
}

/// The text is not an order number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an order number")]
pub struct InvalidOrderNumber;

impl OrderNumber {
    /// The number of characters.
    pub const LEN: usize = 12;

    /// Encodes the lowest 60 bits of `bits`, which should be random.
    #[must_use]
    pub fn from_random(bits: u64) -> Self {
        let digit = |i: usize| char::from(ALPHABET[((bits >> (5 * i)) & 31) as usize]);
        Self((0..Self::LEN).rev().map(digit).collect())
    }

    /// Reads a number as a person may type it: any case, `I` and `L` for 1, `O` for 0, hyphens anywhere.
    ///
    /// # Errors
    /// [`InvalidOrderNumber`].
    pub fn parse(text: &str) -> Result<Self, InvalidOrderNumber> {
        let read = |c: char| match c.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            c => c,
        };
        let number: String = text.chars().filter(|c| *c != '-').map(read).collect();
        let known = number.bytes().all(|b| ALPHABET.contains(&b));
        if number.len() == Self::LEN && known { Ok(Self(number)) } else { Err(InvalidOrderNumber) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_read_as_people_write_it() {
        let number = OrderNumber::parse("0123-4567-89AB").unwrap();
        assert_eq!(OrderNumber::parse("oi23456789ab"), Ok(number.clone()));
        assert_eq!(OrderNumber::parse("OL23456789AB"), Ok(number));
        assert_eq!(OrderNumber::parse("0123"), Err(InvalidOrderNumber));
        assert_eq!(OrderNumber::parse("U12345678901"), Err(InvalidOrderNumber));
    }

    proptest! {
        #[test]
        fn every_sixty_bits_have_their_own_number(a in 0u64..1 << 60, b in 0u64..1 << 60) {
            prop_assert_eq!(a == b, OrderNumber::from_random(a) == OrderNumber::from_random(b));
            let number = OrderNumber::from_random(a);
            prop_assert_eq!(OrderNumber::parse(number.as_str()), Ok(number));
        }
    }
}
