//! The links in mails to the owners of accounts: verification of an address, and a new password.

use super::{Context, at_once};
use crate::{
    Journey,
    shop::{LOGIN, PASSWORD, PROFILE, REGISTER, SETUP, account, credentials, email, log_in, with_token},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Deployment, Server, Store, wait_for};
use std::fs;

pub(super) const FORGOT: &str = "/api/v1/auth/forgot-password";
const RESET: &str = "/api/v1/auth/reset-password";
const RESEND: &str = "/api/v1/auth/resend-verification";
pub(super) const VERIFY: &str = "/api/v1/auth/verify-email";
pub(super) const REFRESH: &str = "/api/v1/auth/refresh";
const PAGES: &str = "https://shop.test/account";
pub(super) const NEW: &str = "seven tall sunflowers";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::links", from_a_registration_to_a_new_password),
        Journey::new("slice::registration", the_setting_decides_which_callers_register),
        Journey::new(
            "slice::registration_of_others",
            an_address_that_a_stranger_registered_first_is_not_verified_for_it,
        ),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

/// A deployment that mails into a folder.
pub(super) fn deployment(store: &Store) -> Deployment {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_VERIFICATION_MAILS", "on");
    deployment.set("SKEP_LINK_URL", PAGES);
    deployment
}

/// The mails to this user with this subject, without the breaks of long lines.
pub(super) fn mails(deployment: &Deployment, name: &str, subject: &str) -> Vec<String> {
    let Ok(files) = fs::read_dir(deployment.path("data").join("mail")) else { return vec![] };
    let mut files: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
    files.sort();
    let texts = files.iter().filter_map(|path| fs::read_to_string(path).ok());
    let texts = texts.map(|text| text.replace("=\r\n", "").replace("=3D", "="));
    let (to, subject) = (format!("To: {}\r\n", email(name)), format!("Subject: {subject}\r\n"));
    texts.filter(|text| text.contains(&to) && text.contains(&subject)).collect()
}

/// The tokens of the first `count` links to this page that were mailed to this user, in no order.
#[track_caller]
pub(super) fn tokens(deployment: &Deployment, name: &str, page: &str, count: usize) -> Vec<String> {
    let subject = match page {
        "verify-email" => "Verify your e-mail address",
        "confirm-email" => "Confirm your new e-mail address",
        "restore-email" => "Your e-mail address was changed",
        "accept-invitation" => "You are invited",
        _ => "Set a new password",
    };
    let all = || Some(mails(deployment, name, subject)).filter(|mails| mails.len() >= count);
    let start = format!("{PAGES}/{page}#token=");
    let token = |mail: String| {
        let (_, rest) = mail.split_once(&start).expect("a link that begins with the setting");
        let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        assert!(!mail.contains("evil"), "{mail}");
        token
    };
    wait_for("a mail", all).into_iter().map(token).collect()
}

/// The token of the only such link.
#[track_caller]
pub(super) fn token(deployment: &Deployment, name: &str, page: &str) -> String {
    let mut tokens = tokens(deployment, name, page, 1);
    assert_eq!(tokens.len(), 1);
    tokens.remove(0)
}

/// What a caller sees of an answer, except for the marks of the request.
pub(super) fn seen(answer: &Answer) -> (u16, String, Vec<String>) {
    let names = ["content-type", "content-length", "cache-control", "etag", "location", "retry-after"];
    let headers = names.iter().filter_map(|name| Some(format!("{name}: {}", answer.header(name)?)));
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned(), headers.collect())
}

pub(super) fn reset(server: &Server, token: &str, password: &str) -> Answer {
    server.visitor().post(RESET).json(json!({ "token": token, "password": password })).send()
}

fn verify(server: &Server, token: &str) -> Answer {
    server.visitor().post(VERIFY).json(json!({ "token": token, "password": PASSWORD })).send()
}

fn is_verified(server: &Server, name: &str) -> Value {
    log_in(server, name).get(PROFILE).send().ok().json()["email_verified"].clone()
}

fn from_a_registration_to_a_new_password(store: &Store) {
    let deployment = deployment(store);
    let server = deployment.start();
    let visitor = server.visitor();
    let setup = server.setup_token().expect("a token for the setup is printed");
    let admin = visitor.post(SETUP).json(with_token(&setup)).send().expect(201).json();
    assert_eq!(admin["email_verified"], true, "the operator vouches for the address");
    for name in ["ada", "bob"] {
        let user = visitor.post(REGISTER).json(account(name)).send().expect(201).json();
        assert_eq!(user["email_verified"], false);
    }

    // Verification. A link works once, for its purpose and its account, and not by being opened.
    let link = token(&deployment, "ada", "verify-email");
    assert_eq!(
        server.connect().exchange(b"GET /verify-email HTTP/1.1\r\nHost: shop.test\r\n\r\n").expect("an answer").status,
        404
    );
    reset(&server, &link, NEW).refused(403, "link_invalid");
    verify(&server, &link).expect(204);
    verify(&server, &link).refused(403, "link_invalid");
    assert_eq!((is_verified(&server, "ada"), is_verified(&server, "bob")), (json!(true), json!(false)));
    let [verified, unknown, other] = ["ada", "stranger", "bob"]
        .map(|name| seen(&visitor.post(RESEND).json(json!({ "email": email(name) })).send().expect(202)));
    assert_eq!((&verified, &unknown), (&other, &other));
    let bobs = tokens(&deployment, "bob", "verify-email", 2);
    let results: Vec<_> = bobs.iter().map(|token| verify(&server, token).status).collect();
    assert!(results == [204, 403] || results == [403, 204], "the newer link replaces the older one: {results:?}");

    // A reset. The request tells nothing, and no header changes the link.
    let answer = visitor.post(LOGIN).json(credentials("ada")).send().expect(200);
    let (session, refresh) = (visitor.with_token(answer.text("/access_token")), answer.text("/refresh_token"));
    let body = json!({ "email": email("ada") }).to_string();
    let hostile = format!(
        "POST {FORGOT} HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: http\r\n\
         Forwarded: host=evil.test\r\nReferer: https://evil.test/\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let known = server.connect().exchange(hostile.as_bytes()).expect("an answer");
    assert_eq!(known.status, 202);
    let unknown = visitor.post(FORGOT).json(json!({ "email": email("stranger") })).send().expect(202);
    assert_eq!(seen(&known), seen(&unknown));
    visitor.post(FORGOT).json(json!({ "email": "ada" })).send().refused(422, "validation_failed");
    let first = token(&deployment, "ada", "reset-password");
    visitor.post(FORGOT).json(json!({ "email": email("ada") })).send().expect(202);
    let both = tokens(&deployment, "ada", "reset-password", 2);
    let newest = both.iter().find(|token| **token != first).expect("another token");
    session.get(PROFILE).send().expect(200);
    reset(&server, &first, NEW).refused(403, "link_invalid");
    verify(&server, newest).refused(403, "link_invalid");
    reset(&server, newest, "short").refused(422, "validation_failed").at("/password", "too_short");
    let statuses = at_once(10, |_| reset(&server, newest, NEW).status);
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 403].contains(status)), "{statuses:?}");
    reset(&server, newest, NEW).refused(403, "link_invalid");

    // What was given out before is dead.
    session.get(PROFILE).send().refused(401, "invalid_token");
    visitor.post(REFRESH).json(json!({ "refresh_token": refresh })).send().refused(401, "invalid_refresh_token");
    visitor.post(LOGIN).json(credentials("ada")).send().refused(401, "invalid_credentials");
    visitor.post(LOGIN).json(json!({ "email": email("ada"), "password": NEW })).send().expect(200);
    wait_for("a notice", || mails(&deployment, "ada", "Your password was changed").pop());

    // The tokens are in the mails alone.
    let admin = log_in(&server, "grace");
    let jobs = admin.get("/api/v1/jobs?queue=mails&limit=100").send().ok();
    let log = server.log();
    for token in both.iter().chain(&bobs).chain([&link]) {
        let secret = &token["skep_link_".len() + 32..];
        assert!(!String::from_utf8_lossy(&jobs.body).contains(secret) && !log.contains(secret));
    }
    assert!(!String::from_utf8_lossy(&jobs.body).contains("@example.com"), "jobs name accounts by their ids");
    server.stop();
}

fn the_setting_decides_which_callers_register(store: &Store) {
    let mut deployment = deployment(store);
    let create = ["user", "create", "--role", "admin", "--display-name", "Eve", "--password-stdin", "--email"];
    let created = |deployment: &Deployment, name: &str| {
        let address = email(name);
        let arguments: Vec<&str> = create.iter().copied().chain([address.as_str()]).collect();
        deployment.run(&arguments, &format!("{PASSWORD}\n"), &[]).ok()
    };
    deployment.set("SKEP_REGISTRATION", "verified");
    let server = deployment.start();
    let visitor = server.visitor();
    let register = |name: &str| visitor.post(REGISTER).json(account(name)).send().expect(202);
    let new = register("ada");
    let link = token(&deployment, "ada", "verify-email");
    let wrong = json!({ "email": email("ada"), "password": NEW });
    let wrong = visitor.post(LOGIN).json(wrong).send().refused(401, "invalid_credentials");
    let unverified = visitor.post(LOGIN).json(credentials("ada")).send().refused(401, "invalid_credentials");
    let shown = |answer: &Answer| (answer.json()["title"].clone(), answer.json()["detail"].clone());
    assert_eq!(shown(&wrong), shown(&unverified));
    verify(&server, &link).expect(204);
    assert_eq!(is_verified(&server, "ada"), true);
    let taken = register("ada");
    assert_eq!(seen(&new), seen(&taken));
    wait_for("a mail", || mails(&deployment, "ada", "You already have an account").pop());
    created(&deployment, "eve");
    log_in(&server, "eve");
    server.stop();

    deployment.set("SKEP_REGISTRATION", "closed");
    let server = deployment.start();
    server.visitor().post(REGISTER).json(account("carl")).send().refused(403, "registration_closed");
    created(&deployment, "fay");
    log_in(&server, "fay");
    server.stop();
}

/// A stranger registers the address of Ada before she does.
fn an_address_that_a_stranger_registered_first_is_not_verified_for_it(store: &Store) {
    let mut deployment = deployment(store);
    deployment.set("SKEP_REGISTRATION", "verified");
    let server = deployment.start();
    let visitor = server.visitor();
    visitor.post(REGISTER).json(account("ada")).send().expect(202);
    let first = token(&deployment, "ada", "verify-email");
    let open =
        |token: &str, password: &str| visitor.post(VERIFY).json(json!({ "token": token, "password": password })).send();
    // Ada opens the link, and registers, too. Her password is not that of the account.
    open(&first, NEW).refused(403, "wrong_password");
    let hers = json!({ "email": email("ada"), "password": NEW, "display_name": "Ada" });
    visitor.post(REGISTER).json(hers).send().expect(202);
    let both = tokens(&deployment, "ada", "verify-email", 2);
    let newest = both.iter().find(|token| **token != first).expect("another token");
    open(&first, PASSWORD).refused(403, "link_invalid");
    for _ in 0..2 {
        open(newest, NEW).refused(403, "wrong_password");
    }
    visitor.post(LOGIN).json(credentials("ada")).send().refused(401, "invalid_credentials");
    // A new password makes the account hers.
    visitor.post(FORGOT).json(json!({ "email": email("ada") })).send().expect(202);
    reset(&server, &token(&deployment, "ada", "reset-password"), NEW).expect(204);
    visitor.post(LOGIN).json(credentials("ada")).send().refused(401, "invalid_credentials");
    visitor.post(LOGIN).json(json!({ "email": email("ada"), "password": NEW })).send().expect(200);
    open(newest, NEW).expect(204);
    server.stop();
}
