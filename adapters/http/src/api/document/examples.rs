//! Examples of bodies that no context owns. The others are in the `document.rs` of their context.

use super::name_of;
use crate::parts::{Schemas, example_money};
use serde_json::{Value, json};
use skep_domain::shared::{Currency, Money};

pub(super) fn add(document: &mut Value) {
    let pages: Vec<(String, Value)> = lists(document).collect();
    let mut schemas = Schemas(&mut document["components"]["schemas"]);
    schemas.example("Money", example_money(1999));
    let money = ["Money", "MoneyChange"];
    schemas.limit(&money, "amount", &json!({ "minimum": 0, "maximum": Money::MAX_AMOUNT }));
    let codes: Vec<&str> = Currency::all().map(Currency::code).collect();
    schemas.limit(&money, "currency", &json!({ "enum": codes }));
    for (name, page) in pages {
        schemas.example(&name, page);
    }
}

/// The name of the schema of each list, with an example: a last page with one item.
fn lists(document: &Value) -> impl Iterator<Item = (String, Value)> {
    let schemas = &document["components"]["schemas"];
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.filter_map(|(path, item)| {
        let name = name_of(&item["get"]["responses"]["200"]["content"]["application/json"]["schema"])?;
        // Without it, the context has an example.
        schemas[&name]["properties"].get("page")?;
        let shown = name_of(&schemas[&name]["properties"]["data"]["items"])?;
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        let has_pages = parameters.into_iter().any(|parameter| parameter["name"] == "limit");
        let query = if has_pages { "?limit=20&sort=-created_at" } else { "" };
        let links = json!({ "self": format!("{path}{query}") });
        let page = json!({ "data": [schemas[shown]["example"]], "page": { "has_more": false }, "links": links });
        Some((name, page))
    })
}
