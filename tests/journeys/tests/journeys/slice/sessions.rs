//! The sessions of a user: the list, the log-out, and a new password.

use super::{Context, Thing, at_once};
use crate::{
    Journey, Needs,
    shop::{LOGIN, PASSWORD, PROFILE, Shop, account, all, credentials, log_in},
    tokens::claims,
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Deployment, Server, Store};

const SESSIONS: &str = "/api/v1/users/me/sessions";
const LOGOUT: &str = "/api/v1/auth/logout";
const CHANGE: &str = "/api/v1/users/me/password";
const NEW_PASSWORD: &str = "seven tall sunflowers";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::sessions", a_user_sees_sessions_and_ends_them),
        Journey::new("slice::passwords", a_new_password_ends_every_session),
        Journey::new("slice::password_guesses", guesses_of_the_present_password_count_as_logins),
        Journey::new("slice::sessions_race", of_many_calls_at_once_one_ends_the_session),
        Journey::new("slice::passwords_race", of_many_new_passwords_at_once_one_is_taken),
        Journey::new("slice::sessions_instances", what_one_instance_ends_the_other_refuses).needing(Needs::Server),
    ],
    things: &[Thing {
        collection: SESSIONS,
        parts: &[],
        // No request shows a single session.
        is_busy: true,
        make: |shop, owner, _| {
            // The bound of sessions must not end the one that the owner uses.
            owner.delete(SESSIONS).send().expect(204);
            let email = owner.get(PROFILE).send().ok().text("/email");
            let login = json!({ "email": email, "password": PASSWORD });
            let answer = shop.server.visitor().post(LOGIN).json(login).send().ok();
            claims(&answer.text("/access_token")).session_id.to_string()
        },
    }],
    unique: &[],
    bodies: &[("change_password", |_| passwords(PASSWORD, PASSWORD))],
};

fn passwords(current: &str, new: &str) -> Value {
    json!({ "current_password": current, "new_password": new })
}

/// Logs in with a program that describes itself so.
fn log_in_with(server: &Server, name: &str, device: &str) -> Client {
    let call = server.visitor().post(LOGIN).header("User-Agent", device).json(credentials(name)).send().ok();
    server.visitor().with_token(call.text("/access_token"))
}

fn id(client: &Client) -> String {
    claims(client.token()).session_id.to_string()
}

fn path(client: &Client) -> String {
    format!("{SESSIONS}/{}", id(client))
}

#[track_caller]
fn is_alive(client: &Client) {
    client.get(PROFILE).send().expect(200);
}

#[track_caller]
fn is_dead(client: &Client) {
    client.get(PROFILE).send().refused(401, "invalid_token");
}

/// The ids and the named member of the sessions in the list, in its order.
fn listed(client: &Client, member: &str) -> Vec<(String, Value)> {
    let of = |session: Value| (session["id"].as_str().expect("an id").to_owned(), session[member].clone());
    all(client, SESSIONS).into_iter().map(of).collect()
}

fn a_user_sees_sessions_and_ends_them(store: &Store) {
    let shop = Shop::open(store);
    let bob = shop.user("bob");
    let first = shop.user("ada");
    let long = format!("Mozilla/5.0 (X11;  Linux) {}", "x".repeat(300));
    let [second, third, fourth] = ["curl/8.5.0", &long, "app/1"].map(|device| log_in_with(&shop.server, "ada", device));
    let ids = [&fourth, &third, &second, &first].map(id);
    let current = [false, false, true, false].map(Value::from);
    assert_eq!(listed(&second, "current"), ids.clone().into_iter().zip(current).collect::<Vec<_>>());
    let devices = listed(&second, "device");
    assert_eq!((&devices[0].1, &devices[2].1), (&json!("app/1"), &json!("curl/8.5.0")));
    let cut = devices[1].1.as_str().expect("a device");
    assert!(cut.len() == 200 && cut.starts_with("Mozilla/5.0 (X11; Linux) xxx"), "{cut}");
    assert!(devices[3].1.is_null(), "the client of the journeys sends no User-Agent");
    assert!(listed(&second, "network").iter().all(|(_, network)| *network == "127.0.0.1"));

    // A session of another user looks like one that does not exist.
    bob.delete(path(&first)).send().refused(404, "not_found");
    shop.admin.delete(path(&first)).send().refused(404, "not_found");
    bob.delete(format!("{SESSIONS}/nope")).send().refused(404, "not_found");
    is_alive(&first);
    second.delete(path(&first)).send().expect(204);
    is_dead(&first);
    second.delete(path(&first)).send().refused(404, "not_found");

    // A user may end the session of the request, too.
    third.delete(path(&third)).send().expect(204);
    is_dead(&third);

    let fifth = log_in(&shop.server, "ada");
    second.delete(format!("{SESSIONS}?include_current=perhaps")).send().refused(400, "invalid_parameter");
    second.delete(SESSIONS).send().expect(204);
    [&fourth, &fifth].into_iter().for_each(is_dead);
    [&second, &bob].into_iter().for_each(is_alive);
    second.delete(SESSIONS).send().expect(204);
    assert_eq!(listed(&second, "current"), [(id(&second), json!(true))]);

    let sixth = log_in(&shop.server, "ada");
    second.delete(format!("{SESSIONS}?include_current=true")).send().expect(204);
    [&second, &sixth].into_iter().for_each(is_dead);

    let seventh = log_in(&shop.server, "ada");
    seventh.post(LOGOUT).send().expect(204);
    is_dead(&seventh);
    seventh.post(LOGOUT).send().refused(401, "invalid_token");
    shop.server.visitor().post(LOGOUT).send().refused(401, "unauthenticated");
    is_alive(&bob);
    shop.server.stop();
}

fn a_new_password_ends_every_session(store: &Store) {
    let shop = Shop::open(store);
    let (ada, other) = (shop.user("ada"), log_in(&shop.server, "ada"));
    let change = |current: &str, new: &str| ada.post(CHANGE).json(passwords(current, new)).send();
    change("bees build pentagons", NEW_PASSWORD).refused(403, "wrong_password");
    for (new, code) in
        [("short", "too_short"), ("ada@example.com", "contains_email"), ("111111111111111111", "too_common")]
    {
        change(PASSWORD, new).refused(422, "validation_failed").at("/new_password", code);
    }
    ada.post(CHANGE).json(json!({ "new_password": NEW_PASSWORD })).send().refused(422, "validation_failed");
    [&ada, &other].into_iter().for_each(is_alive);

    let answer = change(PASSWORD, NEW_PASSWORD).expect(200);
    assert_eq!((answer.text("/token_type").as_str(), answer.number("/expires_in")), ("Bearer", 600));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let new = shop.server.visitor().with_token(answer.text("/access_token"));
    [&ada, &other].into_iter().for_each(is_dead);
    is_alive(&new);
    assert_eq!(listed(&new, "current"), [(id(&new), json!(true))]);

    shop.server.visitor().post(LOGIN).json(credentials("ada")).send().refused(401, "invalid_credentials");
    let login = json!({ "email": "ada@example.com", "password": NEW_PASSWORD });
    shop.server.visitor().post(LOGIN).json(login).send().expect(200);
    is_alive(&shop.admin);
    shop.server.stop();
}

fn guesses_of_the_present_password_count_as_logins(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_LOGIN_ATTEMPTS", "3");
    let shop = Shop::open_on(deployment);
    let ada = shop.user("ada");
    let guess = || ada.post(CHANGE).json(passwords("bees build pentagons", NEW_PASSWORD)).send();
    let refused = (0..256).map(|_| guess()).find(|answer| answer.status != 403).expect("a limit");
    assert!(refused.refused(429, "rate_limited").header("retry-after").is_some());
    // A login asks the same counter. At most one attempt has come back meanwhile: one comes back every 20 s.
    let wrong = json!({ "email": "ada@example.com", "password": "bees build pentagons" });
    let login = || shop.server.visitor().post(LOGIN).json(wrong.clone()).send();
    assert!((0..2).any(|_| login().status == 429), "logins have the same limit");
    is_alive(&ada);
    is_alive(&log_in(&shop.server, "grace"));
    shop.server.stop();
}

/// The number of answers with this status. Each of the others is this refusal.
#[track_caller]
fn successes(answers: Vec<Answer>, status: u16, (refused, code): (u16, &str)) -> usize {
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == status);
    bad.into_iter().for_each(|answer| drop(answer.refused(refused, code)));
    good.len()
}

fn of_many_calls_at_once_one_ends_the_session(store: &Store) {
    let shop = Shop::open(store);
    let (ada, other) = (shop.user("ada"), log_in(&shop.server, "ada"));
    let answers = at_once(50, |_| ada.delete(path(&other)).send());
    assert_eq!(successes(answers, 204, (404, "not_found")), 1);
    is_dead(&other);
    let answers = at_once(50, |_| ada.post(LOGOUT).send());
    assert_eq!(successes(answers, 204, (401, "invalid_token")), 1);
    is_dead(&ada);
    shop.server.stop();
}

fn of_many_new_passwords_at_once_one_is_taken(store: &Store) {
    let mut deployment = Deployment::new(store);
    // Fifty passwords wait for their hashes.
    deployment.set("SKEP_HASH_WAIT", "30");
    let shop = Shop::open_on(deployment);
    // Each call has a session of its own, so that a call is not refused because of another one's success before it is
    // authenticated.
    shop.server.visitor().post(crate::shop::REGISTER).json(account("ada")).send().ok();
    let clients: Vec<Client> = (0..50).map(|_| log_in(&shop.server, "ada")).collect();
    let new = |n: usize| format!("{NEW_PASSWORD} {n}");
    let answers = at_once(50, |n| clients[n].post(CHANGE).json(passwords(PASSWORD, &new(n))).send());
    let taken: Vec<usize> = (0..50).filter(|n| answers[*n].status == 200).collect();
    let token = answers.iter().find(|answer| answer.status == 200).expect("a new password").text("/access_token");
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        // A call that is authenticated after the success has no session any more.
        match answer.status {
            401 => answer.refused(401, "invalid_token"),
            503 => answer.refused(503, "hashers_busy"),
            _ => answer.refused(403, "wrong_password"),
        };
    }
    assert_eq!(taken.len(), 1, "{taken:?}");
    clients.iter().for_each(is_dead);
    is_alive(&shop.server.visitor().with_token(token));
    let login = |n: usize| {
        let login = json!({ "email": "ada@example.com", "password": new(n) });
        shop.server.visitor().post(LOGIN).json(login).send().status
    };
    assert_eq!((login(taken[0]), login((taken[0] + 1) % 50)), (200, 401));
    shop.server.stop();
}

fn what_one_instance_ends_the_other_refuses(store: &Store) {
    let shop = Shop::open(store);
    let second = shop.deployment.start_second();
    shop.user("ada");
    for round in 0..10 {
        // The instances take turns. The next request to the other instance must be refused.
        let (here, there) = if round % 2 == 0 { (&shop.server, &second) } else { (&second, &shop.server) };
        let [one, two, three] = [(); 3].map(|()| log_in(here, "ada"));
        [&one, &two, &three].into_iter().for_each(|client| is_alive(&there.known(client)));
        one.post(LOGOUT).send().expect(204);
        is_dead(&there.known(&one));
        two.delete(path(&three)).send().expect(204);
        is_dead(&there.known(&three));
        let four = log_in(there, "ada");
        two.delete(SESSIONS).send().expect(204);
        is_dead(&four);
        let five = log_in(there, "ada");
        let answer = two.post(CHANGE).json(passwords(PASSWORD, PASSWORD)).send().expect(200);
        [&five, &there.known(&two)].into_iter().for_each(is_dead);
        is_alive(&there.visitor().with_token(answer.text("/access_token")));
    }
    second.stop();
    shop.server.stop();
}
