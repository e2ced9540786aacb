//! Permissions and roles: those that come with Skep, and those that the deployment defines.

use super::{Context, Thing};
use crate::{
    Journey, Needs,
    scene::unique,
    shop::{PRODUCTS, PROFILE, Shop, all},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Store};

const ROLES: &str = "/api/v1/roles";
const PERMISSIONS: &str = "/api/v1/permissions";
const USERS: &str = "/api/v1/users";
const JOBS: &str = "/api/v1/jobs";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::roles", roles_are_defined_given_and_deleted),
        Journey::new("slice::roles_instances", a_changed_role_counts_on_every_instance_at_once).needing(Needs::Server),
    ],
    things: &[Thing {
        collection: ROLES,
        parts: &[],
        is_busy: false,
        make: |shop, _, _| {
            let name = unique("role");
            create(&shop.admin, &name, &["catalog.stock.manage"]).expect(201);
            name
        },
    }],
    unique: &[],
    bodies: &[(
        "create_role",
        |_| json!({ "name": unique("role"), "description": "Leads a shift.", "permissions": ["catalog.stock.manage"] }),
    )],
};

fn path(role: &str) -> String {
    format!("{ROLES}/{role}")
}

fn create(admin: &Client, name: &str, permissions: &[&str]) -> Answer {
    admin.post(ROLES).json(json!({ "name": name, "description": "A role", "permissions": permissions })).send()
}

#[track_caller]
fn permit(admin: &Client, role: &str, permissions: &[&str]) -> Answer {
    admin.patch(path(role)).if_match("*").json(json!({ "permissions": permissions })).send()
}

#[track_caller]
fn give(admin: &Client, id: &str, roles: &[&str]) -> Answer {
    admin.put(format!("{USERS}/{id}/roles")).if_match("*").json(json!({ "roles": roles })).send()
}

fn roles_are_defined_given_and_deleted(store: &Store) {
    let shop = Shop::open(store);
    let admin = &shop.admin;
    let ada = shop.user("ada");
    let id = ada.get(PROFILE).send().expect(200).text("/id");
    for list in [ROLES, PERMISSIONS] {
        ada.get(list).send().refused(403, "forbidden");
        shop.server.visitor().get(list).send().refused(401, "unauthenticated");
    }
    let permissions = all(admin, PERMISSIONS);
    let stock = permissions.iter().find(|one| one["name"] == "catalog.stock.manage").expect("the permission");
    assert_eq!(stock["roles"], json!(["admin", "manager"]));
    let built_in = all(admin, ROLES);
    assert_eq!((built_in[0]["name"].as_str(), built_in.len()), (Some("admin"), 8));
    assert_eq!(built_in[0]["permissions"].as_array().map(Vec::len), Some(permissions.len()), "the admin has all");

    // Built-in roles: each counts from the next request on.
    give(admin, &id, &["auditor"]).expect(200);
    for list in [ROLES, USERS, JOBS] {
        ada.get(list).send().expect(200);
    }
    let product = json!({ "sku": unique("sku"), "name": "Honey", "description": "", "price": { "amount": 1, "currency": "EUR" } });
    ada.post(PRODUCTS).json(product.clone()).send().refused(403, "forbidden");
    give(&ada, &id, &["admin"]).refused(403, "forbidden");
    give(admin, &id, &["editor"]).expect(200);
    ada.post(PRODUCTS).json(product).send().expect(201);
    ada.get(USERS).send().refused(403, "forbidden");
    for role in ["admin", "user"] {
        create(admin, role, &[]).refused(409, "role_name_taken");
        permit(admin, role, &[]).refused(409, "role_is_built_in");
        admin.delete(path(role)).send().refused(409, "role_is_built_in");
    }

    // A role of the deployment.
    let created = create(admin, "people", &["identity.user.read", "identity.user.manage"]).expect(201);
    assert_eq!(created.json(), admin.get(path("people")).send().expect(200).json());
    assert_eq!((created.json()["built_in"].as_bool(), created.etag()), (Some(false), "\"1\"".to_owned()));
    create(admin, "people", &[]).refused(409, "role_name_taken");
    create(admin, "Boss", &[]).refused(422, "validation_failed").at("/name", "invalid_value");
    create(admin, "boss", &["a.b.c"]).refused(422, "validation_failed").at("/permissions/0", "unknown_permission");
    give(admin, &id, &["people"]).expect(200);
    assert_eq!(all(admin, &format!("{USERS}?role=people")).len(), 1);
    ada.get(USERS).send().expect(200);
    ada.get(JOBS).send().refused(403, "forbidden");
    // It passes on only what it has.
    create(admin, "reader", &["identity.user.read"]).expect(201);
    give(&ada, &id, &["people", "reader"]).expect(200);
    give(&ada, &id, &["people", "viewer"]).refused(403, "role_not_held");
    give(&ada, &id, &["people", "admin"]).refused(403, "role_not_held");
    permit(&ada, "people", &[]).refused(403, "forbidden");
    // It does not manage an account that may do more.
    let boss = admin.get("/api/v1/users/me").send().expect(200).text("/id");
    for action in ["disable", "enable"] {
        ada.post(format!("{USERS}/{boss}/{action}")).send().refused(403, "stronger_account");
    }
    ada.delete(format!("{USERS}/{boss}/sessions")).send().refused(403, "stronger_account");

    give(admin, &id, &["people"]).expect(200);
    permit(admin, "people", &["identity.user.manage", "identity.role.manage"]).expect(200);
    permit(&ada, "reader", &[]).refused(403, "permission_not_held");
    create(&ada, "above", &["catalog.stock.manage"]).refused(403, "permission_not_held");
    create(&ada, "below", &["identity.role.manage"]).expect(201);
    permit(admin, "people", &[]).expect(200);
    create(&ada, "later", &[]).refused(403, "forbidden");

    let stale = admin.patch(path("people")).if_match("\"1\"").json(json!({ "description": "x" })).send();
    stale.refused(412, "precondition_failed");
    admin.patch(path("people")).json(json!({ "description": "x" })).send().refused(428, "precondition_required");
    let refused = admin.delete(path("people")).send().refused(409, "role_in_use");
    assert!(refused.text("/detail").contains("have the role is 1;"), "{}", refused.text("/detail"));
    give(admin, &id, &[]).expect(200);
    admin.delete(path("people")).send().expect(204);
    admin.get(path("people")).send().refused(404, "not_found");
    give(admin, &id, &["people"]).refused(422, "validation_failed").at("/roles/0", "unknown_role");

    operated(&shop, &ada, &id);
    shop.server.stop();
}

/// The same on the command line, beside the server.
fn operated(shop: &Shop, ada: &Client, id: &str) {
    let role = |arguments: &[&str]| shop.deployment.run(&[&["role"], arguments].concat(), "", &[]);
    let permissions = role(&["permissions"]).ok();
    assert!(permissions.contains("jobs.job.read"), "{permissions}");
    role(&["create", "operator", "--description", "Sees jobs", "--permission", "jobs.job.read"]).ok();
    let shown: Value = serde_json::from_str(&role(&["show", "operator"]).ok()).expect("JSON");
    assert_eq!(shown["permissions"], json!(["jobs.job.read"]));
    shop.deployment.run(&["user", "roles", id, "operator"], "", &[]).ok();
    ada.get(JOBS).send().expect(200);
    role(&["change", "operator", "--no-permissions"]).ok();
    ada.get(JOBS).send().refused(403, "forbidden");
    assert!(role(&["list"]).ok().contains("operator"));
    role(&["delete", "operator"]).refused(&["have the role is 1;"]);
    role(&["delete", "admin"]).refused(&["built-in roles"]);
    shop.deployment.run(&["user", "roles", id, "user"], "", &[]).ok();
    role(&["delete", "operator"]).ok();
}

fn a_changed_role_counts_on_every_instance_at_once(store: &Store) {
    let shop = Shop::open(store);
    let second = shop.deployment.start_second();
    let ada = shop.user("ada");
    let id = ada.get(PROFILE).send().expect(200).text("/id");
    create(&shop.admin, "operator", &[]).expect(201);
    give(&shop.admin, &id, &["operator"]).expect(200);
    for round in 0..10 {
        let (here, there) = if round % 2 == 0 { (&shop.server, &second) } else { (&second, &shop.server) };
        permit(&here.known(&shop.admin), "operator", &["jobs.job.read"]).expect(200);
        there.known(&ada).get(JOBS).send().expect(200);
        permit(&there.known(&shop.admin), "operator", &[]).expect(200);
        here.known(&ada).get(JOBS).send().refused(403, "forbidden");
        there.known(&ada).get(JOBS).send().refused(403, "forbidden");
    }
    second.stop();
    shop.server.stop();
}
