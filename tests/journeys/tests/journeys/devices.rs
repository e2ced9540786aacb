//! Tokens of devices: they let owners through while others guess, and logins on new devices are mailed.

use crate::{
    Journey,
    shop::{LOGIN, PASSWORD, PROFILE, REGISTER, account, credentials, email},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Deployment, Server, Store, wait_for};
use std::{fs, path::Path, thread};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("devices::attacks", a_device_with_a_token_is_let_through_and_its_guesses_are_bounded),
    Journey::new("devices::mails", a_login_on_a_new_device_is_mailed_once),
];

const CHANGE: &str = "/api/v1/users/me/password";
const HOME: &str = "192.0.2.1";
const ATTACKER: &str = "198.51.100.1";

/// Tries to log in from this address, through a proxy.
fn attempt(server: &Server, address: &str, body: &Value) -> Answer {
    server.visitor().post(LOGIN).header("x-forwarded-for", address).json(body.clone()).send()
}

fn with(mut body: Value, token: &str) -> Value {
    body["device_token"] = json!(token);
    body
}

fn wrong(name: &str) -> Value {
    json!({ "email": email(name), "password": format!("{PASSWORD}?") })
}

/// A server that is reached through a proxy, with accounts of these users.
fn open(deployment: &mut Deployment, names: &[&str]) -> Server {
    deployment.set("SKEP_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = deployment.start();
    for name in names {
        server.visitor().post(REGISTER).json(account(name)).send().expect(201);
    }
    server
}

fn a_device_with_a_token_is_let_through_and_its_guesses_are_bounded(store: &Store) {
    let mut deployment = Deployment::new(store);
    for (name, value) in [("LOGIN_ATTEMPTS", "1"), ("LOGIN_ACCOUNT_ATTEMPTS", "1"), ("DEVICE_ATTEMPTS", "4")] {
        deployment.set(&format!("SKEP_{name}"), value);
    }
    // Every address is new, so only the token helps.
    deployment.set("SKEP_KNOWN_NETWORKS", "0");
    let server = open(&mut deployment, &["ada", "bob"]);
    let token = |name: &str| attempt(&server, HOME, &credentials(name)).expect(200).text("/device_token");
    let (of_ada, of_bob) = (token("ada"), token("bob"));
    let mut cookie = credentials("ada");
    cookie["session"] = json!("cookie");
    let set = attempt(&server, HOME, &cookie).expect(200);
    let [session, device] = set.headers("set-cookie")[..] else { panic!("two cookies: {set:?}") };
    assert!(session.starts_with("skep_session=") && device.starts_with("skep_device=skep_dt_"), "{set:?}");
    assert!(device.ends_with("; Max-Age=15552000; Path=/; HttpOnly; SameSite=Strict"), "{device}");
    let device = device.split(';').next().expect("a pair");

    // A stranger at the owner's own address uses up its attempts, and those of the account, for a minute.
    attempt(&server, HOME, &wrong("ada")).refused(401, "invalid_credentials");
    for address in [HOME, "192.0.2.77"] {
        attempt(&server, address, &credentials("ada")).refused(429, "rate_limited");
        attempt(&server, address, &with(credentials("ada"), &of_bob)).refused(429, "rate_limited");
        attempt(&server, address, &with(credentials("ada"), &format!("{of_ada}0"))).refused(429, "rate_limited");
        attempt(&server, address, &with(credentials("ada"), &of_ada)).expect(200);
        let visitor = server.visitor();
        let call = visitor.post(LOGIN).header("x-forwarded-for", address).header("Cookie", device);
        call.json(credentials("ada")).send().expect(200);
    }

    // A thief of the token guesses in parallel: four passwords are verified, and then it is no better than none.
    let guess = || attempt(&server, ATTACKER, &with(wrong("ada"), &of_ada)).status;
    let statuses: Vec<_> = thread::scope(|scope| {
        let guesses: Vec<_> = (0..24).map(|_| scope.spawn(guess)).collect();
        guesses.into_iter().map(|guess| guess.join().expect("an answer")).collect()
    });
    // The attempt of the account may have come back meanwhile.
    let verified = statuses.iter().filter(|status| **status == 401).count();
    assert!((4..=5).contains(&verified) && statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    attempt(&server, HOME, &with(credentials("bob"), &of_bob)).expect(200);
    server.stop();
}

/// The mails about logins on new devices.
fn mails(folder: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder) else { return vec![] };
    let texts = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
    texts.filter(|text| text.contains("Subject: A login on a new device\r\n")).collect()
}

fn a_login_on_a_new_device_is_mailed_once(store: &Store) {
    let mut deployment = Deployment::new(store);
    let server = open(&mut deployment, &["ada"]);
    let folder = deployment.path("data").join("mail");
    let log_in = |address, body: &Value| attempt(&server, address, body).expect(200);
    log_in(HOME, &credentials("ada"));
    log_in(HOME, &credentials("ada"));
    let there = log_in(ATTACKER, &credentials("ada")).text("/device_token");
    wait_for("a mail", || (!mails(&folder).is_empty()).then_some(()));
    let [mail] = &mails(&folder)[..] else { panic!("one mail") };
    assert!(mail.contains(ATTACKER) && mail.contains(&format!("To: {}\r\n", email("ada"))), "{mail}");

    // The device is known by its token on any network, until the account has another password.
    let again = log_in("203.0.113.5", &with(credentials("ada"), &there));
    let bearer = |answer: &Answer| format!("Bearer {}", answer.text("/access_token"));
    let new = "seven tall sunflowers";
    let body = json!({ "current_password": PASSWORD, "new_password": new });
    let visitor = server.visitor();
    let change = visitor.post(CHANGE).header("Authorization", bearer(&again)).json(body);
    let changed = change.send().expect(200).text("/device_token");
    let new = json!({ "email": email("ada"), "password": new });
    let last = log_in("203.0.113.6", &with(new.clone(), &changed));
    visitor.get(PROFILE).header("Authorization", bearer(&last)).send().expect(200);
    log_in("203.0.113.7", &with(new, &again.text("/device_token")));
    wait_for("a second mail", || (mails(&folder).len() > 1).then_some(()));
    let mut places = mails(&folder);
    assert_eq!(places.len(), 2);
    places.retain(|mail| mail.contains("203.0.113.7"));
    assert_eq!(places.len(), 1, "only the token from before the change was refused");
    server.stop();
}
