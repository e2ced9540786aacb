//! Another e-mail address for an account: the request, the confirmation, and the way back.

use super::{
    Context, at_once,
    links::{FORGOT, NEW, REFRESH, VERIFY, deployment, mails, reset, seen, token, tokens},
};
use crate::{
    Journey,
    shop::{LOGIN, PASSWORD, PROFILE, REGISTER, account, credentials, email, log_in},
};
use serde_json::json;
use skep_journeys::{Answer, Client, Server, Store, wait_for};

const CHANGE: &str = "/api/v1/users/me/email";
const CONFIRM: &str = "/api/v1/auth/confirm-email";
const RESTORE: &str = "/api/v1/auth/restore-email";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::email_change", a_new_address_counts_from_its_confirmation_on),
        Journey::new("slice::email_change_undone", the_old_address_takes_the_account_back_from_a_thief),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

fn ask(client: &Client, name: &str, password: &str) -> Answer {
    client.post(CHANGE).json(json!({ "email": email(name), "current_password": password })).send()
}

fn redeem(server: &Server, path: &str, token: &str) -> Answer {
    let body = match path {
        CONFIRM => json!({ "token": token, "password": PASSWORD }),
        _ => json!({ "token": token }),
    };
    server.visitor().post(path).json(body).send()
}

/// Of these tokens the one that is not among the others.
fn new_one(tokens: Vec<String>, others: &[String]) -> String {
    tokens.into_iter().find(|token| !others.contains(token)).expect("another token")
}

fn a_new_address_counts_from_its_confirmation_on(store: &Store) {
    let deployment = deployment(store);
    let server = deployment.start();
    let visitor = server.visitor();
    for name in ["ada", "bob"] {
        visitor.post(REGISTER).json(account(name)).send().expect(201);
    }
    let answer = visitor.post(LOGIN).json(credentials("ada")).send().expect(200);
    let (ada, refresh) = (visitor.with_token(answer.text("/access_token")), answer.text("/refresh_token"));

    // The password is needed, and the answer does not show whether the address is taken. Nothing has changed yet.
    ask(&ada, "ada-new", "a wrong password").refused(403, "wrong_password");
    ask(&visitor, "ada-new", PASSWORD).refused(401, "unauthenticated");
    ask(&ada, "no address", PASSWORD).refused(422, "validation_failed").at("/email", "invalid_email");
    let [free, taken] = ["ada-new", "bob"].map(|name| seen(&ask(&ada, name, PASSWORD).expect(202)));
    assert_eq!(free, taken);
    assert_eq!(ada.get(PROFILE).send().ok().text("/email"), email("ada"));
    let patch = json!({ "email": email("ada-new") });
    ada.patch(PROFILE).if_match("*").json(patch).send().refused(422, "validation_failed");
    wait_for("notices", || {
        Some(()).filter(|()| mails(&deployment, "ada", "A new e-mail address was asked for").len() == 2)
    });

    // The newest request wins, and an address that has an account is a conflict that leaves the link.
    let replaced = token(&deployment, "ada-new", "confirm-email");
    redeem(&server, CONFIRM, &replaced).refused(403, "link_invalid");
    let of_bob = token(&deployment, "bob", "confirm-email");
    for _ in 0..2 {
        redeem(&server, CONFIRM, &of_bob).refused(409, "email_taken");
    }
    reset(&server, &of_bob, NEW).refused(403, "link_invalid");
    visitor.post(FORGOT).json(json!({ "email": email("ada") })).send().expect(202);
    let old_reset = token(&deployment, "ada", "reset-password");
    ask(&ada, "ada-new", PASSWORD).expect(202);
    let newest = new_one(tokens(&deployment, "ada-new", "confirm-email", 2), &[replaced]);
    redeem(&server, RESTORE, &newest).refused(403, "link_invalid");
    // The link alone is not enough: a stranger may have asked for the address of the person who opens it.
    let guess = json!({ "token": newest, "password": NEW });
    visitor.post(CONFIRM).json(guess).send().refused(403, "wrong_password");
    let statuses = at_once(10, |_| redeem(&server, CONFIRM, &newest).status);
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 403].contains(status)), "{statuses:?}");

    // What was given out before is dead, also the link that the old address could reset the password with.
    ada.get(PROFILE).send().refused(401, "invalid_token");
    visitor.post(REFRESH).json(json!({ "refresh_token": refresh })).send().refused(401, "invalid_refresh_token");
    reset(&server, &old_reset, NEW).refused(403, "link_invalid");
    redeem(&server, CONFIRM, &of_bob).refused(403, "link_invalid");
    visitor.post(LOGIN).json(credentials("ada")).send().refused(401, "invalid_credentials");
    let profile = log_in(&server, "ada-new").get(PROFILE).send().ok().json();
    assert_eq!((&profile["email"], &profile["email_verified"]), (&json!(email("ada-new")), &json!(true)));
    visitor.post(REGISTER).json(account("ada-new")).send().refused(409, "email_taken");
    log_in(&server, "bob");
    server.stop();
}

fn the_old_address_takes_the_account_back_from_a_thief(store: &Store) {
    let deployment = deployment(store);
    let server = deployment.start();
    let visitor = server.visitor();
    visitor.post(REGISTER).json(account("ada")).send().expect(201);
    let link = token(&deployment, "ada", "verify-email");
    visitor.post(VERIFY).json(json!({ "token": link, "password": PASSWORD })).send().expect(204);
    let mut thief = log_in(&server, "ada");
    // A thief that knows the password changes the address twice, and the password, and then deletes the account.
    for name in ["thief-one", "thief-two"] {
        ask(&thief, name, PASSWORD).expect(202);
        let link = token(&deployment, name, "confirm-email");
        redeem(&server, CONFIRM, &link).expect(204);
        thief = log_in(&server, name);
    }
    let change = json!({ "current_password": PASSWORD, "new_password": NEW });
    let changed = thief.post("/api/v1/users/me/password").json(change).send().expect(200);
    let thief = visitor.with_token(changed.text("/access_token"));
    thief.delete(PROFILE).json(json!({ "current_password": NEW })).send().expect(202);

    let way_back = token(&deployment, "ada", "restore-email");
    redeem(&server, CONFIRM, &way_back).refused(403, "link_invalid");
    redeem(&server, RESTORE, &way_back).expect(204);
    redeem(&server, RESTORE, &way_back).refused(403, "link_invalid");
    thief.get(PROFILE).send().refused(401, "invalid_token");
    // The thief knows both passwords, and neither works.
    for password in [PASSWORD, NEW] {
        let guess = json!({ "email": email("ada"), "password": password });
        visitor.post(LOGIN).json(guess).send().refused(401, "invalid_credentials");
    }
    visitor.post(FORGOT).json(json!({ "email": email("ada") })).send().expect(202);
    reset(&server, &token(&deployment, "ada", "reset-password"), PASSWORD).expect(204);
    assert_eq!(log_in(&server, "ada").get(PROFILE).send().ok().text("/email"), email("ada"));
    assert!(
        mails(&deployment, "thief-one", "Your e-mail address was changed").is_empty(),
        "the first owner keeps the way"
    );
    server.stop();
}
