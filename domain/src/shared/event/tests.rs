//! Payloads match their descriptions.

#![expect(unreachable_pub, reason = "the macro declares what a context publishes")]

use super::*;
use serde_json::{Value, json};
use std::fmt::Debug;

/// Whether the JSON is of this kind, and has no field that is not described.
fn fits(kind: Kind, json: &Value) -> bool {
    let text = |good: fn(&str) -> bool| json.as_str().is_some_and(good);
    match kind {
        Kind::Id => text(|text| Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text)),
        Kind::Text => json.is_string(),
        Kind::OneOf(names) => json.as_str().is_some_and(|text| names.contains(&text)),
        Kind::Integer => json.is_i64(),
        Kind::Boolean => json.is_boolean(),
        Kind::Currency => text(|text| text.parse::<crate::shared::Currency>().is_ok()),
        Kind::Money => fits(Kind::Object(MONEY), json),
        Kind::Time => text(|text| text.parse::<crate::shared::Timestamp>().is_ok()),
        Kind::List(of) => json.as_array().is_some_and(|list| list.iter().all(|json| fits(*of, json))),
        Kind::Optional(of) => json.is_null() || fits(*of, json),
        Kind::Object(fields) => json.as_object().is_some_and(|object| {
            let described = |field: &Field| object.get(field.name).is_some_and(|json| fits(field.kind, json));
            object.len() == fields.len() && fields.iter().all(described)
        }),
    }
}

const MONEY: &[Field] = &[
    Field { name: "amount", kind: Kind::Integer, doc: "" },
    Field { name: "currency", kind: Kind::Currency, doc: "" },
];

/// Asserts that the event's payload is this JSON and matches the event's description.
pub(crate) fn assert_payload<E: Event + Debug>(event: &E, aggregate_id: Uuid, payload: &Value) {
    assert_eq!((serde_json::to_value(event).unwrap(), event.aggregate_id()), (payload.clone(), aggregate_id));
    assert!(fits(E::KIND, payload), "{payload} does not match the description of {}", E::NAME);
    let described = crate::events().find(|described| described.name == E::NAME).unwrap();
    assert_eq!(E::KIND, Kind::Object(described.fields));
    let id = &payload[described.aggregate];
    assert_eq!(*id, json!(aggregate_id), "{} is the id of the aggregate", described.aggregate);
}

const BEES: Field = Field { name: "bees", kind: Kind::Optional(&Kind::Integer), doc: "The number of bees." };

events! {
    /// A cell of a comb.
    Cell {
        /// The number of bees.
        bees: Option<i64>,
    }
}

events! {
    /// A hive was
    /// counted.
    HiveCounted = "bees.hive_counted.v1" of hive_id {
        /// The counted hive.
        hive_id: crate::shared::EventId,
        /// When
        /// it was counted.
        at: crate::shared::Timestamp,
        /// Whether it hums.
        hums: bool,
        /// The cells that were counted.
        cells: Vec<Cell>,
    }
}

#[test]
fn an_event_is_described_by_its_declaration() {
    let [hive] = ALL else { panic!("one event") };
    assert_eq!((hive.name, hive.doc, hive.aggregate), ("bees.hive_counted.v1", "A hive was counted.", "hive_id"));
    let kinds: Vec<Kind> = hive.fields.iter().map(|field| field.kind).collect();
    assert_eq!(kinds, [Kind::Id, Kind::Time, Kind::Boolean, Kind::List(&Kind::Object(&[BEES]))]);
    assert_eq!(hive.fields[1].doc, "When it was counted.");
}

#[test]
fn a_payload_that_differs_from_its_description_is_caught() {
    let id = "00000000-0000-0000-0000-000000000001";
    let good = json!({ "hive_id": id, "at": "2026-11-21T09:30:00.000Z", "hums": true, "cells": [{ "bees": null }] });
    assert!(fits(HiveCounted::KIND, &good));
    let bad = [("hive_id", json!(1)), ("at", json!("now")), ("hums", json!(null)), ("cells", json!([{}]))];
    for (field, value) in bad.into_iter().chain([("more", json!(1))]) {
        let mut payload = good.clone();
        payload[field] = value;
        assert!(!fits(HiveCounted::KIND, &payload), "{payload}");
    }
    assert!(fits(Kind::Money, &json!({ "amount": 1, "currency": "EUR" })));
    assert!(!fits(Kind::Money, &json!({ "amount": 1, "currency": "eur" })));
    assert!(!fits(Kind::OneOf(&["a"]), &json!("b")));
}
