//! Examples of the bodies of the catalog, for the OpenAPI document.

use crate::parts::{EXAMPLE_TIME, Schemas, block, example_money, line};
use serde_json::json;
use skep_application::Policies;
use skep_domain::catalog::{ALT_MAX, DESCRIPTION_MAX, MAX_QUANTITY, MOST_PICTURES, NAME_MAX, Sku, Slug};

/// Adds the rules of the fields that requests have.
fn limit(schemas: &mut Schemas<'_>) {
    let products = ["CreateProductRequest", "ReplaceProductRequest", "ChangeProductRequest"];
    let categories = ["CreateCategoryRequest", "RenameCategoryRequest"];
    schemas.limit(&products, "sku", &json!({ "minLength": 1, "maxLength": Sku::MAX, "pattern": Sku::PATTERN }));
    schemas.limit(&products, "name", &line(NAME_MAX));
    schemas.limit(&products, "description", &block(DESCRIPTION_MAX));
    schemas.limit(&categories, "name", &line(NAME_MAX));
    schemas.limit(&categories, "slug", &json!({ "minLength": 1, "maxLength": Slug::MAX, "pattern": Slug::PATTERN }));
    schemas.limit(&["SetPicturesRequest"], "pictures", &json!({ "maxItems": MOST_PICTURES }));
    let alt = json!({ "maxLength": ALT_MAX, "pattern": r"^[^\x00-\x1f\x7f-\x9f]*$" });
    schemas.limit(&["PictureRequest"], "alt", &alt);
    let pieces = json!({ "minimum": 0, "maximum": MAX_QUANTITY });
    schemas.limit(&["CreateProductRequest"], "stock", &pieces);
    schemas.limit(&["SetStockRequest"], "on_hand", &pieces);
}

pub(super) fn complete(schemas: &mut Schemas<'_>, _: &Policies) {
    limit(schemas);
    let id = "019a9d3c-5a00-7000-8000-000000000001";
    let (path, stock) = (format!("/api/v1/products/{id}"), format!("/api/v1/products/{id}/stock"));
    let (file_id, alt) = ("019a9d3c-5a00-7000-8000-000000000009", "A jar of light honey on a wooden table");
    let content = format!("/api/v1/files/{file_id}/content");
    let url = format!("https://cdn.example{content}");
    let size = json!({ "name": "small", "side": 480, "url": format!("{url}?size=small&side=480") });
    let picture =
        json!({ "file_id": file_id, "alt": alt, "url": url, "sizes": [&size], "links": { "content": content } });
    schemas.example("PictureSize", size);
    let product = json!({
        "id": id, "sku": "HONEY-500", "name": "Linden honey", "description": "500 g", "price": example_money(1999),
        "pictures": [&picture],
        "created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME, "links": { "self": path, "stock": stock },
    });
    schemas.example("Product", product);
    schemas.example("Picture", picture);
    schemas.example("SetPicturesRequest", json!({ "pictures": [{ "file_id": file_id, "alt": alt }] }));
    schemas.example("PictureRequest", json!({ "file_id": file_id, "alt": alt }));
    schemas.example("CreateProductRequest", json!({
        "sku": "HONEY-500", "name": "Linden honey", "description": "500 g", "price": example_money(1999), "stock": 100,
    }));
    schemas.example(
        "ReplaceProductRequest",
        json!({
            "sku": "HONEY-500", "name": "Linden honey, raw", "description": "500 g", "price": example_money(2199),
        }),
    );
    schemas.example("ChangeProductRequest", json!({ "price": { "amount": 1799 } }));
    schemas.example("MoneyChange", json!({ "amount": 1799 }));
    schemas.example("SetStockRequest", json!({ "on_hand": 120 }));
    let (id, parent) = ("019a9d3c-5a00-7000-8000-000000000004", "019a9d3c-5a00-7000-8000-000000000003");
    schemas.example(
        "Category",
        json!({
            "id": id, "name": "Linden honey", "slug": "linden-honey", "parent_id": parent, "created_at": EXAMPLE_TIME,
            "updated_at": EXAMPLE_TIME, "links": { "self": format!("/api/v1/categories/{id}") },
        }),
    );
    schemas.example("CreateCategoryRequest", json!({ "name": "Honey", "slug": "honey" }));
    schemas.example("RenameCategoryRequest", json!({ "name": "Honey and more" }));
    schemas.example("MoveCategoryRequest", json!({ "parent_id": null }));
    schemas.required("MoveCategoryRequest", "parent_id");
    schemas.example("Stock", json!({ "available": 98, "links": { "self": stock } }));
}
