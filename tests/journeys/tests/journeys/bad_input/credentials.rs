//! Tokens that are forged, expired, broken or of the wrong kind.

use super::{Cases, are_refused};
use crate::{
    shop::{ORDERS, PRODUCTS, PROFILE, Shop, basket},
    tokens::{claims, decode, early, encode, expired, issue, part},
};
use serde_json::json;
use skep_application::identity::AccessClaims;
use skep_journeys::{Deployment, Store};

pub(crate) fn tokens_that_are_worthless(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let visitor = shop.server.visitor();
    let honey = shop.product("HONEY", 1999, 10);
    let good = ada.token().to_owned();
    assert_eq!(
        accepted_with(&shop, &issue(&shop.deployment, &claims(&good))),
        200,
        "a token that is issued here is valid"
    );

    // The clock of the instance that issued it may be ahead, or may have been set back since.
    assert_eq!(accepted_with(&shop, &issue(&shop.deployment, &early(&claims(&good)))), 200);

    let (head, rest) = good.split_once('.').expect("three parts");
    let (payload, signature) = rest.split_once('.').expect("three parts");
    let none = encode(&json!({ "typ": "at+jwt", "alg": "none" }));
    let hmac = encode(&json!({ "typ": "at+jwt", "alg": "HS256", "kid": decode(head)["kid"] }));
    let mut admin = decode(payload);
    admin["sub"] = decode(part(shop.admin.token(), 1))["sub"].clone();
    let ended = AccessClaims { session_id: claims(shop.admin.token()).session_id, ..claims(&good) };
    // Another deployment with the same public URL.
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
        issue(&shop.deployment, &expired(&claims(&good))),
        issue(&shop.deployment, &ended),
        issue(&stranger, &claims(&good)),
    ];
    let mut cases: Cases<'_> = vec![];
    for token in tokens {
        let header = format!("Bearer {token}");
        // On a public path as well, a token that is sent must be valid.
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
    assert_eq!(accepted_with(&shop, &good), 200, "the valid token is still accepted");
    shop.server.stop();
}

#[track_caller]
fn accepted_with(shop: &Shop, token: &str) -> u16 {
    shop.server.visitor().with_token(token).get(PROFILE).send().status
}
