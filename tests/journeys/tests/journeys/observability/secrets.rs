//! Secrets are planted everywhere and searched for in everything that the server shows.

use crate::shop::{LOGIN, ORDERS, PRODUCTS, PROFILE, REGISTER, SETUP, basket, path, product};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use skep_journeys::{Answer, Call, Collector, Deployment, Server, Store, Wire, wait_for};
use std::fs;

const REFRESH: &str = "/api/v1/auth/refresh";
const PASSWORD: &str = "Planted-Password-7f3a2c";
const WRONG: &str = "Planted-Wrong-91bc44d0";
const KEY: &str = "planted-idempotency-key-5d2e";
const METRICS: &str = "planted-metrics-token-c41b";
const REDIS: &str = "planted-redis-password-08aa";
const DATABASE: &str = "planted-database-password-77e1";
const EMAIL: &str = "planted-address-3b9d@example.com";

/// The planted secrets, and the texts that must not have them.
struct Search {
    planted: Vec<(&'static str, String)>,
    shown: Vec<(String, String)>,
}

impl Search {
    /// Sends a call whose answer must not have a secret. Callers may pass an answer on, for example as an error report.
    #[track_caller]
    fn answered(&mut self, call: Call<'_>, status: u16) -> Answer {
        let answer = call.send().expect(status);
        self.shown.push((format!("{answer:?}"), String::from_utf8_lossy(&answer.body).into_owned()));
        answer
    }

    #[track_caller]
    fn finds_nothing(&self) {
        for (place, text) in &self.shown {
            for (name, secret) in &self.planted {
                let found = text.find(secret).map(|at| text[..at].lines().last().unwrap_or_default());
                assert!(found.is_none(), "{place} shows the {name} after {found:?}");
            }
        }
    }
}

pub(super) fn no_secret_is_shown(store: &Store) {
    for format in ["human", "json"] {
        a_whole_life(store, format);
    }
    wrong_configurations(store);
}

fn a_whole_life(store: &Store, format: &str) {
    let collector = Collector::start();
    let mut deployment = Deployment::new(store);
    // Redis is always away, so the log reports its address.
    let redis = format!("redis://:{REDIS}@127.0.0.1:1");
    for (name, value) in [
        ("LOG_LEVEL", "trace"),
        ("SKEP_LOG_FORMAT", format),
        ("SKEP_METRICS_TOKEN", METRICS),
        ("REDIS_URL", &redis),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
    ] {
        deployment.set(name, value);
    }
    let wire = (*store != Store::Sqlite).then(|| Wire::to_the_store_of(&mut deployment));
    let server = deployment.start();
    let mut search = Search { planted: planted(&deployment), shown: vec![] };

    let setup = server.setup_token().expect("a token");
    let (token, refresh) = live(&server, &setup, &mut search);
    if let Some(wire) = wire {
        lose_the_store(&server, &wire, &token, &mut search);
    }
    let metrics = server.visitor().with_token(METRICS).get("/metrics").send().ok();
    search.shown.push(("/metrics".to_owned(), String::from_utf8_lossy(&metrics.body).into_owned()));

    search.planted.push(("access token", token.clone()));
    search.planted.push(("refresh token", refresh));
    search.planted.push(("signature of the token", token.rsplit('.').next().expect("a signature").to_owned()));
    wait_for("spans", || collector.spans().iter().any(|span| span.name == "POST /api/v1/orders").then_some(()));
    server.terminate();
    let out = server.out();
    // The standard output shows the token for setup, once.
    assert_eq!(out.matches(&setup).count(), 1, "{out}");
    search.shown.push(("the standard output".to_owned(), out.replace(&setup, "")));
    search.planted.push(("token for setup", setup));
    let exit = server.wait();
    assert!(exit.log.contains("TRACE") && exit.log.contains("access"), "the log has every level");
    search.shown.push((format!("the log ({format})"), exit.log.clone()));
    search.shown.push(("the spans".to_owned(), String::from_utf8_lossy(&collector.bytes()).into_owned()));
    // An e-mail address is not a secret, but it does not belong in the log.
    assert!(!exit.log.contains(EMAIL), "an address is in the log");
    search.finds_nothing();
}

fn planted(deployment: &Deployment) -> Vec<(&'static str, String)> {
    let mut planted = vec![
        ("password", PASSWORD.to_owned()),
        ("wrong password", WRONG.to_owned()),
        ("password of a basic login", STANDARD.encode(format!("{EMAIL}:{PASSWORD}"))),
        ("idempotency key", KEY.to_owned()),
        ("token for the metrics", METRICS.to_owned()),
        ("password of redis", REDIS.to_owned()),
        ("secret of the instance", fs::read_to_string(deployment.secret_file()).expect("a secret").trim().to_owned()),
    ];
    let url = deployment.settings().find(|(name, _)| name == "DATABASE_URL" || name == "MONGODB_URI");
    let credentials = url.as_ref().and_then(|(_, url)| url.split_once("://")?.1.rsplit_once('@'));
    if let Some((_, password)) = credentials.and_then(|(credentials, _)| credentials.split_once(':')) {
        planted.push(("password of the database", password.to_owned()));
    }
    planted
}

fn account(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password, "display_name": "Grace" })
}

/// Makes every kind of call, valid and invalid. Returns the access token and a refresh token.
fn live(server: &Server, setup: &str, search: &mut Search) -> (String, String) {
    let visitor = server.visitor();
    let with = |token: &str| {
        let mut body = account(EMAIL, PASSWORD);
        body["token"] = token.into();
        body
    };
    search.answered(visitor.post(SETUP).json(with(WRONG)), 403);
    search.answered(visitor.post(SETUP).json(with(setup)), 201);
    search.answered(visitor.post(SETUP).json(with(setup)), 409);
    search.answered(visitor.post(REGISTER).json(account(EMAIL, PASSWORD)), 409);
    let credentials = |password: &str| json!({ "email": EMAIL, "password": password });
    search.answered(visitor.post(LOGIN).json(credentials(WRONG)), 401);
    let login = visitor.post(LOGIN).json(credentials(PASSWORD)).send().ok();
    let (token, refresh) = (login.text("/access_token"), login.text("/refresh_token"));
    visitor.post(REFRESH).json(json!({ "refresh_token": refresh })).send().expect(200);
    search.answered(visitor.post(REFRESH).json(json!({ "refresh_token": [refresh] })), 422);
    search.answered(visitor.post(REFRESH).json(json!({ "refresh_token": format!("{refresh}x") })), 401);
    search.answered(visitor.with_token(&refresh).get(PROFILE), 401);

    // Invalid bodies of every kind, with a secret in the wrong place.
    search.answered(visitor.post(LOGIN).json(json!({ "email": PASSWORD, "password": [PASSWORD] })), 422);
    search.answered(visitor.post(LOGIN).json(json!({ "email": EMAIL, "password": PASSWORD, "x": WRONG })), 422);
    search.answered(visitor.post(LOGIN).text("application/json", format!("{{\"password\": \"{PASSWORD}\", ")), 400);
    let twice = format!("{{\"password\": \"{PASSWORD}\", \"password\": \"{WRONG}\"}}");
    search.answered(visitor.post(LOGIN).text("application/json", twice), 400);
    search.answered(visitor.post(REGISTER).json(account(PASSWORD, PASSWORD)), 422);
    search.answered(visitor.post(REGISTER).json(account("ada@example.com", &PASSWORD.repeat(99))), 422);
    search.answered(visitor.post(LOGIN).text("text/plain", PASSWORD), 415);

    let grace = visitor.with_token(&token);
    let honey = search.answered(grace.post(PRODUCTS).json(product("HONEY", 1999, 10)).key(KEY), 201).text("/id");
    search.answered(grace.post(PRODUCTS).json(product("HONEY", 1999, 10)), 409);
    search.answered(grace.post(ORDERS).json(basket(&[(&honey, 1)])).key(KEY), 201);
    search.answered(grace.post(ORDERS).json(basket(&[(&honey, 2)])).key(KEY), 422);
    search.answered(grace.post(ORDERS).json(basket(&[(&honey, 99)])), 409);
    search.answered(grace.patch(path(&honey)).if_match("*").json(json!({ "name": [PASSWORD] })), 422);
    search.answered(grace.get(PROFILE), 200);

    // Secrets in the wrong parts of a request.
    search.answered(visitor.get(format!("{PRODUCTS}?access_token={token}")), 400);
    search.answered(visitor.get(format!("{PRODUCTS}?cursor={WRONG}")), 400);
    search.answered(visitor.get(format!("/no/such/{PASSWORD}?password={PASSWORD}")), 404);
    search.answered(visitor.get(path(PASSWORD)), 404);
    let basic = format!("Basic {}", STANDARD.encode(format!("{EMAIL}:{PASSWORD}")));
    search.answered(visitor.get(PROFILE).header("Authorization", basic), 401);
    search.answered(visitor.with_token(format!("{token}x")).get(PROFILE), 401);
    search.answered(visitor.with_token(WRONG).get("/metrics"), 401);
    search.answered(grace.get(PROFILE).header("Cookie", format!("session={WRONG}")), 200);
    (token, refresh)
}

fn lose_the_store(server: &Server, wire: &Wire, token: &str, search: &mut Search) {
    let grace = server.visitor().with_token(token);
    wire.cut();
    search.answered(server.visitor().get("/ready"), 503);
    search.answered(grace.get(PROFILE), 503);
    search.answered(server.visitor().post(LOGIN).json(json!({ "email": EMAIL, "password": PASSWORD })), 503);
    wire.mend();
    wait_for("the store to be back", || (grace.get(PROFILE).send().status == 200).then_some(()));
}

fn wrong_configurations(store: &Store) {
    let deployment = Deployment::new(store);
    let mut search = Search {
        planted: vec![("password of the database", DATABASE.to_owned()), ("password of redis", REDIS.to_owned())],
        shown: vec![],
    };
    let postgres = format!("postgres://skep:{DATABASE}@127.0.0.1:1/skep");
    let mongodb = format!("mongodb://skep:{DATABASE}@127.0.0.1:1/skep?replicaSet=rs0");
    let redis = format!("redis://:{REDIS}@127.0.0.1:1");
    let clear = [("DATABASE_URL", ""), ("MONGODB_URI", ""), ("LOG_LEVEL", "trace"), ("SKEP_START_TIMEOUT", "1")];
    for wrong in [
        vec![("DATABASE_URL", &*postgres)],
        vec![("MONGODB_URI", &mongodb)],
        vec![("DATABASE_URL", &postgres), ("MONGODB_URI", &mongodb)],
        vec![("DATABASE_URL", &mongodb), ("PORT", "eighty")],
        vec![("DATABASE_URL", DATABASE)],
        vec![("REDIS_URL", &postgres)],
        vec![("SKEP_STORE", "postgres"), ("REDIS_URL", &redis)],
        vec![("OTEL_EXPORTER_OTLP_ENDPOINT", &redis)],
    ] {
        let settings = [&clear[..], &wrong].concat();
        for arguments in [&["serve"][..], &["check"], &["check", "--json"], &["migrate", "status"]] {
            let output = deployment.run(arguments, "", &settings);
            assert_eq!(output.code, Some(1), "{arguments:?} {wrong:?} {output:?}");
            search.shown.push((format!("{arguments:?} {wrong:?}"), format!("{}{}", output.out, output.err)));
        }
    }
    let file = format!("[store]\ndatabase_url = \"{postgres}\"\npassword = \"{DATABASE}\"\n[redis]\nurl = '{redis}\n");
    fs::write(deployment.path("skep.toml"), file).expect("a file");
    let output = deployment.run(&["serve"], "", &clear);
    search.shown.push(("a broken file".to_owned(), format!("{}{}", output.out, output.err)));
    search.finds_nothing();
}
