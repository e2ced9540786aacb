//! Lists in bodies that keep a limited number of items.

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};

/// Reads a list and keeps its first items, at most `most`. The others are skipped: their values are not read.
///
/// The limit of a list is a rule of its use case. An endpoint that keeps one item more than the rule allows spends no
/// work on the rest, and the use case refuses the list.
///
/// # Errors
/// If the value is not a list, or one of the first items does not fit its type.
pub(crate) fn at_most<'de, T, D>(most: usize, deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(First { most, items: PhantomData })
}

struct First<T> {
    most: usize,
    items: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for First<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The words of serde for a list.
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.most {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(items),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use crate::body::parse;
    use serde::{Deserialize, Deserializer};

    #[derive(Debug, Deserialize)]
    #[serde(transparent)]
    struct Two(#[serde(deserialize_with = "two")] Vec<u8>);

    fn two<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        super::at_most(2, deserializer)
    }

    #[test]
    fn further_items_are_not_read() {
        for (text, items) in [("[]", &[][..]), ("[1]", &[1]), ("[1, 2]", &[1, 2]), ("[1, 2, 300, \"x\"]", &[1, 2])] {
            assert_eq!(parse::<Two>(text.as_bytes()).unwrap().0, items, "{text}");
        }
    }

    #[test]
    fn the_place_of_a_fault_is_named() {
        let problem = parse::<Two>(b"[1, 300]").unwrap_err();
        assert_eq!(problem.errors()[0].pointer.as_deref(), Some("/1"));
        let problem = parse::<Two>(b"7").unwrap_err();
        assert_eq!(problem.errors()[0].detail, "expected a list");
    }
}
