//! The accounts of all users, as admins manage them.

use super::{Context, Thing, at_once};
use crate::{
    Journey, Needs,
    scene::unique,
    shop::{LOGIN, PROFILE, REGISTER, SETUP, Shop, account, all, credentials, id_of, log_in, pages, with_token},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Server, Store};

const USERS: &str = "/api/v1/users";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::users_list", an_admin_finds_accounts),
        Journey::new("slice::users_change", names_are_changed_by_their_owners_and_by_admins),
        Journey::new("slice::users_disable", a_disabled_account_is_out_at_once),
        Journey::new("slice::users_roles", a_role_counts_from_the_next_request_on),
        Journey::new("slice::users_sessions", an_admin_ends_the_sessions_of_a_user),
        Journey::new("slice::users_race", of_admins_that_disable_each_other_one_stays),
        Journey::new("slice::users_instances", what_one_instance_disables_the_other_refuses).needing(Needs::Server),
        Journey::new("slice::users_operator", an_operator_manages_accounts),
    ],
    things: &[Thing {
        collection: USERS,
        parts: &[],
        is_busy: false,
        make: |shop, _, _| {
            let member = account(&unique("member"));
            shop.server.visitor().post(REGISTER).json(member).send().expect(201).text("/id")
        },
    }],
    unique: &[],
    bodies: &[],
};

pub(super) fn id(client: &Client) -> String {
    client.get(PROFILE).send().expect(200).text("/id")
}

pub(super) fn path(id: &str) -> String {
    format!("{USERS}/{id}")
}

#[track_caller]
pub(super) fn is_alive(client: &Client) {
    client.get(PROFILE).send().expect(200);
}

#[track_caller]
pub(super) fn is_dead(client: &Client) {
    client.get(PROFILE).send().refused(401, "invalid_token");
}

#[track_caller]
pub(super) fn has_no_login(server: &Server, name: &str) {
    let refused = server.visitor().post(LOGIN).json(credentials(name)).send().refused(401, "invalid_credentials");
    let stranger = server.visitor().post(LOGIN).json(credentials("stranger")).send();
    let stranger = stranger.refused(401, "invalid_credentials");
    let shown = |answer: &Answer| {
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        body
    };
    assert_eq!(shown(&refused), shown(&stranger), "the answer does not show that the account is disabled");
}

#[track_caller]
pub(super) fn set_roles(admin: &Client, id: &str, roles: &[&str]) -> Answer {
    admin.put(format!("{}/roles", path(id))).if_match("*").json(json!({ "roles": roles })).send()
}

pub(super) fn names(users: &[Value]) -> Vec<&str> {
    users.iter().map(|user| user["display_name"].as_str().expect("a name")).collect()
}

fn an_admin_finds_accounts(store: &Store) {
    let shop = Shop::open(store);
    let users = shop.users(5);
    let found = |query: &str| all(&shop.admin, &format!("{USERS}?{query}"));
    assert_eq!(names(&found("sort=created_at")), ["Grace", "user0", "user1", "user2", "user3", "user4"]);
    assert_eq!(names(&found("sort=-display_name&limit=2")), ["user4", "user3", "user2", "user1", "user0", "Grace"]);
    assert_eq!(names(&found("role=admin")), ["Grace"]);
    assert_eq!(names(&found("email=USER3@")), ["user3"]);
    assert_eq!(names(&found("name=Gr")), ["Grace"]);
    assert_eq!(names(&found("name=gr")), [""; 0]);
    assert_eq!(names(&found("name=a%26b")), [""; 0]);
    let second = shop.admin.get(path(&id(&users[1]))).send().expect(200);
    assert_eq!((second.text("/state").as_str(), second.etag()), ("active", "\"1\"".to_owned()));
    let created = second.text("/created_at");
    assert_eq!(found(&format!("created_from={created}&created_until={created}&name=user1")), [second.json()]);
    shop.admin.post(format!("{}/disable", path(&id(&users[1])))).send().expect(200);
    assert_eq!(names(&found("state=disabled")), ["user1"]);
    let filtered = pages(&shop.admin, &format!("{USERS}?state=active&role=user&name=user&limit=3&sort=created_at"));
    assert_eq!(
        filtered.iter().map(|page| names(page)).collect::<Vec<_>>(),
        [vec!["user0", "user2", "user3"], vec!["user4"]]
    );
    let counted = shop.admin.get(format!("{USERS}?state=active&count=exact")).send().expect(200);
    assert_eq!(counted.number("/page/total"), 5);
    for query in ["role=Queen", "state=", "email=", "name=%0A", "created_from=today", "created_until=1", "sort=email"] {
        shop.admin.get(format!("{USERS}?{query}")).send().refused(400, "invalid_parameter");
    }
    // A cursor belongs to the filter that it was made with.
    let cursor = shop.admin.get(format!("{USERS}?name=user&limit=1")).send().expect(200).text("/page/next_cursor");
    let other = format!("{USERS}?name=use&limit=1&cursor={cursor}");
    shop.admin.get(other).send().refused(400, "invalid_parameter");
    shop.admin.get(path("019a9d3c-5a00-7000-8000-000000000001")).send().refused(404, "not_found");
    users[0].get(USERS).send().refused(403, "forbidden");
    users[0].get(path(&id(&users[0]))).send().refused(403, "forbidden");
    shop.server.stop();
}

fn names_are_changed_by_their_owners_and_by_admins(store: &Store) {
    let shop = Shop::open(store);
    let (ada, bob) = (shop.user("ada"), shop.user("bob"));
    let rename = |client: &Client, path: &str, tag: Option<&str>, name: Value| {
        let call = client.patch(path).json(json!({ "display_name": name }));
        match tag {
            Some(tag) => call.if_match(tag).send(),
            None => call.send(),
        }
    };
    let first = ada.get(PROFILE).send().expect(200).etag();
    let of_bob = bob.get(PROFILE).send().expect(200).etag();
    rename(&ada, PROFILE, None, json!("Ada")).refused(428, "precondition_required");
    for wrong in [of_bob.as_str(), "\"1\""] {
        rename(&ada, PROFILE, Some(wrong), json!("Ada")).refused(412, "precondition_failed");
    }
    for (name, code) in [(json!(" "), "invalid_text"), (json!(null), "required"), (json!("a\nb"), "invalid_text")] {
        rename(&ada, PROFILE, Some(&first), name).refused(422, "validation_failed").at("/display_name", code);
    }
    let changed = rename(&ada, PROFILE, Some(&first), json!(" Ada King ")).expect(200);
    assert_eq!(changed.text("/display_name"), "Ada King");
    assert_eq!(changed.json(), ada.get(PROFILE).send().expect(200).json());
    rename(&ada, PROFILE, Some(&first), json!("Ada")).refused(412, "precondition_failed");
    let same = rename(&ada, PROFILE, Some(&changed.etag()), json!("Ada King")).expect(200);
    assert_eq!(same.etag(), changed.etag(), "nothing has changed");
    let nothing = ada.patch(PROFILE).if_match("*").json(json!({})).send().expect(200);
    assert_eq!(nothing.etag(), changed.etag());
    for member in ["roles", "email", "state", "auth_epoch", "id"] {
        let body = json!({ "display_name": "Eve", member: ["admin"] });
        ada.patch(PROFILE).if_match("*").json(body).send().refused(422, "validation_failed");
    }

    let path = path(&id(&ada));
    let shown = shop.admin.get(&path).send().expect(200);
    let changed = rename(&shop.admin, &path, Some(&shown.etag()), json!("Countess")).expect(200);
    assert_eq!((changed.text("/display_name").as_str(), changed.text("/links/self")), ("Countess", path.clone()));
    rename(&shop.admin, &path, Some(&shown.etag()), json!("Ada")).refused(412, "precondition_failed");
    rename(&bob, &path, Some("*"), json!("Eve")).refused(403, "forbidden");
    assert_eq!(ada.get(PROFILE).send().expect(200).text("/display_name"), "Countess");
    shop.server.stop();
}

fn a_disabled_account_is_out_at_once(store: &Store) {
    let shop = Shop::open(store);
    let (ada, other) = (shop.user("ada"), log_in(&shop.server, "ada"));
    let path = path(&id(&ada));
    let (disable, enable) = (format!("{path}/disable"), format!("{path}/enable"));
    ada.post(&disable).send().refused(403, "forbidden");
    shop.admin.post(&disable).if_match("\"9\"").send().refused(412, "precondition_failed");
    is_alive(&ada);
    let answer = shop.admin.post(&disable).if_match("\"1\"").send().expect(200);
    assert_eq!((answer.text("/state").as_str(), answer.etag()), ("disabled", "\"2\"".to_owned()));
    assert_eq!(answer.text("/disabled_at"), answer.text("/updated_at"));
    [&ada, &other].into_iter().for_each(is_dead);
    has_no_login(&shop.server, "ada");
    assert_eq!(shop.admin.post(&disable).send().expect(200).json(), answer.json(), "a second time changes nothing");
    shop.server.visitor().post(REGISTER).json(account("ada")).send().refused(409, "email_taken");
    assert_eq!(all(&shop.admin, &format!("{path}/sessions")), [] as [Value; 0]);

    let answer = shop.admin.post(&enable).send().expect(200);
    assert_eq!((answer.text("/state").as_str(), answer.etag()), ("active", "\"3\"".to_owned()));
    assert!(answer.json()["disabled_at"].is_null());
    [&ada, &other].into_iter().for_each(is_dead);
    is_alive(&log_in(&shop.server, "ada"));

    // The only admin cannot go, and with a second one it can.
    let grace = format!("{USERS}/{}/disable", id(&shop.admin));
    shop.admin.post(&grace).send().refused(409, "last_admin");
    set_roles(&shop.admin, &id(&shop.admin), &["user"]).refused(409, "last_admin");
    is_alive(&shop.admin);
    let ada = log_in(&shop.server, "ada");
    set_roles(&shop.admin, &id(&ada), &["admin"]).expect(200);
    shop.admin.post(&grace).send().expect(200);
    is_dead(&shop.admin);
    has_no_login(&shop.server, "grace");
    ada.post(format!("{path}/disable")).send().refused(409, "last_admin");
    shop.server.visitor().post(SETUP).json(with_token("any")).send().refused(409, "setup_closed");
    shop.server.stop();
}

fn a_role_counts_from_the_next_request_on(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let id = id(&ada);
    ada.get(USERS).send().refused(403, "forbidden");
    let changed = set_roles(&shop.admin, &id, &["admin", "user"]).expect(200);
    assert_eq!((&changed.json()["roles"], changed.etag()), (&json!(["admin", "user"]), "\"2\"".to_owned()));
    ada.get(USERS).send().expect(200);
    assert_eq!(set_roles(&shop.admin, &id, &["user", "admin"]).expect(200).etag(), changed.etag());
    set_roles(&shop.admin, &id, &["Queen"]).refused(422, "validation_failed").at("/roles/0", "invalid_value");
    set_roles(&shop.admin, &id, &["queen"]).refused(422, "validation_failed").at("/roles/0", "unknown_role");
    set_roles(&shop.admin, &id, &["user"; 21]).refused(422, "validation_failed").at("/roles", "too_many");
    let unconditional = shop.admin.put(format!("{}/roles", path(&id))).json(json!({ "roles": [] })).send();
    unconditional.refused(428, "precondition_required");
    assert_eq!(set_roles(&ada, &id, &[]).expect(200).json()["roles"], json!(["user"]), "an admin may step down");
    ada.get(USERS).send().refused(403, "forbidden");
    is_alive(&ada);
    set_roles(&ada, &id, &["admin"]).refused(403, "forbidden");
    shop.server.stop();
}

fn an_admin_ends_the_sessions_of_a_user(store: &Store) {
    let shop = Shop::open(store);
    let (bob, ada, other) = (shop.user("bob"), shop.user("ada"), log_in(&shop.server, "ada"));
    let sessions = format!("{}/sessions", path(&id(&ada)));
    bob.get(&sessions).send().refused(403, "forbidden");
    bob.delete(&sessions).send().refused(403, "forbidden");
    let own: Vec<_> = all(&ada, "/api/v1/users/me/sessions").iter().map(|one| id_of(one).to_owned()).collect();
    let listed = all(&shop.admin, &sessions);
    assert_eq!(listed.iter().map(id_of).collect::<Vec<_>>(), own);
    assert!(listed.iter().all(|session| session["current"] == false));
    shop.admin.delete(&sessions).send().expect(204);
    [&ada, &other].into_iter().for_each(is_dead);
    is_alive(&bob);
    is_alive(&log_in(&shop.server, "ada"));
    let unknown = format!("{USERS}/019a9d3c-5a00-7000-8000-000000000001/sessions");
    shop.admin.get(&unknown).send().refused(404, "not_found");
    shop.admin.delete(&unknown).send().refused(404, "not_found");
    shop.server.stop();
}

fn of_admins_that_disable_each_other_one_stays(store: &Store) {
    let shop = Shop::open(store);
    let mut keeper = log_in(&shop.server, "grace");
    for round in 0..5 {
        let rival = shop.user(&format!("rival{round}"));
        set_roles(&keeper, &id(&rival), &["admin"]).expect(200);
        let ids = [id(&rival), id(&keeper)];
        let admins = [keeper, rival];
        let answers = at_once(2, |n| admins[n].post(format!("{}/disable", path(&ids[n]))).send());
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            // A call that is authenticated after the other one has no session any more.
            let (status, code) = if answer.status == 401 { (401, "invalid_token") } else { (409, "last_admin") };
            answer.refused(status, code);
        }
        keeper = admins.into_iter().find(|admin| admin.get(PROFILE).send().status == 200).expect("an admin");
        assert_eq!(all(&keeper, &format!("{USERS}?role=admin&state=active")).len(), 1);
    }
    shop.server.stop();
}

fn what_one_instance_disables_the_other_refuses(store: &Store) {
    let shop = Shop::open(store);
    let second = shop.deployment.start_second();
    let id = id(&shop.user("ada"));
    for round in 0..10 {
        let (here, there) = if round % 2 == 0 { (&shop.server, &second) } else { (&second, &shop.server) };
        let (ada, admin) = (log_in(here, "ada"), here.known(&shop.admin));
        is_alive(&there.known(&ada));
        set_roles(&admin, &id, &["admin"]).expect(200);
        there.known(&ada).get(USERS).send().expect(200);
        set_roles(&admin, &id, &[]).expect(200);
        there.known(&ada).get(USERS).send().refused(403, "forbidden");
        admin.post(format!("{}/disable", path(&id))).send().expect(200);
        is_dead(&there.known(&ada));
        has_no_login(there, "ada");
        there.known(&shop.admin).post(format!("{}/enable", path(&id))).send().expect(200);
    }
    second.stop();
    shop.server.stop();
}

fn an_operator_manages_accounts(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let id = id(&ada);
    let user = |arguments: &[&str]| shop.deployment.run(&[&["user"], arguments].concat(), "", &[]);
    let listed = user(&["list", "--role", "admin"]).ok();
    assert!(listed.contains("grace@example.com") && !listed.contains("ada@example.com"), "{listed}");
    let shown: Value = serde_json::from_str(&user(&["show", &id]).ok()).expect("JSON");
    assert_eq!((&shown["id"], &shown["email"]), (&json!(id), &json!("ada@example.com")));
    assert!(user(&["roles", &id, "admin"]).ok().contains("admin, user"));
    ada.get(USERS).send().expect(200);
    user(&["roles", &id, "user"]).ok();
    ada.get(USERS).send().refused(403, "forbidden");
    user(&["revoke", &id]).ok();
    is_dead(&ada);
    user(&["disable", &id]).ok();
    has_no_login(&shop.server, "ada");
    assert!(user(&["list", "--state", "disabled", "--email", "ada"]).ok().contains("disabled"));
    user(&["enable", &id]).ok();
    is_alive(&log_in(&shop.server, "ada"));
    let grace = shop.admin.get(PROFILE).send().expect(200).text("/id");
    user(&["disable", &grace]).refused(&["only active admin"]);
    user(&["roles", &grace, "user"]).refused(&["only active admin"]);
    shop.server.stop();
}
