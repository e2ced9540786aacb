//! Examples of the bodies of identity, and the values of closed sets, for the OpenAPI document.

use crate::parts::{EXAMPLE_TIME, Schemas};
use serde_json::json;
use skep_domain::access::Role;

pub(super) fn complete(schemas: &mut Schemas<'_>) {
    schemas.values("User", "roles", [Role::Admin.name(), Role::User.name()]);
    schemas.values("AccessToken", "token_type", ["Bearer"]);
    let (email, password) = ("ada@example.com", "bees build hexagons");
    schemas.example("RegisterRequest", json!({ "email": email, "password": password, "display_name": "Ada" }));
    schemas.example("LogInRequest", json!({ "email": email, "password": password }));
    schemas.example(
        "SetUpRequest",
        json!({
            "token": "printed-at-the-first-start", "email": "grace@example.com", "password": "honey never spoils",
            "display_name": "Grace",
        }),
    );
    let user = json!({
        "id": "019a9d3c-5a00-7000-8000-000000000003", "email": email, "display_name": "Ada",
        "roles": ["user"], "created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME,
        "links": { "self": "/api/v1/users/me" },
    });
    schemas.example("User", user);
    let token = "eyJhbGciOiJFZERTQSJ9.e30.c2ln";
    schemas.example("AccessToken", json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }));
}
