//! The OpenAPI document and the live server agree.

use crate::{
    Journey, Needs,
    authorization::operations::{Operation, Token},
    scene::Scene,
    shop::{PASSWORD, PRODUCTS, REGISTER, Shop, log_in, product},
};
use serde_json::{Value, json};
use skep_journeys::{Answer, Deployment, Store, faults};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("openapi::every_operation", every_operation_answers_as_documented),
    Journey::new("openapi::empty_bodies", an_empty_object_is_taken_where_the_document_says_so),
    Journey::new("openapi::system_endpoints", system_endpoints_answer_operators),
    Journey::new("openapi::policies", the_served_document_has_the_rules_of_the_deployment).needing(Needs::NoServer),
];

/// Answers that need a mail, a link, another setting or a cookie. `slice::links`, `slice::email_change`,
/// `slice::invitations`, `slice::cookies` and `slice::upload_links` get them.
const OF_OTHER_JOURNEYS: [&str; 10] = [
    "register_user 202",
    "reset_password 204",
    "verify_email 204",
    "confirm_email 204",
    "restore_email 204",
    "accept_invitation 204",
    "resend_invitation 200",
    "get_csrf_token 200",
    "delete_account 202",
    "upload_linked_file 201",
];

/// Every journey checks every answer against the document. This one checks that each operation gives each of its
/// documented answers.
fn every_operation_answers_as_documented(store: &Store) {
    let shop = Shop::open(store);
    let (owner, visitor) = (shop.user("owner"), shop.server.visitor());
    let worthless = visitor.with_token("x.y.z");
    examples_are_accepted(&shop, visitor.contract().document());
    for operation in Operation::all(visitor.contract().document()) {
        let scene = Scene::new(&shop, &owner);
        // Setup is closed by now. It was answered when the shop was opened.
        for (name, client) in [("grace", &shop.admin), ("owner", &owner)] {
            match operation.ends_session() {
                None if operation.is_read() => operation.call(client, &scene).send(),
                None => operation.call(client, &Scene::new(&shop, &owner)).send(),
                Some(_) => operation.call(&log_in(&shop.server, name), &scene).send(),
            };
        }
        if operation.answers.iter().any(|status| status == "206") {
            operation.call(&owner, &scene).header("Range", "bytes=0-0").send().expect(206);
        }
        let refused = match operation.token {
            Token::Ignored => operation.call_with(&visitor, &scene, |body| *body = json!({})),
            Token::Optional | Token::Required => operation.call(&worthless, &scene),
        };
        assert!((400..500).contains(&refused.send().status), "{}", operation.name);
    }
    let contract = visitor.contract();
    // The contract is the document that the server serves.
    assert_eq!(visitor.get("/openapi.json").send().ok().json(), *contract.document());
    // What the server changes by itself may refuse a change in each state that it has here. Its own stories change it.
    let busy: Vec<String> = Operation::all(contract.document())
        .into_iter()
        .filter(Operation::changes_a_busy_thing)
        .map(|operation| format!("{} 2", operation.name))
        .collect();
    let is_busy = |answer: &str| busy.iter().any(|success| answer.starts_with(success.as_str()));
    // All errors have one shape, so one per operation is enough.
    let promised = contract.promised();
    assert!(
        OF_OTHER_JOURNEYS.iter().all(|answer| promised.contains(*answer)),
        "the list is not longer than it has to be"
    );
    let is_other = |answer: &str| is_busy(answer) || OF_OTHER_JOURNEYS.contains(&answer);
    let is_due = |answer: &String| answer.ends_with(" default") || (answer.contains(" 2") && !is_other(answer));
    let seen = contract.seen();
    let unseen: Vec<String> = promised.difference(&seen).filter(|answer| is_due(answer)).cloned().collect();
    assert!(unseen.is_empty(), "documented but never answered: {unseen:?}");
    shop.server.stop();
}

/// No schema has `minProperties`, so an object without members is valid where no member is required. It changes nothing.
fn an_empty_object_is_taken_where_the_document_says_so(store: &Store) {
    let shop = Shop::open(store);
    let contract = shop.admin.contract();
    let mut taken = 0;
    for operation in Operation::all(contract.document()) {
        let Some(schema) = &operation.schema else { continue };
        let empty = json!({});
        let is_valid = faults(contract.document(), schema, &empty).is_empty();
        let scene = Scene::new(&shop, &shop.admin);
        let answer = operation.call_with(&shop.admin, &scene, |body| *body = empty).send();
        assert_eq!((200..300).contains(&answer.status), is_valid, "{}: {answer:?}", operation.name);
        taken += u32::from(is_valid);
    }
    assert!(taken > 0, "a patch may be empty");
    shop.server.stop();
}

/// The example of every request body fits its own schema.
fn examples_are_accepted(shop: &Shop, document: &Value) {
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let examples: Vec<(&String, &Value)> = schemas.iter().filter(|(_, schema)| !schema["example"].is_null()).collect();
    assert!(examples.len() >= 5, "{} examples", examples.len());
    for (name, schema) in examples {
        let found = faults(document, schema, &schema["example"]);
        assert!(found.is_empty(), "the example of {name}: {found:?}");
    }
    let example = &schemas["CreateProductRequest"]["example"];
    shop.admin.post(PRODUCTS).json(example.clone()).send().expect(201);
    let example = &schemas["RegisterRequest"]["example"];
    let mut example = example.clone();
    example["email"] = json!("another@example.com");
    shop.server.visitor().post(REGISTER).json(example).send().expect(201);
}

fn the_served_document_has_the_rules_of_the_deployment(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_ORDER_LINES", "3");
    deployment.set("SKEP_PASSWORD_MIN_LENGTH", "20");
    let server = deployment.start();
    let document = server.visitor().get("/openapi.json").send().expect(200).json();
    let rule = |schema: &str, field: &str, keyword: &str| {
        document["components"]["schemas"][schema]["properties"][field][keyword].as_u64()
    };
    assert_eq!(rule("PlaceOrderRequest", "lines", "maxItems"), Some(3));
    assert_eq!(rule("RegisterRequest", "password", "minLength"), Some(20));
    server.stop();
}

fn system_endpoints_answer_operators(store: &Store) {
    let shop = Shop::open(store);
    let visitor = shop.server.visitor();
    let get = |path: &str| visitor.get(path).send().expect(200);
    let kind = |answer: &Answer| answer.header("content-type").unwrap_or_default().to_owned();
    assert_eq!(get("/health").json(), json!({ "status": "ok" }));
    assert_eq!(get("/ready").json()["status"], "ready");
    let keys = get("/.well-known/jwks.json").json();
    assert_eq!((&keys["keys"][0]["kty"], &keys["keys"][0]["crv"]), (&json!("OKP"), &json!("Ed25519")));
    assert!(keys["keys"][0]["d"].is_null(), "the private key is not shown");
    let docs = get("/api-docs");
    assert!(kind(&docs).starts_with("text/html") && docs.header("content-security-policy").is_some());
    assert!(kind(&get("/metrics")).starts_with("text/plain"));

    let ours = visitor.get("/health").header("X-Request-Id", "my-own.id_1").send();
    assert_eq!(ours.header("x-request-id"), Some("my-own.id_1"));
    let unsafe_id = visitor.get("/health").header("X-Request-Id", "a b").send();
    assert_ne!(unsafe_id.header("x-request-id"), Some("a b"));
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let traced = visitor.get(PRODUCTS).header("traceparent", trace).send();
    assert!(traced.header("traceparent").is_some_and(|back| back[3..35] == trace[3..35]), "{traced:?}");
    let limited = visitor.get(PRODUCTS).send();
    assert!(limited.header("ratelimit").is_some() && limited.header("ratelimit-policy").is_some());

    // The log has no secrets.
    let ada = shop.user("ada");
    ada.post(PRODUCTS).json(product("X", 1, 1)).send().refused(403, "forbidden");
    let log = shop.server.log();
    assert!(!log.contains(PASSWORD) && !log.contains(ada.token()) && !log.contains("ada@example.com"));
    shop.server.stop();
}
