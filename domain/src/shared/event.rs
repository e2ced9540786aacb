//! Events: facts that are stored together with the change that they report.

use serde::Serialize;
use uuid::Uuid;

/// A fact that other parts of the system, and other systems, may read. Each context declares its events in its
/// `events.rs`. The JSON of the value is the payload.
///
/// A payload carries identifiers, never an e-mail address, a name or a postal address, so that a person can be erased.
/// A published event never changes: a payload with another shape is a new event with the next version in its name.
pub trait Event: Serialize + Described {
    /// The wire name, `context.what_happened.vN`.
    const NAME: &'static str;

    /// The identifier of the aggregate that changed.
    fn aggregate_id(&self) -> Uuid;
}

/// The description of an event, from which documents and schemas are generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventDescription {
    /// The wire name, `context.what_happened.vN`.
    pub name: &'static str,
    /// The meaning of the event, in Markdown.
    pub doc: &'static str,
    /// The field that holds the identifier of the aggregate.
    pub aggregate: &'static str,
    /// The fields of the payload, in the order of their declaration. Every field is always there; see
    /// [`Kind::Optional`] for those that may be `null`.
    pub fields: &'static [Field],
}

/// A field of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name in the JSON.
    pub name: &'static str,
    /// The values that it can have.
    pub kind: Kind,
    /// The meaning of the field, in Markdown.
    pub doc: &'static str,
}

/// The values that a field can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A UUID in its hyphenated form, lower case.
    Id,
    /// A string.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A whole number of at most 64 bits.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A currency code of ISO 4217, three upper-case letters.
    Currency,
    /// An object of `amount`, the whole number of minor units, and `currency`, a [`Kind::Currency`].
    Money,
    /// A time of RFC 3339 in UTC with three decimals.
    Time,
    /// A list of values of this kind.
    List(&'static Kind),
    /// An object with these fields.
    Object(&'static [Field]),
    /// A value of this kind, or `null`.
    Optional(&'static Kind),
}

/// A type that can be a field of an event.
pub trait Described {
    /// The values that it can have, as JSON.
    const KIND: Kind;
}

impl Described for i64 {
    const KIND: Kind = Kind::Integer;
}

impl Described for u32 {
    const KIND: Kind = Kind::Integer;
}

impl Described for String {
    const KIND: Kind = Kind::Text;
}

impl Described for bool {
    const KIND: Kind = Kind::Boolean;
}

impl<T: Described> Described for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);
}

impl<T: Described> Described for Option<T> {
    const KIND: Kind = Kind::Optional(&T::KIND);
}

/// Declares the events of a context and `ALL`, their descriptions. The form without a name declares an object that
/// events contain: `events! { /// Doc. Line { /// Doc. quantity: u32, } }`.
///
/// The doc comments are part of the description.
macro_rules! events {
    ($($(#[doc = $doc:literal])+ $type:ident = $name:literal of $aggregate:ident { $($fields:tt)+ })+) => {
        $(
            $crate::shared::events! { $(#[doc = $doc])+ $type { $($fields)+ } }
            impl $crate::shared::Event for $type {
                const NAME: &'static str = $name;
                fn aggregate_id(&self) -> uuid::Uuid {
                    self.$aggregate.uuid()
                }
            }
        )+
        /// Every event of this context.
        pub const ALL: &[$crate::shared::EventDescription] = &[$($crate::shared::EventDescription {
            name: $name,
            doc: concat!($($doc),+).trim_ascii(),
            aggregate: stringify!($aggregate),
            fields: $type::FIELDS,
        }),+];
    };
    ($(#[doc = $doc:literal])+ $type:ident { $($(#[doc = $about:literal])+ $field:ident: $of:ty),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
        pub struct $type { $($(#[doc = $about])+ pub $field: $of),+ }
        impl $type {
            /// The fields of the JSON.
            pub const FIELDS: &[$crate::shared::Field] = &[$($crate::shared::Field {
                name: stringify!($field),
                kind: <$of as $crate::shared::Described>::KIND,
                doc: concat!($($about),+).trim_ascii(),
            }),+];
        }
        impl $crate::shared::Described for $type {
            const KIND: $crate::shared::Kind = $crate::shared::Kind::Object(Self::FIELDS);
        }
    };
}
pub(crate) use events;

#[cfg(test)]
pub(crate) mod tests;
