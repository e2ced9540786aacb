//! Ids as callers write them, in paths and in bodies.

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::Value;
use std::{borrow::Cow, fmt::Display, str::FromStr};

/// The nil id. No resource has it.
const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// An id as a caller sends it. A text that is not an id becomes the nil id, so it gets the same authorization check and
/// the same answer as an unknown id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr> FromStr for Id<T> {
    type Err = T::Err;

    /// Never fails if `T` has a nil id.
    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.parse().or_else(|_| NIL.parse()).map(Self)
    }
}

impl<T: Send + Sync> Type for Id<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_uuid".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "uuid")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: FromStr<Err: Display> + Send + Sync> ParseFromParameter for Id<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map_err(ParseError::custom)
    }
}

impl<T: FromStr<Err: Display> + Send + Sync> ParseFromJSON for Id<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            Value::String(text) => Self::parse_from_parameter(&text),
            value => Err(ParseError::expected_type(value)),
        }
    }
}

impl<T: Serialize + Send + Sync> ToJSON for Id<T> {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(&self.0).ok()
    }
}

impl<T: Serialize> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_domain::shared::ProductId;

    const TEXT: &str = "019a9d3c-5a00-7000-8000-000000000001";

    #[test]
    fn an_id_is_read_and_written_as_it_is() {
        let id: Id<ProductId> = serde_json::from_value(TEXT.into()).unwrap();
        assert_eq!(id.0.to_string(), TEXT);
        assert_eq!((id.to_json(), serde_json::to_value(id).unwrap()), (Some(TEXT.into()), TEXT.into()));
    }

    #[test]
    fn a_text_that_is_not_an_id_is_read_as_the_nil_id() {
        for text in ["", "nope", "019a9d3c5a0070008000000000000001", &TEXT[1..]] {
            assert_eq!(text.parse(), Ok(Id(ProductId::NIL)), "{text}");
            assert_eq!(Id::<ProductId>::parse_from_parameter(text).unwrap().0, ProductId::NIL, "{text}");
            assert_eq!(serde_json::from_value::<Id<ProductId>>(text.into()).unwrap().0, ProductId::NIL, "{text}");
        }
    }

    #[test]
    fn a_value_that_is_not_a_text_is_refused() {
        for value in [Value::Null, 1.into(), true.into(), Value::Array(vec![])] {
            assert!(serde_json::from_value::<Id<ProductId>>(value.clone()).is_err(), "{value}");
            assert!(Id::<ProductId>::parse_from_json(Some(value.clone())).is_err(), "{value}");
        }
    }
}
