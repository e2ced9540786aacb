//! Groups of accounts: their roles, their members, and their places under each other.

use super::{Context, Thing, at_once};
use crate::{
    Journey, Needs,
    scene::unique,
    shop::{PROFILE, Shop, all},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Store};

const GROUPS: &str = "/api/v1/groups";
const USERS: &str = "/api/v1/users";
const JOBS: &str = "/api/v1/jobs";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::groups", groups_give_their_roles_to_members),
        Journey::new("slice::group_limits", nothing_is_given_that_the_caller_lacks),
        Journey::new("slice::groups_instances", a_changed_group_counts_on_every_instance_at_once)
            .needing(Needs::Server),
    ],
    things: &[Thing {
        collection: GROUPS,
        parts: &["/members"],
        is_busy: false,
        make: |shop, _, _| group(&shop.admin, &["editor"], None),
    }],
    unique: &[],
    bodies: &[(
        "create_group",
        |_| json!({ "name": unique("group"), "description": "Works at night.", "roles": ["editor"] }),
    )],
};

fn create(caller: &Client, roles: &[&str], parent: Option<&str>) -> Answer {
    let body = json!({ "name": unique("group"), "description": "A group", "roles": roles, "parent_id": parent });
    caller.post(GROUPS).json(body).send()
}

/// Creates a group and returns its id.
fn group(caller: &Client, roles: &[&str], parent: Option<&str>) -> String {
    create(caller, roles, parent).expect(201).text("/id")
}

#[track_caller]
fn change(caller: &Client, id: &str, body: &Value) -> Answer {
    caller.patch(format!("{GROUPS}/{id}")).if_match("*").json(body.clone()).send()
}

fn add(caller: &Client, group: &str, user: &str) -> Answer {
    caller.put(format!("{GROUPS}/{group}/members/{user}")).if_match("*").send()
}

fn remove(caller: &Client, group: &str, user: &str) -> Answer {
    caller.delete(format!("{GROUPS}/{group}/members/{user}")).send()
}

fn groups_give_their_roles_to_members(store: &Store) {
    let shop = Shop::open(store);
    let admin = &shop.admin;
    let ada = shop.user("ada");
    let user = ada.get(PROFILE).send().expect(200).text("/id");
    ada.get(GROUPS).send().refused(403, "forbidden");
    let (top, low) = (group(admin, &["auditor"], None), group(admin, &["editor"], None));
    let moved = change(admin, &low, &json!({ "parent_id": top })).expect(200).json();
    assert_eq!((&moved["effective_roles"], &moved["roles"]), (&json!(["editor", "auditor"]), &json!(["editor"])));
    assert_eq!(all(admin, GROUPS).len(), 2);

    // A membership counts from the next request on, and so does a change of any group above.
    let members = format!("{GROUPS}/{low}/members");
    ada.get(JOBS).send().refused(403, "forbidden");
    let joined = add(admin, &low, &user).expect(200);
    assert_eq!((&joined.json()["groups"], &joined.json()["roles"]), (&json!([low]), &json!(["user"])));
    assert_eq!(add(admin, &low, &user).expect(200).etag(), joined.etag(), "a member stays one");
    assert_eq!(ada.get(PROFILE).send().expect(200).json()["groups"], json!([low]));
    assert_eq!(all(admin, &members)[0]["id"], json!(user));
    assert!(all(admin, &format!("{GROUPS}/{top}/members")).is_empty());
    ada.get(JOBS).send().expect(200);
    change(admin, &top, &json!({ "roles": [] })).expect(200);
    ada.get(JOBS).send().refused(403, "forbidden");
    change(admin, &low, &json!({ "roles": ["auditor"], "parent_id": null })).expect(200);
    ada.get(JOBS).send().expect(200);
    ada.get(&*members).send().expect(200);
    let roles = json!({ "roles": ["viewer"] });
    let kept = admin.put(format!("{USERS}/{user}/roles")).if_match("*").json(roles).send().expect(200);
    assert_eq!(kept.json()["groups"], json!([low]), "its groups stay");

    // Nothing is left dangling.
    let refused = admin.delete(format!("{GROUPS}/{low}")).send().refused(409, "group_in_use");
    assert!(refused.text("/detail").contains("the group has 1 members"), "{}", refused.text("/detail"));
    assert_eq!(remove(admin, &low, &user).expect(200).json()["groups"], json!([]));
    ada.get(JOBS).send().refused(403, "forbidden");
    change(admin, &low, &json!({ "parent_id": top })).expect(200);
    admin.delete(format!("{GROUPS}/{top}")).send().refused(409, "group_in_use");
    admin.delete(format!("{GROUPS}/{low}")).if_match("\"1\"").send().refused(412, "precondition_failed");
    admin.delete(format!("{GROUPS}/{low}")).send().expect(204);
    add(admin, &low, &user).refused(404, "not_found");
    operated(&shop, &ada, &user);
    shop.server.stop();
}

/// The same on the command line, beside the server.
fn operated(shop: &Shop, ada: &Client, user: &str) {
    let run = |arguments: &[&str]| shop.deployment.run(&[&["group"], arguments].concat(), "", &[]);
    let created = run(&["create", "Night shift", "--description", "Works at night", "--role", "auditor"]).ok();
    let id = created.trim().rsplit(' ').next().expect("an id");
    run(&["create", "Night shift", "--description", "x"]).refused(&["another group has this name"]);
    let shown: Value = serde_json::from_str(&run(&["show", id]).ok()).expect("JSON");
    assert_eq!(shown["effective_roles"], json!(["auditor"]));
    run(&["add", id, user]).ok();
    ada.get(JOBS).send().expect(200);
    assert!(run(&["members", id]).ok().contains(user) && run(&["list"]).ok().contains("Night shift"));
    run(&["change", id, "--no-roles"]).ok();
    ada.get(JOBS).send().refused(403, "forbidden");
    run(&["delete", id]).refused(&["the group has 1 members"]);
    run(&["remove", id, user]).ok();
    run(&["delete", id]).ok();
}

fn nothing_is_given_that_the_caller_lacks(store: &Store) {
    let shop = Shop::open(store);
    let admin = &shop.admin;
    let ada = shop.user("ada");
    let user = ada.get(PROFILE).send().expect(200).text("/id");
    let role = |name: &str, permissions: &[&str]| {
        let body = json!({ "name": name, "description": "A role", "permissions": permissions });
        admin.post("/api/v1/roles").json(body).send().expect(201);
    };
    role("lead", &["identity.role.manage", "identity.user.manage", "catalog.stock.manage"]);
    role("stock", &["catalog.stock.manage"]);
    // The leader has its permissions from a group.
    let leaders = group(admin, &["lead"], None);
    add(admin, &leaders, &user).expect(200);
    create(&ada, &["auditor"], None).refused(403, "role_not_held");
    let mine = group(&ada, &["stock"], None);
    let above = group(admin, &["auditor"], None);
    change(&ada, &mine, &json!({ "roles": ["auditor"] })).refused(403, "role_not_held");
    change(&ada, &mine, &json!({ "parent_id": above })).refused(403, "role_not_held");
    create(&ada, &[], Some(&above)).refused(403, "role_not_held");
    add(&ada, &above, &user).refused(403, "role_not_held");
    remove(&ada, &above, &user).refused(403, "role_not_held");
    ada.delete(format!("{GROUPS}/{above}")).send().refused(403, "role_not_held");
    add(&ada, &mine, &user).expect(200);

    // Only accounts are admins.
    create(admin, &["admin"], None).refused(422, "validation_failed").at("/roles/0", "role_of_accounts_only");
    create(admin, &["ghost"], None).refused(422, "validation_failed").at("/roles/0", "unknown_role");
    admin.delete("/api/v1/roles/stock").send().refused(409, "role_in_groups");
    let role_of_user = json!({ "roles": [format!("group:{above}")] });
    let given = admin.put(format!("{USERS}/{user}/roles")).if_match("*").json(role_of_user).send();
    given.refused(422, "validation_failed").at("/roles/0", "invalid_value");

    // Places.
    let mut chain = vec![group(admin, &[], None)];
    while chain.len() < 8 {
        chain.push(group(admin, &[], chain.last().map(String::as_str)));
    }
    create(admin, &[], Some(&chain[7])).refused(409, "group_too_deep");
    change(admin, &chain[0], &json!({ "parent_id": chain[7] })).refused(409, "group_cycle");
    change(admin, &chain[0], &json!({ "parent_id": chain[0] })).refused(409, "group_cycle");
    let ghost = json!({ "parent_id": "019a9d3c-5a00-7000-8000-000000000003" });
    change(admin, &chain[0], &ghost).refused(422, "validation_failed").at("/parent_id", "unknown_group");
    for _ in 0..3 {
        let (one, other) = (group(admin, &[], None), group(admin, &[], None));
        let (under_one, under_other) = (group(admin, &[], Some(&one)), group(admin, &[], Some(&other)));
        let crossing = [(&one, &under_other), (&other, &under_one)];
        let answers = at_once(crossing.len(), |number| {
            let (moved, parent) = crossing[number];
            change(admin, moved, &json!({ "parent_id": parent })).status
        });
        let mut statuses = answers;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "two crossing moves");
    }

    // As many as an account can be in. It is in two already.
    for number in 2..=32 {
        let status = add(admin, &group(admin, &[], None), &user).status;
        assert_eq!(status, if number < 32 { 200 } else { 409 }, "group {number}");
    }
    shop.server.stop();
}

fn a_changed_group_counts_on_every_instance_at_once(store: &Store) {
    let shop = Shop::open(store);
    let second = shop.deployment.start_second();
    let ada = shop.user("ada");
    let user = ada.get(PROFILE).send().expect(200).text("/id");
    let top = group(&shop.admin, &[], None);
    let low = group(&shop.admin, &[], Some(&top));
    add(&shop.admin, &low, &user).expect(200);
    for round in 0..10 {
        let (here, there) = if round % 2 == 0 { (&shop.server, &second) } else { (&second, &shop.server) };
        change(&here.known(&shop.admin), &top, &json!({ "roles": ["auditor"] })).expect(200);
        there.known(&ada).get(JOBS).send().expect(200);
        change(&there.known(&shop.admin), &top, &json!({ "roles": [] })).expect(200);
        here.known(&ada).get(JOBS).send().refused(403, "forbidden");
        there.known(&ada).get(JOBS).send().refused(403, "forbidden");
    }
    second.stop();
    shop.server.stop();
}
