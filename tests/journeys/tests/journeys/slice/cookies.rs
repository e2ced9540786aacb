//! Sessions of browsers: a cookie stands for the user, and other sites cannot use it.

use super::Context;
use crate::{
    Journey, Needs,
    shop::{LOGIN, PASSWORD, PROFILE, Shop, all, credentials},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Call, Client, Deployment, Server, Store, wait_for};

const SESSIONS: &str = "/api/v1/users/me/sessions";
const LOGOUT: &str = "/api/v1/auth/logout";
const CSRF: &str = "/api/v1/auth/csrf";
const CHANGE: &str = "/api/v1/users/me/password";
const NEW_PASSWORD: &str = "seven tall sunflowers";

pub(crate) const CONTEXT: Context = Context {
    journeys: &[
        Journey::new("slice::cookies", a_browser_logs_in_reads_changes_and_logs_out),
        Journey::new("slice::cookies_forged", a_page_of_another_site_changes_nothing),
        Journey::new("slice::cookies_broken", broken_cookies_are_those_of_a_visitor),
        Journey::new("slice::cookies_ends", what_ends_a_session_ends_its_cookie),
        Journey::new("slice::cookies_https", with_https_the_cookie_belongs_to_the_host),
        Journey::new("slice::cookies_instances", what_one_instance_ends_the_other_refuses).needing(Needs::Server),
    ],
    things: &[],
    unique: &[],
    bodies: &[],
};

/// A browser with the cookie of a session.
struct Browser {
    client: Client,
    /// The name and the value of the cookie.
    cookie: String,
    csrf: String,
}

impl Browser {
    #[track_caller]
    fn of(server: &Server, answer: &Answer) -> Self {
        let set = answer.header("set-cookie").expect("a cookie");
        let cookie = set.split(';').next().unwrap_or_default().to_owned();
        Self { client: server.visitor(), cookie, csrf: answer.text("/csrf_token") }
    }

    #[track_caller]
    fn log_in(server: &Server, name: &str) -> Self {
        Self::of(server, &login(&server.visitor(), name).send().expect(200))
    }

    fn get(&self, path: &str) -> Call<'_> {
        self.client.get(path).header("Cookie", &self.cookie)
    }

    /// A change without a CSRF token.
    fn bare(&self, name: &str) -> Call<'_> {
        let change = self.client.patch(PROFILE).header("Cookie", &self.cookie).if_match("*");
        change.json(json!({ "display_name": name }))
    }

    fn change(&self, name: &str) -> Call<'_> {
        self.bare(name).header("X-CSRF-Token", &self.csrf)
    }

    fn send<'c>(&'c self, method: &'c str, path: &str) -> Call<'c> {
        self.client.call(method, path).header("Cookie", &self.cookie).header("X-CSRF-Token", &self.csrf)
    }

    #[track_caller]
    fn is_alive(&self) {
        self.get(PROFILE).send().expect(200);
    }

    #[track_caller]
    fn is_dead(&self) {
        self.get(PROFILE).send().refused(401, "unauthenticated");
        self.change("Eve").send().refused(401, "unauthenticated");
    }

    fn at(&self, server: &Server) -> Self {
        Self { client: server.visitor(), cookie: self.cookie.clone(), csrf: self.csrf.clone() }
    }
}

fn login<'c>(visitor: &'c Client, name: &str) -> Call<'c> {
    visitor.post(LOGIN).json(cookie_credentials(name))
}

fn cookie_credentials(name: &str) -> Value {
    let mut body = credentials(name);
    body["session"] = json!("cookie");
    body
}

fn name_of(browser: &Browser) -> String {
    browser.get(PROFILE).send().ok().text("/display_name")
}

fn a_browser_logs_in_reads_changes_and_logs_out(store: &Store) {
    let shop = Shop::open(store);
    let token = shop.user("ada");
    let visitor = shop.server.visitor();
    let answer = login(&visitor, "ada").header("Accept-Encoding", "gzip").send().expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-encoding"), None);
    let set = answer.header("set-cookie").expect("a cookie");
    let (value, attributes) = set.split_once("; ").expect("attributes");
    let secret = value.strip_prefix("skep_session=").expect("the name without https");
    assert!(secret.starts_with("skep_cs_") && secret.len() == 136, "{secret}");
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax");
    let body = answer.json();
    assert_eq!((&body["status"], &body["expires_in"]), (&json!("complete"), &json!(1_800)));
    assert_eq!((&body["session_expires_in"], body.as_object().map(|body| body.len())), (&json!(43_200), Some(4)));
    let browser = Browser::of(&shop.server, &answer);

    // The token is the same as long as the session lasts, and the answer with it is not compressed.
    let shown = browser.get(CSRF).header("Accept-Encoding", "gzip, identity;q=0").send().expect(200);
    assert_eq!(shown.text("/csrf_token"), browser.csrf);
    assert_eq!(shown.header("cache-control"), Some("no-store, no-transform"));
    assert_eq!(shown.header("content-encoding"), None);
    token.get(CSRF).send().refused(409, "no_cookie_session");
    visitor.get(CSRF).send().refused(401, "unauthenticated");

    browser.change("Ada Byron").send().expect(200);
    assert_eq!(name_of(&browser), "Ada Byron");
    let kinds = |client: Vec<Value>| client.iter().map(|session| session["kind"].clone()).collect::<Vec<_>>();
    assert_eq!(kinds(all(&token, SESSIONS)), [json!("cookie"), json!("token")]);
    let listed = browser.get(SESSIONS).send().ok().json();
    assert_eq!((&listed["data"][0]["current"], &listed["data"][1]["current"]), (&json!(true), &json!(false)));

    // A request with a token is judged by it alone.
    let (of_grace, bad) = (shop.admin.token(), "x.y.z");
    let as_grace = |call: Call<'_>| call.header("Authorization", format!("Bearer {of_grace}")).send();
    assert_eq!(as_grace(browser.get(PROFILE)).ok().text("/email"), "grace@example.com");
    assert_eq!(as_grace(browser.bare("Grace Hopper")).ok().text("/email"), "grace@example.com");
    assert_eq!(name_of(&browser), "Ada Byron");
    browser.get(PROFILE).header("Authorization", format!("Bearer {bad}")).send().refused(401, "invalid_token");
    browser.change("Eve").header("Authorization", "Basic YTpi").send().refused(401, "invalid_token");

    // Another login from the same browser has another secret, and ends the session that it had.
    let again = login(&visitor, "ada").header("Cookie", &browser.cookie).send().expect(200);
    let next = Browser::of(&shop.server, &again);
    assert!(next.cookie != browser.cookie && next.csrf != browser.csrf);
    browser.is_dead();
    next.bare("Eve").header("X-CSRF-Token", &browser.csrf).send().refused(403, "csrf_token_invalid");

    let out = next.send("POST", LOGOUT).send().expect(204);
    assert_eq!(out.header("set-cookie"), Some("skep_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"));
    assert_eq!(out.header("clear-site-data"), Some("\"cookies\", \"storage\""));
    next.is_dead();
    next.send("POST", LOGOUT).send().refused(401, "unauthenticated");
    let out = token.post(LOGOUT).send().expect(204);
    assert_eq!((out.header("set-cookie"), out.header("clear-site-data")), (None, None));

    // The browser also forgets the session of an account that is deleted.
    let last = Browser::of(&shop.server, &login(&visitor, "ada").send().expect(200));
    let deletion = json!({ "current_password": PASSWORD });
    let out = last.send("DELETE", PROFILE).json(deletion).send().expect(202);
    assert_eq!(out.header("set-cookie"), Some("skep_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"));
    assert_eq!(out.header("clear-site-data"), Some("\"cookies\", \"storage\""));
    last.is_dead();
    shop.server.stop();
}

fn a_page_of_another_site_changes_nothing(store: &Store) {
    let shop = Shop::open(store);
    shop.user("ada");
    let (browser, other) = (Browser::log_in(&shop.server, "ada"), Browser::log_in(&shop.server, "ada"));
    let (name, visitor) = (name_of(&browser), shop.server.visitor());
    browser.bare("Eve").send().refused(403, "csrf_token_invalid");
    let of_cookie = browser.cookie.split_once('=').expect("a value").1.to_owned();
    for token in [other.csrf.clone(), String::new(), browser.csrf[..browser.csrf.len() - 1].to_owned(), of_cookie] {
        browser.bare("Eve").header("X-CSRF-Token", token).send().refused(403, "csrf_token_invalid");
    }
    browser.change("Eve").header("X-CSRF-Token", &browser.csrf).send().refused(403, "csrf_token_invalid");
    // The query is no place for a secret.
    let in_query = format!("{PROFILE}?csrf_token={}", browser.csrf);
    let call = visitor.patch(in_query).header("Cookie", &browser.cookie).if_match("*");
    assert!((400..404).contains(&call.json(json!({ "display_name": "Eve" })).send().status));

    // The host that the client of the journeys names.
    let host = String::from_utf8_lossy(&visitor.get("/").bytes()).to_string();
    let host = host.lines().find_map(|line| line.strip_prefix("Host: ")).expect("a host").to_owned();
    let foreign = [("Origin", "https://evil.test"), ("Origin", "null"), ("Origin", "http://127.0.0.1:1")];
    let sites = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site")];
    for (header, value) in foreign.into_iter().chain(sites) {
        browser.change("Eve").header(header, value).send().refused(403, "cross_site_request");
        browser.send("POST", LOGOUT).header(header, value).send().refused(403, "cross_site_request");
        login(&visitor, "ada").header(header, value).send().refused(403, "cross_site_request");
        // A read changes nothing, and a login with tokens leaves nothing in the browser.
        browser.get(PROFILE).header(header, value).send().expect(200);
        visitor.post(LOGIN).header(header, value).json(credentials("ada")).send().expect(200);
    }
    assert_eq!(name_of(&browser), name);
    let own = |call: Call<'_>| {
        call.header("Origin", format!("http://{host}")).header("Sec-Fetch-Site", "same-origin").send().expect(200)
    };
    own(browser.change("Ada Byron"));
    own(login(&visitor, "ada"));
    login(&visitor, "ada").header("Sec-Fetch-Site", "none").send().expect(200);
    let mut odd = credentials("ada");
    odd["session"] = json!("both");
    visitor.post(LOGIN).json(odd).send().refused(422, "validation_failed").at("/session", "invalid_value");
    shop.server.stop();
}

fn broken_cookies_are_those_of_a_visitor(store: &Store) {
    let shop = Shop::open(store);
    shop.user("ada");
    let (browser, visitor) = (Browser::log_in(&shop.server, "ada"), shop.server.visitor());
    let good = &browser.cookie;
    let tampered = |place: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
        String::from_utf8(bytes).expect("text")
    };
    let refresh = visitor.post(LOGIN).json(credentials("ada")).send().ok().text("/refresh_token");
    for cookie in [
        tampered(good.len() - 1),
        tampered(good.len() - 40),
        tampered(30),
        format!("{good}; {good}"),
        format!("{good}; skep_session=x"),
        format!("skep_session=; {good}"),
        format!("__Host-{good}"),
        "skep_session".to_owned(),
        "skep_session=*".to_owned(),
        "skep_session=rl:login".to_owned(),
        format!("skep_session={refresh}"),
        format!("skep_session={}", "a".repeat(4_096)),
        "skep_session=\u{e9}\u{1f41d}".to_owned(),
        ";;;=;".to_owned(),
    ] {
        visitor.get(PROFILE).header("Cookie", &cookie).send().refused(401, "unauthenticated");
        visitor.get("/api/v1/products").header("Cookie", &cookie).send().expect(200);
        let call = visitor.post(LOGOUT).header("Cookie", &cookie).header("X-CSRF-Token", &browser.csrf);
        call.send().refused(401, "unauthenticated");
        login(&visitor, "ada").header("Cookie", &cookie).send().expect(200);
    }
    let two_lines = browser.get(PROFILE).header("Cookie", good);
    two_lines.send().refused(401, "unauthenticated");
    let huge = visitor.get(PROFILE).header("Cookie", format!("skep_session={}", "a".repeat(64 << 10))).try_send();
    assert!(huge.is_err() || huge.is_ok_and(|answer| answer.status == 431));
    let token = good.split_once('=').expect("a value").1;
    visitor.with_token(token).get(PROFILE).send().refused(401, "invalid_token");
    visitor
        .post("/api/v1/auth/refresh")
        .json(json!({ "refresh_token": token }))
        .send()
        .refused(401, "invalid_refresh_token");
    browser.get(PROFILE).header("X-Other", "1").send().expect(200);
    visitor.get(PROFILE).header("Cookie", format!("a=1; {good}; b=2")).send().expect(200);
    shop.server.stop();
}

fn what_ends_a_session_ends_its_cookie(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let newest = || all(&ada, SESSIONS)[0]["id"].as_str().expect("an id").to_owned();

    let browser = Browser::log_in(&shop.server, "ada");
    ada.delete(format!("{SESSIONS}/{}", newest())).send().expect(204);
    browser.is_dead();
    let browser = Browser::log_in(&shop.server, "ada");
    ada.delete(SESSIONS).send().expect(204);
    browser.is_dead();
    // A browser ends the session of a program, too.
    let (browser, program) = (Browser::log_in(&shop.server, "ada"), crate::shop::log_in(&shop.server, "ada"));
    browser.send("DELETE", &format!("{SESSIONS}/{}", newest())).send().expect(204);
    program.get(PROFILE).send().refused(401, "invalid_token");

    let other = Browser::log_in(&shop.server, "ada");
    let passwords = |current: &str, new: &str| json!({ "current_password": current, "new_password": new });
    let forged = browser.client.post(CHANGE).header("Cookie", &browser.cookie).json(passwords(PASSWORD, NEW_PASSWORD));
    forged.send().refused(403, "csrf_token_invalid");
    let changed = browser.send("POST", CHANGE).json(passwords(PASSWORD, NEW_PASSWORD)).send().expect(200);
    assert!(changed.json().get("access_token").is_none(), "{changed:?}");
    let next = Browser::of(&shop.server, &changed);
    [&browser, &other].into_iter().for_each(Browser::is_dead);
    ada.get(PROFILE).send().refused(401, "invalid_token");
    next.is_alive();
    next.change("Ada Byron").send().expect(200);

    let id = next.get(PROFILE).send().ok().text("/id");
    shop.admin.post(format!("/api/v1/users/{id}/disable")).send().expect(200);
    next.is_dead();
    shop.admin.post(format!("/api/v1/users/{id}/enable")).send().expect(200);
    next.is_dead();
    shop.server.stop();
}

fn with_https_the_cookie_belongs_to_the_host(store: &Store) {
    let mut deployment = Deployment::new(store);
    let note = "skep_session without Secure";
    deployment.set("PUBLIC_URL", "https://shop.test");
    deployment.set("LOG_LEVEL", "info");
    let shop = Shop::open_on(deployment);
    assert!(!shop.server.log().contains(note), "{}", shop.server.log());
    shop.user("ada");
    let visitor = shop.server.visitor();
    let call = login(&visitor, "ada").header("Origin", "https://shop.test").header("Sec-Fetch-Site", "same-origin");
    let answer = call.send().expect(200);
    let set = answer.header("set-cookie").expect("a cookie");
    assert!(set.starts_with("__Host-skep_session=skep_cs_"), "{set}");
    assert!(set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{set}");
    let browser = Browser::of(&shop.server, &answer);
    browser.is_alive();
    let plain = browser.cookie.replace("__Host-", "");
    visitor.get(PROFILE).header("Cookie", plain).send().refused(401, "unauthenticated");
    browser.change("Eve").header("Origin", "http://shop.test").send().refused(403, "cross_site_request");
    browser.change("Ada Byron").header("Origin", "https://shop.test").send().expect(200);
    let out = browser.send("POST", LOGOUT).send().expect(204);
    let cleared = "__Host-skep_session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";
    assert_eq!(out.header("set-cookie"), Some(cleared));
    shop.server.stop();

    let mut deployment = Deployment::new(store);
    deployment.set("LOG_LEVEL", "info");
    let plain = deployment.start();
    wait_for("the note in the log", || plain.log().contains(note).then_some(()));
    plain.stop();
}

fn what_one_instance_ends_the_other_refuses(store: &Store) {
    let shop = Shop::open(store);
    let second = shop.deployment.start_second();
    let ada = shop.user("ada");
    for round in 0..5 {
        let (here, there) = if round % 2 == 0 { (&shop.server, &second) } else { (&second, &shop.server) };
        let (one, two) = (Browser::log_in(here, "ada"), Browser::log_in(here, "ada"));
        one.at(there).is_alive();
        one.at(there).change("Ada Byron").send().expect(200);
        one.send("POST", LOGOUT).send().expect(204);
        one.at(there).is_dead();
        there.known(&ada).delete(SESSIONS).send().expect(204);
        two.is_dead();
        let three = Browser::log_in(there, "ada");
        login(&here.visitor(), "ada").header("Cookie", &three.cookie).send().expect(200);
        three.is_dead();
    }
    second.stop();
    shop.server.stop();
}
