//! Authorization: every kind of caller calls every operation of the live document, and a table has the statuses.

pub(crate) mod operations;
mod table;

use crate::{
    Journey,
    scene::Scene,
    shop::{LOGIN, PRODUCTS, PROFILE, Shop, credentials, log_in},
    tokens::{claims, decode, encode, expired, issue, part},
};
use operations::{Operation, Token};
use serde_json::json;
use skep_application::identity::AccessClaims;
use skep_domain::shared::BuiltInRole;
use skep_journeys::{Client, Connection, Deployment, Store};
use table::{CALLERS, Row, TABLE, WORTHLESS, read};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("authorization::matrix", every_caller_gets_what_the_table_says),
    Journey::new("authorization::rule", a_wrong_table_is_caught),
    Journey::new("authorization::members", no_caller_sets_protected_members),
    Journey::new("authorization::cookies", a_cookie_without_its_csrf_token_changes_nothing),
    Journey::new("authorization::metrics_token", metrics_need_their_own_token),
    Journey::new("authorization::metrics_address", metrics_are_not_served_to_clients_of_a_proxy),
];

const USERS: &str = "/api/v1/users";

/// The paths that the document does not describe.
const SYSTEM: [&str; 6] = ["/health", "/ready", "/metrics", "/.well-known/jwks.json", "/openapi.json", "/api-docs"];

fn every_caller_gets_what_the_table_says(store: &Store) {
    let shop = Shop::open(store);
    let callers = callers(&shop);
    let document = shop.server.visitor().contract().document().clone();
    let operations = Operation::all(&document);
    if std::env::var_os("SKEP_BLESS").is_some() && matches!(store, Store::Sqlite) {
        table::write(&table::blessed(TABLE, &measured(&shop, &callers, &operations)));
        return shop.server.stop();
    }
    let found = faults(&shop, &callers, &operations, TABLE);
    assert!(found.is_empty(), "{}", found.join("\n"));
    shop.server.stop();
}

/// The check itself: a wrong table is caught.
fn a_wrong_table_is_caught(store: &Store) {
    let shop = Shop::open(store);
    let callers = callers(&shop);
    let document = shop.server.visitor().contract().document().clone();
    let of = |name: &str, table: &str| {
        let mut operations = Operation::all(&document);
        operations.retain(|operation| operation.name == name);
        faults(&shop, &callers, &operations, table)
    };
    let system = TABLE.lines().filter(|line| line.starts_with("operation") || line.starts_with("GET "));
    let system: String = system.map(|line| format!("{line}\n")).collect();
    let with = |lines: &str| format!("{system}{lines}\n");
    let good = "get_order 401 401 401 401 401 401 401 404 200 200 200 200 404 404 200 200";
    assert_eq!(of("get_order", &with(good)), Vec::<String>::new());
    let planted = [
        (with(""), "get_order has no line"),
        (
            with(&format!("{good}\nread_minds 401 401 401 401 401 401 401 403 403 403 403 403 403 403 403 403")),
            "the table has read_minds",
        ),
        (with(&good.replacen("404", "200", 1)), "get_order by other: 200 in the table"),
        (with(&good.replacen("401", "200", 1)), "the document says that a token is Required"),
        (with(&good.replacen("401 401 401 401", "401 401 401 200", 1)), "get_order by expired: 200 in the table"),
        (with(good).replacen("GET /metrics", "GET /secrets", 1), "GET /metrics has no line"),
        (with(&good.replace("200 200 404 404", "200 403 404 404")), "the audiences of its action do not make this row"),
    ];
    for (table, text) in planted {
        let found = of("get_order", &table);
        assert!(found.iter().any(|fault| fault.contains(text)), "{text}: {found:?}");
    }
    shop.server.stop();
    a_blessed_table_is_the_committed_one(&Operation::all(&document));
}

/// Blessing restores a missing line in its place, removes a line without an operation, and changes nothing else.
fn a_blessed_table_is_the_committed_one(operations: &[Operation]) {
    let committed = read(TABLE);
    let tag = |name: &str| operations.iter().find(|operation| operation.name == name).map(|one| one.tag.clone());
    let row =
        |(name, row): (&String, &Row)| (name.clone(), tag(name).unwrap_or_else(|| "system".to_owned()), row.clone());
    let found: Vec<_> = committed.iter().map(row).collect();
    assert_eq!(table::blessed(TABLE, &found), TABLE);
    let names = TABLE.lines().filter_map(|line| line.split_whitespace().next());
    let last: std::collections::BTreeMap<_, _> = names.filter_map(|name| Some((tag(name)?, name))).collect();
    assert!(last.len() > 2, "several tags: {last:?}");
    // The last line of each tag is missing.
    for name in last.into_values() {
        let without: String =
            TABLE.lines().filter(|line| !line.starts_with(name)).map(|line| format!("{line}\n")).collect();
        assert_eq!(table::blessed(&without, &found), TABLE, "{name}");
    }
    let surplus = format!("{TABLE}read_minds 401 401 401 401 401 401 401 403 403 403 403 403 403 403 403 403\n");
    assert_eq!(table::blessed(&surplus, &found), TABLE);
}

/// The rows that the server's answers make, with the tags of the operations.
fn measured(shop: &Shop, callers: &[(&'static str, Client)], operations: &[Operation]) -> Vec<(String, String, Row)> {
    let owner = owner(callers);
    let mut found = vec![];
    for operation in operations {
        let scenes = Scenes::of(shop, owner, operation);
        let status = |(caller, client): &(&'static str, Client)| {
            let client = fresh(shop, operation, caller, client);
            (*caller, scenes.with(|scene| operation.call(&client, scene).send().status))
        };
        found.push((operation.name.clone(), operation.tag.clone(), callers.iter().map(status).collect()));
    }
    for path in SYSTEM {
        found.push((format!("GET {path}"), "system".to_owned(), system_row(callers, path)));
    }
    found
}

/// The scenes of the calls of an operation.
enum Scenes<'a> {
    /// One for each call, because the call may change it.
    Each(&'a Shop, &'a Client),
    /// One for all, because the owner or the admin has no session after a call, and so can make no other.
    One(Scene<'a>),
}

impl<'a> Scenes<'a> {
    fn of(shop: &'a Shop, owner: &'a Client, operation: &Operation) -> Self {
        match operation.ends_session() {
            None => Self::Each(shop, owner),
            Some(_) => Self::One(Scene::new(shop, owner)),
        }
    }

    fn with<T>(&self, ask: impl FnOnce(&Scene<'_>) -> T) -> T {
        match self {
            Self::Each(shop, owner) => ask(&Scene::new(shop, owner)),
            Self::One(scene) => ask(scene),
        }
    }
}

/// The client of a caller. If the operation ends sessions, a caller with a valid session gets another one.
fn fresh(shop: &Shop, operation: &Operation, caller: &str, client: &Client) -> Client {
    match (operation.ends_session(), table::role(caller)) {
        (None, _) | (_, None) => client.clone(),
        (Some(_), Some(BuiltInRole::Admin)) => log_in(&shop.server, "grace"),
        (Some(_), Some(_)) => log_in(&shop.server, caller),
    }
}

fn owner<'a>(callers: &'a [(&'static str, Client)]) -> &'a Client {
    &callers.iter().find(|(name, _)| *name == "owner").expect("an owner").1
}

fn system_row(callers: &[(&'static str, Client)], path: &str) -> Row {
    callers.iter().map(|(caller, client)| (*caller, client.get(path).send().status)).collect()
}

/// The differences between the server, its document and the table.
fn faults(shop: &Shop, callers: &[(&'static str, Client)], operations: &[Operation], table: &str) -> Vec<String> {
    let table = read(table);
    let (mut faults, mut asked) = (vec![], vec![]);
    for operation in operations {
        asked.push(operation.name.clone());
        let Some(row) = table.get(&operation.name) else {
            faults.push(format!("{} has no line in the table", operation.name));
            continue;
        };
        faults.extend(agrees_with_document(operation, row));
        if !table::is_of_its_action(operation, row) {
            faults.push(format!("{}: the audiences of its action do not make this row: {row:?}", operation.name));
        }
        faults.extend(walk(shop, operation, callers, row));
    }
    for path in SYSTEM {
        let name = format!("GET {path}");
        let found = system_row(callers, path);
        match table.get(&name) {
            None => faults.push(format!("{name} has no line in the table")),
            Some(row) if *row != found => faults.push(format!("{name}: {found:?}")),
            Some(_) => {}
        }
        asked.push(name);
    }
    let surplus = table.keys().filter(|name| !asked.contains(name));
    faults.extend(surplus.map(|name| format!("the table has {name}, and the server does not")));
    faults
}

/// Calls the operation as every caller, and returns the differences from the row. A refused call must change nothing.
fn walk(shop: &Shop, operation: &Operation, callers: &[(&'static str, Client)], row: &Row) -> Vec<String> {
    let owner = owner(callers);
    let (allowed, refused): (Vec<_>, Vec<_>) = callers.iter().partition(|(caller, _)| row[caller] < 400);
    let scene = Scene::new(shop, owner);
    // It makes the resources that the calls need, so that they count as unchanged.
    drop(operation.call(&shop.admin, &scene));
    let before = scene.state();
    let mut faults: Vec<String> =
        refused.iter().flat_map(|(caller, client)| ask(operation, caller, client, &scene, row[caller])).collect();
    if scene.state() != before {
        faults.push(format!("{} was refused, but changed something", operation.name));
    }
    let scenes = Scenes::of(shop, owner, operation);
    for (caller, client) in allowed {
        let client = fresh(shop, operation, caller, client);
        faults.extend(scenes.with(|scene| ask(operation, caller, &client, scene, row[caller])));
    }
    faults
}

fn ask(operation: &Operation, caller: &str, client: &Client, scene: &Scene<'_>, expected: u16) -> Vec<String> {
    let answer = operation.call(client, scene).send();
    let mut faults = vec![];
    if answer.status != expected {
        faults.push(format!("{} by {caller}: {expected} in the table, but {answer:?}", operation.name));
    }
    let code = if caller == "anonymous" { "unauthenticated" } else { "invalid_token" };
    if answer.status == 401 && answer.text("/code") != code {
        faults.push(format!("{} by {caller}: not {code}, but {answer:?}", operation.name));
    }
    if !operation.answers.contains(&answer.status.to_string()) {
        faults.push(format!("{}: {} is not documented", operation.name, answer.status));
    }
    faults
}

/// Checks that the document and the row say the same about tokens.
fn agrees_with_document(operation: &Operation, row: &Row) -> Option<String> {
    let is_refused = |caller: &&str| row[*caller] == 401;
    let expected = match operation.token {
        Token::Ignored => !CALLERS.iter().any(is_refused),
        Token::Optional => row["anonymous"] != 401 && WORTHLESS.iter().all(is_refused),
        Token::Required => row["anonymous"] == 401 && WORTHLESS.iter().all(is_refused),
    };
    let has_account = |caller: &&&str| table::role(caller).is_some();
    let fits = expected && !CALLERS.iter().filter(has_account).any(is_refused);
    (!fits).then(|| {
        format!("{}: the document says that a token is {:?}, the table says {row:?}", operation.name, operation.token)
    })
}

fn callers(shop: &Shop) -> Vec<(&'static str, Client)> {
    let visitor = shop.server.visitor();
    let disabled = shop.user("disabled");
    let id = disabled.get(PROFILE).send().ok().text("/id");
    shop.admin.post(format!("{USERS}/{id}/disable")).if_match("*").send().ok();
    let with_role = |name: &str| {
        let client = shop.user(name);
        let id = client.get(PROFILE).send().ok().text("/id");
        let roles = json!({ "roles": ["user", name] });
        shop.admin.put(format!("{USERS}/{id}/roles")).if_match("*").json(roles).send().ok();
        client
    };
    let of_admin = claims(shop.admin.token());
    let none = encode(&json!({ "typ": "at+jwt", "alg": "none" }));
    let forged = format!("{none}.{}.", part(shop.admin.token(), 1));
    assert_eq!(decode(part(&forged, 1))["sub"], of_admin.user_id.to_string());
    // No session has this id.
    let ended = AccessClaims { session_id: of_admin.user_id.to_string().parse().expect("an id"), ..of_admin };
    // Another deployment with the same public URL.
    let stranger = Deployment::new(&Store::Sqlite);
    let client = |caller: &'static str| match caller {
        "anonymous" => visitor.clone(),
        "garbage" => visitor.with_token("x.y.z"),
        "forged" => visitor.with_token(&forged),
        "expired" => visitor.with_token(issue(&shop.deployment, &expired(&of_admin))),
        "foreign" => visitor.with_token(issue(&stranger, &of_admin)),
        "ended" => visitor.with_token(issue(&shop.deployment, &ended)),
        "disabled" => disabled.clone(),
        "other" | "owner" => shop.user(caller),
        "admin" => shop.admin.clone(),
        role => with_role(role),
    };
    CALLERS.iter().map(|caller| (*caller, client(caller))).collect()
}

/// Members that no caller may set in a body.
const PROTECTED: [&str; 10] =
    ["id", "role", "roles", "is_admin", "owner_id", "user_id", "email_verified", "version", "created_at", "total"];

/// The operations that take such a member although their path does not name it. Their use cases judge its value.
const JUDGED: [(&str, &str); 3] = [("invite_user", "roles"), ("create_group", "roles"), ("change_group", "roles")];

fn no_caller_sets_protected_members(store: &Store) {
    let shop = Shop::open(store);
    let document = shop.server.visitor().contract().document().clone();
    let owner = shop.user("owner");
    let scene = Scene::new(&shop, &owner);
    let operations = Operation::all(&document);
    let with_bodies: Vec<_> = operations.iter().filter(|operation| operation.has_body()).collect();
    with_bodies.iter().for_each(|operation| drop(operation.call(&shop.admin, &scene)));
    let before = scene.state();
    let mut tried = 0;
    for operation in with_bodies {
        let takes = |member: &str| operation.sets(member) || JUDGED.contains(&(operation.name.as_str(), member));
        for member in PROTECTED.into_iter().filter(|member| !takes(member)) {
            let call = operation.call_with(&shop.admin, &scene, |body| body[member] = json!(1));
            call.send().refused(422, "validation_failed").at(&format!("/{member}"), "unknown_field");
            tried += 1;
        }
    }
    assert!(tried >= 7 * PROTECTED.len(), "{tried}");
    assert_eq!(scene.state(), before);
    shop.server.stop();
}

/// A browser sends the cookie of an admin with every request, also with those of other sites.
fn a_cookie_without_its_csrf_token_changes_nothing(store: &Store) {
    let shop = Shop::open(store);
    let (owner, visitor) = (shop.user("owner"), shop.server.visitor());
    let mut login = credentials("grace");
    login["session"] = json!("cookie");
    let answer = visitor.post(LOGIN).json(login).send().expect(200);
    let cookie = answer.header("set-cookie").and_then(|set| set.split(';').next()).expect("a cookie").to_owned();
    let operations = Operation::all(visitor.contract().document());
    let asks = |operation: &&Operation| operation.token != Token::Ignored && !operation.is_read();
    let changes: Vec<&Operation> = operations.iter().filter(asks).collect();
    let scene = Scene::new(&shop, &owner);
    changes.iter().for_each(|operation| drop(operation.call(&visitor, &scene)));
    let before = scene.state();
    for operation in &changes {
        let answer = operation.call(&visitor, &scene).header("Cookie", &cookie).send();
        answer.refused(403, "csrf_token_invalid");
    }
    assert!(changes.len() >= 30 && scene.state() == before, "{} changes", changes.len());
    visitor.get("/api/v1/users").header("Cookie", &cookie).send().expect(200);
    shop.server.stop();
}

fn metrics_need_their_own_token(store: &Store) {
    let mut deployment = Deployment::new(store);
    let token = "a-token-for-metrics-alone";
    deployment.set("SKEP_METRICS_TOKEN", token);
    let shop = Shop::open_on(deployment);
    let visitor = shop.server.visitor();
    visitor.get("/metrics").send().refused(401, "unauthenticated");
    for client in [&shop.admin, &visitor.with_token(&token[1..])] {
        client.get("/metrics").send().refused(401, "invalid_token");
    }
    visitor.with_token(token).get("/metrics").send().expect(200);
    visitor.with_token(token).get(PRODUCTS).send().refused(401, "invalid_token");
    shop.server.stop();
}

fn metrics_are_not_served_to_clients_of_a_proxy(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("PUBLIC_URL", "https://shop.test");
    let server = deployment.start();
    assert_eq!(server.log().matches("share its limits").count(), 1, "{}", server.log());
    server.visitor().get("/metrics").send().refused(404, "not_found");
    server.stop();
    deployment.set("SKEP_TRUSTED_PROXIES", "127.0.0.1");
    deployment.set("SKEP_METRICS_ADDRESS", "127.0.0.1:0");
    let server = deployment.start();
    assert_eq!(server.log().matches("share its limits").count(), 0, "{}", server.log());
    server.visitor().get("/metrics").send().refused(404, "not_found");
    let out = server.out();
    let (_, address) = out.split_once("metrics    http://").expect("the address of the metrics is printed");
    let address = address.split('/').next().and_then(|text| text.parse().ok()).expect("an address");
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        Connection::open(address).and_then(|mut connection| connection.exchange(request.as_bytes())).expect("an answer")
    };
    let metrics = get("/metrics");
    assert!(String::from_utf8_lossy(&metrics.body).contains("http_server_received_body_bytes 0"), "{metrics:?}");
    assert_eq!((metrics.status, get(PRODUCTS).status), (200, 404));
    server.stop();
}
