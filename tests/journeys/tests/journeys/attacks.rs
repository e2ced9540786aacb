//! Attacks that span several operations: injections, hostile headers, many accounts, and secrets in the store.

use crate::{
    Journey,
    authorization::operations::Operation,
    scene::Scene,
    shop::{
        LOGIN, PASSWORD, PRODUCTS, PROFILE, REGISTER, SETUP, Shop, account, credentials, email, log_in, path, product,
        with_token,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use skep_journeys::{Deployment, Store};
use std::collections::BTreeMap;

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("attacks::injections", a_text_of_a_query_language_is_a_value),
    Journey::new("attacks::overrides", a_header_or_an_odd_path_gets_around_no_decision),
    Journey::new("attacks::spraying", one_password_for_many_accounts_is_limited),
    Journey::new("attacks::restart", a_restart_revives_no_session),
    Journey::new("attacks::log", no_value_adds_a_line_to_the_log),
    Journey::new("attacks::stored", the_store_holds_no_secret_in_the_clear),
    Journey::new("attacks::reads", a_read_changes_nothing),
];

const REFRESH: &str = "/api/v1/auth/refresh";
const LOGOUT: &str = "/api/v1/auth/logout";
const FORGOT: &str = "/api/v1/auth/forgot-password";

const INJECTIONS: [&str; 4] = [
    "' OR '1'='1' --",
    "\"; DROP TABLE users; SELECT pg_sleep(9); --",
    "{\"$gt\": \"\", \"$where\": \"sleep(9000)\"}",
    "{{7*7}}${7*7}<%= 7*7 %>$(reboot)`id`",
];

/// Each text goes into each member of each body, and into the path and the query of each read.
fn a_text_of_a_query_language_is_a_value(store: &Store) {
    let shop = Shop::open(store);
    let owner = shop.user("owner");
    let sku = |number: usize| format!("SKU-{number}");
    let mut made = BTreeMap::new();
    for (number, text) in INJECTIONS.iter().enumerate() {
        let mut body = product(&sku(number), 100, 1);
        (body["name"], body["description"]) = (json!(text), json!(text));
        made.insert(*text, shop.admin.post(PRODUCTS).json(body).send().expect(201).text("/id"));
    }
    let mut sent = 0;
    for operation in Operation::all(shop.admin.contract().document()) {
        if operation.ends_session().is_some() {
            continue;
        }
        let scene = Scene::new(&shop, &owner);
        let members = operation.schema.as_ref().and_then(|schema| schema["properties"].as_object());
        for member in members.into_iter().flat_map(|members| members.keys()) {
            let texts = INJECTIONS.iter().map(|text| json!(text));
            for value in texts.chain([json!({ "$ne": null }), json!([{ "$gt": "" }])]) {
                let answer = operation.call_with(&shop.admin, &scene, |body| body[member] = value.clone()).send();
                assert!(answer.status < 500, "{}: {member} = {value}: {answer:?}", operation.name);
                sent += 1;
            }
        }
        for text in INJECTIONS.into_iter().filter(|_| operation.is_read()) {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let target = scene.path(operation.template());
            for target in [format!("{target}?{encoded}={encoded}"), format!("{target}?sort={encoded}&filter={encoded}")]
            {
                let answer = shop.admin.get(target).send();
                assert!((400..500).contains(&answer.status), "{}: {answer:?}", operation.name);
            }
            if let Some((collection, _)) = operation.template().split_once("/{") {
                let answer = shop.admin.get(format!("{collection}/{encoded}")).send();
                assert!((400..500).contains(&answer.status), "{}: {answer:?}", operation.name);
            }
        }
    }
    assert!(sent > 300, "{sent} bodies");
    for (text, id) in made {
        let read = shop.admin.get(path(&id)).send().expect(200);
        assert_eq!((read.text("/name"), read.text("/description")), (text.to_owned(), text.to_owned()));
    }
    log_in(&shop.server, "owner").get(PROFILE).send().expect(200);
    shop.server.stop();
}

/// Proxies and frameworks know headers that replace the method or the path of a request, and paths that others read in
/// another way.
fn a_header_or_an_odd_path_gets_around_no_decision(store: &Store) {
    let shop = Shop::open(store);
    let honey = shop.product("HONEY", 1999, 10);
    let ada = shop.user("ada");
    let before = shop.state();
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"] {
        // The method is that of the request line.
        ada.get(path(&honey)).header(name, "DELETE").send().expect(200);
        ada.post(format!("{}?", path(&honey))).header(name, "GET").send().refused(405, "method_not_allowed");
        ada.delete(path(&honey)).header(name, "GET").send().refused(403, "forbidden");
    }
    for name in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Forwarded-Uri"] {
        ada.get("/api/v1/users").header(name, "/health").send().refused(403, "forbidden");
        shop.server.visitor().get(PROFILE).header(name, "/health").send().refused(401, "unauthenticated");
        assert_eq!(
            ada.get("/health").header(name, "/api/v1/users").send().expect(200).json(),
            json!({ "status": "ok" })
        );
    }
    for name in ["X-Forwarded-For", "X-Real-IP", "X-User-Id", "X-Role", "X-Admin", "X-Forwarded-User"] {
        ada.get("/api/v1/users").header(name, "127.0.0.1").send().refused(403, "forbidden");
    }
    for target in [
        "//api/v1/users",
        "/api//v1/users",
        "/api/v1//users",
        "/api/v1/users//",
        "/api/v1/users/",
        "/api/v1/users;admin=true",
        "/api;/v1/users",
        "/api/v1/./users",
        "/api/v1/products/../users",
        "/api/v1/%2e%2e/v1/users",
        "/health/../api/v1/users",
        "/api/v1/USERS",
        "/api/v1/users%20",
        "/api/v1/users.json",
        "/api/v1/users%09",
    ] {
        // The list is shown to no caller, whatever the path is taken for.
        for client in [&ada, &shop.server.visitor()] {
            let answer = client.get(target).send();
            assert!((400..500).contains(&answer.status), "{target}: {answer:?}");
        }
    }
    assert_eq!(shop.state(), before);
    shop.server.stop();
}

/// Each account is tried once, so only the network can be limited.
fn one_password_for_many_accounts_is_limited(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_LIMIT_CREDENTIALS", "12");
    deployment.set("SKEP_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = deployment.start();
    let attempt =
        |address: &str, body: Value| server.visitor().post(LOGIN).header("x-forwarded-for", address).json(body).send();
    let register = |address: &str, name: &str| {
        server.visitor().post(REGISTER).header("x-forwarded-for", address).json(account(name)).send().expect(201)
    };
    // An account exists, and the others do not. Both count.
    register("192.0.2.1", "ada");
    let names = std::iter::once("ada".to_owned()).chain((0..100).map(|number| format!("user{number}")));
    let tried = |name: String| {
        attempt("198.51.100.1", json!({ "email": email(&name), "password": "summer of 2026 in the hive" })).status
    };
    let statuses: Vec<u16> = names.map(tried).collect();
    let verified = statuses.iter().filter(|status| **status == 401).count();
    // Twelve a minute, and what is allowed again while this runs.
    assert!(verified >= 12 && statuses.contains(&429), "{statuses:?}");
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    // The owner is elsewhere, and gets in.
    attempt("192.0.2.1", credentials("ada")).expect(200);
    server.stop();
}

fn a_restart_revives_no_session(store: &Store) {
    let shop = Shop::open(store);
    shop.user("ada");
    let begin = || {
        let login = shop.server.visitor().post(LOGIN).json(credentials("ada")).send().expect(200);
        (shop.server.visitor().with_token(login.text("/access_token")), login.text("/refresh_token"))
    };
    let ((left, left_refresh), (kept, _)) = (begin(), begin());
    left.post(LOGOUT).send().expect(204);
    let Shop { server, deployment, .. } = shop;
    server.kill();

    let server = deployment.start();
    server.known(&left).get(PROFILE).send().refused(401, "invalid_token");
    let refresh = server.visitor().post(REFRESH).json(json!({ "refresh_token": left_refresh })).send();
    refresh.refused(401, "invalid_refresh_token");
    server.known(&kept).get(PROFILE).send().expect(200);
    server.stop();
}

fn no_value_adds_a_line_to_the_log(store: &Store) {
    for format in ["human", "json"] {
        let mut deployment = Deployment::new(store);
        deployment.set("LOG_LEVEL", "debug");
        deployment.set("SKEP_LOG_FORMAT", format);
        let shop = Shop::open_on(deployment);
        let forged = "\r\n2026-01-01T00:00:00Z  INFO FORGED\u{1b}[2K\u{85}\u{2028}\u{202e}";
        let encoded: String = forged.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (visitor, admin) = (shop.server.visitor(), &shop.admin);
        visitor.get(format!("/{encoded}?{encoded}={encoded}")).send();
        visitor.get(format!("{PRODUCTS}?cursor={encoded}")).send();
        visitor.get(path(&encoded)).send();
        visitor.post(LOGIN).json(json!({ "email": forged, "password": forged })).send();
        visitor.post(REGISTER).json(json!({ "email": forged, "password": forged, forged: forged })).send();
        let mut body = product("HONEY", 100, 1);
        (body["name"], body[forged]) = (json!(forged), json!(forged));
        admin.post(PRODUCTS).json(body).send();
        for name in ["User-Agent", "X-Request-Id", "traceparent", "Idempotency-Key", "Authorization", "Accept-Language"]
        {
            visitor.get(PRODUCTS).header(name, "FORGED\u{1b}[2K\u{85}").try_send().ok();
        }
        shop.server.terminate();
        let log = shop.server.wait().log;
        assert!(log.lines().count() > 5, "{log}");
        for line in log.lines() {
            assert!(!line.chars().any(char::is_control), "a control character: {line:?}");
            assert!(!line.contains(['\u{2028}', '\u{202e}']), "a character that hides others: {line:?}");
            let is_ours = match format {
                "json" => serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()),
                _ => !line.starts_with("2026-01-01T00:00:00Z"),
            };
            assert!(is_ours, "a line that Skep did not write: {line:?}");
        }
    }
}

/// A copy of the store opens nothing.
fn the_store_holds_no_secret_in_the_clear(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_LINK_URL", "https://shop.test/account");
    deployment.set("SKEP_VERIFICATION_MAILS", "on");
    let server = deployment.start();
    let visitor = server.visitor();
    let setup = server.setup_token().expect("a token");
    visitor.post(SETUP).json(with_token(&setup)).send().expect(201);
    let renewed = log_in(&server, "grace");
    visitor.post(REGISTER).key("planted-key").json(account("ada")).send().expect(201);
    let login = visitor.post(LOGIN).json(credentials("ada")).send().expect(200);
    let refreshed =
        visitor.post(REFRESH).json(json!({ "refresh_token": login.text("/refresh_token") })).send().expect(200);
    visitor.post(FORGOT).json(json!({ "email": email("ada") })).send().expect(202);
    let mut secrets = vec![PASSWORD.to_owned(), setup, renewed.token().to_owned()];
    for answer in [&login, &refreshed] {
        secrets.extend([answer.text("/access_token"), answer.text("/refresh_token")]);
    }
    secrets.extend(links(&deployment));
    let file = std::fs::read_to_string(deployment.secret_file()).expect("a secret");
    secrets.push(file.trim().to_owned());
    let stored = deployment.stored();
    let holds = |needle: &[u8]| {
        stored
            .iter()
            .find(|(_, bytes)| bytes.windows(needle.len()).any(|window| window == needle))
            .map(|(name, _)| name)
    };
    assert!(holds(email("ada").as_bytes()).is_some(), "the search finds what is there");
    for secret in secrets {
        // As it is shown, and the random bytes that its parts stand for.
        let parts = secret.split(['.', '_']).filter(|part| part.len() >= 40);
        let random =
            parts.filter_map(|part| URL_SAFE_NO_PAD.decode(part).ok()).filter(|bytes| !bytes.starts_with(b"{"));
        for needle in random.chain([secret.clone().into_bytes()]) {
            assert_eq!(holds(&needle), None, "{secret} is in the store");
        }
    }
    server.stop();
}

/// The tokens of the links in the mails that were sent so far: at least the one of the registration and of the reset.
fn links(deployment: &Deployment) -> Vec<String> {
    skep_journeys::wait_for("two mails with links", || {
        let files = std::fs::read_dir(deployment.path("data").join("mail")).ok()?;
        let texts = files.filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
        let texts: Vec<String> = texts.map(|text| text.replace("=\r\n", "").replace("=3D", "=")).collect();
        let token = |text: &String| {
            let (_, rest) = text.split_once("#token=")?;
            Some(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect::<String>())
        };
        let tokens: Vec<String> = texts.iter().filter_map(token).collect();
        (tokens.len() >= 2).then_some(tokens)
    })
}

/// Every read of the document, as another site could cause it.
fn a_read_changes_nothing(store: &Store) {
    let shop = Shop::open(store);
    let owner = shop.user("owner");
    let scene = Scene::new(&shop, &owner);
    let reads = Operation::all(shop.admin.contract().document());
    let reads = reads.iter().filter(|operation| operation.is_read());
    let targets: Vec<String> = reads.map(|read| scene.path(read.template())).collect();
    assert!(targets.len() > 20, "{targets:?}");
    let Shop { server, admin, deployment } = shop;
    server.stop();

    // Jobs and their leases would change rows meanwhile.
    let server = deployment.start_with(&[("SKEP_WORKERS", "0")]);
    let before = deployment.stored();
    assert!(before.values().filter(|bytes| !bytes.is_empty()).count() > 5, "{:?}", before.keys());
    let mut answered = 0;
    for client in [server.known(&admin), server.known(&owner), server.visitor()] {
        answered += targets.iter().filter(|target| client.get(target.as_str()).send().status == 200).count();
    }
    assert!(answered > targets.len(), "{answered} answers of {} reads by three callers", targets.len());
    let after = deployment.stored();
    let changed: Vec<&String> = before.keys().filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "reads changed {changed:?}");
    server.known(&admin).post(PRODUCTS).json(product("WAX", 100, 1)).send().expect(201);
    assert_ne!(deployment.stored(), after, "a change is noticed");
    server.stop();
}
