//! Examples of the bodies of identity, and the values of closed sets, for the OpenAPI document.

use crate::parts::{EXAMPLE_TIME, Schemas, any_text, line};
use serde_json::json;
use skep_application::{Policies, identity::ExportState};
use skep_domain::{
    access::{BuiltInRole, Group, OwnRole, RoleName},
    actions,
    identity::{AccountState, DISPLAY_NAME_MAX, PasswordPolicy, SessionKind},
    shared::Email,
};

/// Adds the rules of the fields that requests have.
fn limit(schemas: &mut Schemas<'_>, passwords: PasswordPolicy) {
    let accounts = ["RegisterRequest", "SetUpRequest"];
    let addresses = ["RegisterRequest", "SetUpRequest", "LinkRequest", "ChangeEmailRequest", "InviteUserRequest"];
    schemas.limit(&addresses, "email", &json!({ "maxLength": Email::MAX_BYTES, "pattern": Email::PATTERN }));
    schemas.limit(&accounts, "password", &any_text());
    let (min, max) = (passwords.min_chars(), PasswordPolicy::MAX_CHARS);
    schemas.limit(&accounts, "password", &json!({ "minLength": min, "maxLength": max }));
    schemas.limit(&accounts, "display_name", &line(DISPLAY_NAME_MAX));
    schemas.limit(&["ChangeUserRequest", "InviteUserRequest"], "display_name", &line(DISPLAY_NAME_MAX));
    schemas.limit(&["SetUpRequest"], "token", &any_text());
    schemas.limit(&["LogInRequest"], "email", &any_text());
    schemas.limit(&["LogInRequest"], "password", &any_text());
    schemas.limit(&["ResetPasswordRequest"], "token", &any_text());
    schemas.limit(&["ResetPasswordRequest"], "password", &any_text());
    schemas.limit(&["ResetPasswordRequest"], "password", &json!({ "minLength": min, "maxLength": max }));
    schemas.limit(&["VerifyEmailRequest"], "token", &any_text());
    schemas.limit(&["VerifyEmailRequest"], "password", &any_text());
    schemas.limit(&["ConfirmEmailRequest"], "token", &any_text());
    schemas.limit(&["ConfirmEmailRequest"], "password", &any_text());
    schemas.limit(&["RestoreEmailRequest"], "token", &any_text());
    schemas.limit(&["ChangeEmailRequest"], "current_password", &any_text());
    schemas.limit(&["DeleteAccountRequest"], "current_password", &any_text());
    schemas.limit(&["RefreshRequest"], "refresh_token", &any_text());
    schemas.limit(&["ChangePasswordRequest"], "current_password", &any_text());
    schemas.limit(&["ChangePasswordRequest"], "new_password", &any_text());
    schemas.limit(&["ChangePasswordRequest"], "new_password", &json!({ "minLength": min, "maxLength": max }));
}

/// Describes permissions and roles.
fn roles(schemas: &mut Schemas<'_>) {
    let name = json!({ "minLength": 1, "maxLength": RoleName::MAX, "pattern": RoleName::PATTERN });
    schemas.limit(&["CreateRoleRequest"], "name", &name);
    let mut of_list = name;
    of_list["type"] = "string".into();
    let lists = ["InviteUserRequest", "SetRolesRequest", "CreateGroupRequest", "ChangeGroupRequest"];
    schemas.limit(&lists, "roles", &json!({ "items": of_list }));
    let changes = ["CreateRoleRequest", "ChangeRoleRequest"];
    schemas.limit(&changes, "description", &line(OwnRole::DESCRIPTION_MAX));
    schemas.limit(&changes, "permissions", &json!({ "maxItems": OwnRole::MOST_PERMISSIONS }));
    for schema in changes {
        let permissions = actions().filter(|action| action.is_permission()).map(|action| action.name());
        schemas.values(schema, "permissions", permissions);
    }
    schemas.values("Permission", "roles", BuiltInRole::NAMES.iter().copied());
    schemas.example("Permission", json!({ "name": "catalog.product.manage", "roles": ["admin", "manager", "editor"] }));
    let (description, permissions) = ("Leads a shift.", ["catalog.stock.manage", "ordering.order.read"]);
    schemas.example(
        "Role",
        json!({
            "name": "shift-lead", "built_in": false, "description": description, "permissions": permissions,
            "created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME, "links": { "self": "/api/v1/roles/shift-lead" },
        }),
    );
    schemas.example(
        "CreateRoleRequest",
        json!({ "name": "shift-lead", "description": description, "permissions": permissions }),
    );
    schemas.example("ChangeRoleRequest", json!({ "permissions": ["catalog.stock.manage"] }));
}

/// Describes groups.
fn groups(schemas: &mut Schemas<'_>) {
    let changes = ["CreateGroupRequest", "ChangeGroupRequest"];
    schemas.limit(&changes, "name", &line(Group::NAME_MAX));
    schemas.limit(&changes, "description", &line(Group::DESCRIPTION_MAX));
    schemas.limit(&changes, "roles", &json!({ "maxItems": Group::MOST_ROLES }));
    schemas.limit(&["ChangeGroupRequest"], "parent_id", &json!({ "nullable": true }));
    let (id, parent) = ("019a9d3c-5a00-7000-8000-000000000011", "019a9d3c-5a00-7000-8000-000000000012");
    let (name, description) = ("Night shift", "The people who work at night.");
    schemas.example(
        "Group",
        json!({
            "id": id, "name": name, "description": description, "roles": ["editor"],
            "effective_roles": ["editor", "shift-lead"], "parent_id": parent, "created_at": EXAMPLE_TIME,
            "updated_at": EXAMPLE_TIME, "links": { "self": format!("/api/v1/groups/{id}") },
        }),
    );
    let created = json!({ "name": name, "description": description, "roles": ["editor"], "parent_id": null });
    schemas.example("CreateGroupRequest", created);
    schemas.example("ChangeGroupRequest", json!({ "roles": ["editor", "viewer"] }));
}

pub(super) fn complete(schemas: &mut Schemas<'_>, policies: &Policies) {
    limit(schemas, policies.passwords);
    roles(schemas);
    groups(schemas);
    schemas.values("Account", "state", AccountState::NAMES.iter().copied());
    schemas.values("AccessToken", "token_type", ["Bearer"]);
    schemas.values("AccessToken", "status", ["complete"]);
    schemas.values("CookieSession", "status", ["complete"]);
    schemas.values("LogInRequest", "session", SessionKind::NAMES.iter().copied());
    schemas.values("Session", "kind", SessionKind::NAMES.iter().copied());
    let (email, password) = ("ada@example.com", "bees build hexagons");
    schemas.example("RegisterRequest", json!({ "email": email, "password": password, "display_name": "Ada" }));
    schemas.example("LogInRequest", json!({ "email": email, "password": password }));
    schemas.example(
        "ChangePasswordRequest",
        json!({ "current_password": "seven tall sunflowers", "new_password": password }),
    );
    let token = format!("skep_link_{}", "0123456789abcdef".repeat(6));
    schemas.example("LinkRequest", json!({ "email": email }));
    schemas.example("ResetPasswordRequest", json!({ "token": token, "password": password }));
    schemas.example("VerifyEmailRequest", json!({ "token": token, "password": password }));
    schemas.example("ConfirmEmailRequest", json!({ "token": token, "password": password }));
    schemas.example("RestoreEmailRequest", json!({ "token": token }));
    schemas.example("ChangeEmailRequest", json!({ "email": "ada@example.org", "current_password": password }));
    schemas.example("DeleteAccountRequest", json!({ "current_password": password }));
    schemas.example("AccountDeletion", json!({ "erase_at": "2027-01-04T09:30:00.000Z" }));
    schemas.values("Export", "state", ExportState::NAMES.iter().copied());
    let export_id = "019a9d3c-5a00-7000-8000-000000000007";
    schemas.example(
        "Export",
        json!({
            "id": export_id, "state": "ready", "created_at": EXAMPLE_TIME,
            "file_id": "019a9d3c-5a00-7000-8000-000000000008", "expires_at": "2026-11-28T09:30:00.000Z",
            "links": { "self": format!("/api/v1/users/me/export/{export_id}") },
        }),
    );
    schemas.example(
        "SetUpRequest",
        json!({
            "token": "printed-at-the-first-start", "email": "grace@example.com", "password": "honey never spoils",
            "display_name": "Grace",
        }),
    );
    let user = json!({
        "id": "019a9d3c-5a00-7000-8000-000000000003", "email": email, "email_verified": true,
        "display_name": "Ada", "roles": ["user"], "groups": [], "created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME,
        "links": { "self": "/api/v1/users/me" },
    });
    schemas.example("User", user);
    let account = json!({
        "id": "019a9d3c-5a00-7000-8000-000000000003", "email": email, "email_verified": true,
        "display_name": "Ada", "roles": ["user"], "groups": [], "state": "active", "created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME,
        "links": { "self": "/api/v1/users/019a9d3c-5a00-7000-8000-000000000003" },
    });
    schemas.example("Account", account);
    schemas.example("ChangeUserRequest", json!({ "display_name": "Ada Lovelace" }));
    let invited = json!({ "email": "bea@example.com", "display_name": "Bea", "roles": ["editor"] });
    schemas.example("InviteUserRequest", invited);
    schemas.example("SetRolesRequest", json!({ "roles": ["admin", "user"] }));
    let session = json!({
        "id": "019a9d3c-5a00-7000-8000-000000000004", "current": true, "kind": "token", "device": "Mozilla/5.0 (X11; Linux x86_64)",
        "network": "192.0.2.1", "created_at": EXAMPLE_TIME, "last_used_at": EXAMPLE_TIME,
        "expires_at": "2026-12-05T09:30:00.000Z",
    });
    schemas.example("Session", session);
    let token = "eyJhbGciOiJFZERTQSJ9.e30.c2ln";
    let refresh_token = format!("skep_rt_{}", "0123456789abcdef".repeat(8));
    schemas.example("RefreshRequest", json!({ "refresh_token": refresh_token }));
    let tokens = json!({
        "status": "complete", "access_token": token, "token_type": "Bearer", "expires_in": 600,
        "refresh_token": refresh_token, "refresh_expires_in": 1_209_600,
    });
    schemas.example("AccessToken", tokens.clone());
    schemas.example("NewSession", tokens);
    let csrf_token = format!("skep_csrf_{}", "0123456789abcdef".repeat(4));
    let cookie = json!({
        "status": "complete", "csrf_token": csrf_token, "expires_in": 1800, "session_expires_in": 43_200,
    });
    schemas.example("CookieSession", cookie);
    schemas.example("CsrfToken", json!({ "csrf_token": csrf_token }));
}
