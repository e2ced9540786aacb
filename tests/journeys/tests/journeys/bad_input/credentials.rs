//! Tokens that are forged, expired, broken or of the wrong kind.

use super::{Cases, are_refused};
use crate::shop::{ORDERS, PRODUCTS, PROFILE, Shop, basket};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use skep::{Skep, config::Config};
use skep_application::identity::AccessClaims;
use skep_domain::shared::Timestamp;
use skep_journeys::{Deployment, Store};

const MINUTE: i64 = 60_000;

pub(crate) fn tokens_that_are_worthless(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let visitor = shop.server.visitor();
    let honey = shop.product("HONEY", 1999, 10);
    let good = ada.token().to_owned();
    let now = claims(&good).issued_at;
    assert_eq!(accepted_with(&shop, &issue(&shop.deployment, claims(&good))), 200, "what is issued here is good");

    let (head, rest) = good.split_once('.').expect("three parts");
    let (payload, signature) = rest.split_once('.').expect("three parts");
    let none = encode(&json!({ "typ": "at+jwt", "alg": "none" }));
    let hmac = encode(&json!({ "typ": "at+jwt", "alg": "HS256", "kid": decode(head)["kid"] }));
    let mut admin = decode(payload);
    admin["sub"] = decode(part(shop.admin.token(), 1))["sub"].clone();
    let expired = AccessClaims {
        issued_at: now.plus_millis(-61 * MINUTE),
        expires_at: now.plus_millis(-MINUTE),
        ..claims(&good)
    };
    let early = AccessClaims {
        issued_at: now.plus_millis(10 * MINUTE),
        expires_at: now.plus_millis(70 * MINUTE),
        ..claims(&good)
    };
    let ended = AccessClaims { session_id: claims(shop.admin.token()).session_id, ..claims(&good) };
    // Another deployment that calls itself the same.
    let stranger = Deployment::new(&Store::Sqlite);
    let tokens = [
        "x".to_owned(),
        "x.y.z".to_owned(),
        format!("{head}.{payload}"),
        format!("{head}.{payload}."),
        format!("{head}.{payload}.{}", &signature[..signature.len() - 4]),
        format!("{head}.{payload}.{}", part(shop.admin.token(), 2)),
        format!("{head}.{}.{signature}", encode(&admin)),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{hmac}.{payload}.{signature}"),
        format!("{good}.{signature}"),
        format!("{good}\u{e9}"),
        "x".repeat(10_000),
        issue(&shop.deployment, expired),
        issue(&shop.deployment, early),
        issue(&shop.deployment, ended),
        issue(&stranger, claims(&good)),
    ];
    let mut cases: Cases<'_> = vec![];
    for token in tokens {
        let header = format!("Bearer {token}");
        // A public path as well: who sends a token must send a good one.
        for call in [visitor.get(PROFILE), visitor.get(PRODUCTS), visitor.post(ORDERS).json(basket(&[(&honey, 1)]))] {
            cases.push((call.header("Authorization", &header), "401 invalid_token"));
        }
    }
    for header in ["Basic YWRhOmJlZXM=", "Bearer", "Bearer ", &good, &format!("Token {good}")] {
        cases.push((visitor.get(PROFILE).header("Authorization", header), "401 invalid_token"));
    }
    cases.push((visitor.get(PROFILE), "401 unauthenticated"));
    cases.push((ada.get(PROFILE).header("Authorization", format!("Bearer {good}")), "400 bad_request"));
    are_refused(&shop, cases);
    assert_eq!(accepted_with(&shop, &good), 200, "the good one is as good as before");
    shop.server.stop();
}

#[track_caller]
fn accepted_with(shop: &Shop, token: &str) -> u16 {
    shop.server.visitor().with_token(token).get(PROFILE).send().status
}

/// A token that this deployment signs, whatever it says.
fn issue(deployment: &Deployment, claims: AccessClaims) -> String {
    let config = Config::from_variables(deployment.settings()).expect("a configuration");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let skep = Skep::builder().config(config).start().await.expect("an instance");
        let token = skep.app.ports.tokens.issue(&claims).expect("a token");
        skep.close().await;
        token
    })
}

fn claims(token: &str) -> AccessClaims {
    let payload = decode(part(token, 1));
    let text = |name: &str| payload[name].as_str().expect("a text");
    let time = |name: &str| Timestamp::from_millis(payload[name].as_i64().expect("a number") * 1_000).expect("a time");
    AccessClaims {
        user_id: text("sub").parse().expect("an id"),
        session_id: text("sid").parse().expect("an id"),
        token_id: text("jti").parse().expect("an id"),
        issued_at: time("iat"),
        expires_at: time("exp"),
    }
}

fn part(token: &str, index: usize) -> &str {
    token.split('.').nth(index).expect("three parts")
}

fn decode(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("json")
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}
