//! Accounts that admins create for other people, who set the first password.

use super::{
    Context, at_once,
    links::{FORGOT, NEW, deployment, mails, reset, token, tokens},
};
use crate::{
    Journey,
    shop::{LOGIN, PASSWORD, PROFILE, REGISTER, SETUP, account, all, credentials, email, log_in, with_token},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Server, Store};

const USERS: &str = "/api/v1/users";
const ACCEPT: &str = "/api/v1/auth/accept-invitation";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::invitations", an_invited_person_sets_the_first_password),
        Journey::new("slice::invitations_roles", no_caller_invites_with_a_role_that_it_lacks),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

fn set_up(server: &Server) -> Client {
    let setup = server.setup_token().expect("a token for the setup is printed");
    server.visitor().post(SETUP).json(with_token(&setup)).send().expect(201);
    log_in(server, "grace")
}

fn invite(client: &Client, name: &str, roles: &[&str]) -> Answer {
    client.post(USERS).json(json!({ "email": email(name), "display_name": name, "roles": roles })).send()
}

fn accept(server: &Server, token: &str, password: &str) -> Answer {
    server.visitor().post(ACCEPT).json(json!({ "token": token, "password": password })).send()
}

/// What a caller sees of a refused login.
fn refused(server: &Server, credentials: Value) -> Value {
    let mut body = server.visitor().post(LOGIN).json(credentials).send().refused(401, "invalid_credentials").json();
    body["request_id"] = Value::Null;
    body
}

fn an_invited_person_sets_the_first_password(store: &Store) {
    let deployment = deployment(store);
    let server = deployment.start();
    let (visitor, admin) = (server.visitor(), set_up(&server));
    let invited = invite(&admin, "bea", &["editor"]).expect(201);
    let (path, shown) = (format!("{USERS}/{}", invited.text("/id")), invited.json());
    assert_eq!((&shown["state"], &shown["email_verified"]), (&json!("invited"), &json!(false)));
    assert_eq!((invited.header("location"), shown["roles"].clone()), (Some(path.as_str()), json!(["editor", "user"])));
    assert_eq!(all(&admin, &format!("{USERS}?state=invited")), [admin.get(&path).send().ok().json()]);
    assert_eq!(all(&admin, &format!("{USERS}?state=active")).len(), 1);

    // The account cannot be used, and no answer shows that it exists.
    assert_eq!(refused(&server, credentials("bea")), refused(&server, credentials("stranger")));
    visitor.post(FORGOT).json(json!({ "email": email("bea") })).send().expect(202);
    invite(&admin, "bea", &[]).refused(409, "email_taken");

    // The newest link works, once.
    let first = token(&deployment, "bea", "accept-invitation");
    reset(&server, &first, NEW).refused(403, "link_invalid");
    let invitation = format!("{path}/invitation");
    assert_eq!(admin.post(&invitation).send().expect(200).json(), shown);
    let both = tokens(&deployment, "bea", "accept-invitation", 2);
    let newest = both.iter().find(|token| **token != first).expect("another token");
    accept(&server, &first, NEW).refused(403, "link_invalid");
    accept(&server, newest, "short").refused(422, "validation_failed").at("/password", "too_short");
    let statuses = at_once(10, |_| accept(&server, newest, NEW).status);
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 403].contains(status)), "{statuses:?}");
    let login = json!({ "email": email("bea"), "password": NEW });
    let bea = visitor.post(LOGIN).json(login).send().expect(200);
    let profile = visitor.with_token(bea.text("/access_token")).get(PROFILE).send().ok().json();
    assert_eq!((&profile["email_verified"], &profile["roles"]), (&json!(true), &json!(["editor", "user"])));
    assert_eq!(admin.get(&path).send().ok().text("/state"), "active");
    admin.post(&invitation).send().refused(409, "not_invited");
    assert!(mails(&deployment, "bea", "Set a new password").is_empty(), "an invitation is the only way in");
    // An operator invites, too.
    let cli = ["user", "create", "--invite", "--role", "editor", "--display-name", "Carl", "--email"];
    let address = email("carl");
    let arguments: Vec<&str> = cli.iter().copied().chain([address.as_str()]).collect();
    deployment.run(&arguments, "", &[]).ok();
    accept(&server, &token(&deployment, "carl", "accept-invitation"), PASSWORD).expect(204);
    log_in(&server, "carl");
    server.stop();
}

fn no_caller_invites_with_a_role_that_it_lacks(store: &Store) {
    let deployment = deployment(store);
    let server = deployment.start();
    let admin = set_up(&server);
    let id = server.visitor().post(REGISTER).json(account("ada")).send().expect(201).text("/id");
    let ada = log_in(&server, "ada");
    invite(&ada, "bea", &[]).refused(403, "forbidden");
    let permissions = ["identity.user.create", "identity.user.manage"];
    let role = json!({ "name": "host", "description": "Invites", "permissions": permissions });
    admin.post("/api/v1/roles").json(role).send().expect(201);
    let roles = json!({ "roles": ["host"] });
    admin.put(format!("{USERS}/{id}/roles")).if_match("*").json(roles).send().expect(200);
    for role in ["admin", "editor"] {
        invite(&ada, "bea", &[role]).refused(403, "role_not_held");
    }
    invite(&ada, "bea", &["queen"]).refused(422, "validation_failed").at("/roles/0", "unknown_role");
    invite(&ada, "bea", &["host"]).expect(201);
    let stronger = invite(&admin, "eve", &["admin"]).expect(201).text("/id");
    ada.post(format!("{USERS}/{stronger}/invitation")).send().refused(403, "stronger_account");
    // An invited admin does not count as one that stays.
    let own = admin.get(PROFILE).send().ok().text("/id");
    admin.post(format!("{USERS}/{own}/disable")).send().refused(409, "last_admin");
    let link = token(&deployment, "eve", "accept-invitation");
    admin.post(format!("{USERS}/{stronger}/disable")).send().expect(200);
    accept(&server, &link, PASSWORD).refused(403, "link_invalid");
    server.stop();
}
