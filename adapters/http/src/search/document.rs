//! Examples of the bodies of search, for the OpenAPI document.

use crate::parts::Schemas;
use serde_json::json;
use skep_application::Policies;

pub(super) fn complete(schemas: &mut Schemas<'_>, _: &Policies) {
    let id = "019a9d3c-5a00-7000-8000-000000000001";
    let path = format!("/api/v1/products/{id}");
    let found = json!({ "type": "product", "id": id, "title": "Linden honey", "links": { "self": path } });
    schemas.example("SearchResult", found);
    let parts = json!([{ "text": "Linden ", "is_match": false }, { "text": "honey", "is_match": true }]);
    schemas.example("HighlightPart", parts[1].clone());
    schemas.example("Highlight", json!({ "field": "name", "parts": parts }));
    let correction = json!({ "word": "hoeny", "taken_for": ["honey"] });
    let value = json!({ "value": "EUR", "count": 12 });
    let facet = json!({ "name": "currency", "values": [&value], "is_exact": true, "has_more": false });
    schemas.example("SearchFacts", json!({ "is_complete": true, "corrections": [&correction], "facets": [&facet] }));
    schemas.example("Correction", correction);
    schemas.example("FacetCounts", facet);
    schemas.example("FacetValue", value);
}
