//! Setup, registration, login and profile.

use super::Context;
use crate::{
    Journey,
    shop::{LOGIN, PASSWORD, PROFILE, REGISTER, SETUP, Shop, account, credentials, email, log_in, with_token},
};
use serde_json::json;
use skep_journeys::{Client, Deployment, Store};

pub(crate) const CONTEXT: Context = Context {
    journeys: &[Journey::new("slice::accounts", from_the_set_up_to_a_profile)],
    things: &[],
    unique: &[("email", |name| json!(email(&name)))],
    bodies: &[("log_in", |_| credentials("owner"))],
};

pub(crate) fn from_the_set_up_to_a_profile(store: &Store) {
    let deployment = Deployment::new(store);
    let server = deployment.start();
    let visitor = server.visitor();
    let token = server.setup_token().expect("a token for the setup is printed");

    visitor.post(SETUP).json(with_token("not-the-token")).send().refused(403, "setup_token_invalid");
    let grace = visitor.post(SETUP).json(with_token(&token)).send().expect(201);
    assert_eq!(grace.json()["roles"], json!(["admin", "user"]));
    visitor.post(SETUP).json(with_token(&token)).send().refused(409, "setup_closed");

    let mut mixed = account("ada");
    mixed["email"] = json!("Ada@Example.com");
    let ada = visitor.post(REGISTER).json(mixed).send().expect(201).json();
    assert_eq!((&ada["email"], &ada["display_name"]), (&json!("Ada@Example.com"), &json!("ada")));
    assert_eq!(ada["created_at"], ada["updated_at"]);
    visitor.post(REGISTER).json(account("ada")).send().refused(409, "email_taken");

    let answer = visitor.post(LOGIN).json(credentials("ada")).send().expect(200);
    assert_eq!((answer.text("/token_type").as_str(), answer.number("/expires_in")), ("Bearer", 600));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let user = visitor.with_token(answer.text("/access_token"));
    let profile = user.get(PROFILE).send().expect(200);
    assert_eq!(profile.json(), ada, "the profile equals the answer to the registration");
    assert_eq!(profile.etag(), format!("\"{}-1\"", profile.text("/id")));
    let again = |user: &Client| user.get(PROFILE).header("If-None-Match", profile.etag()).send();
    again(&user).expect(304);
    again(&log_in(&server, "grace")).expect(200);

    let wrong = json!({ "email": "ada@example.com", "password": format!("{PASSWORD}!") });
    let wrong = visitor.post(LOGIN).json(wrong).send().refused(401, "invalid_credentials");
    let unknown = visitor.post(LOGIN).json(credentials("stranger")).send().refused(401, "invalid_credentials");
    let shown = |answer: &skep_journeys::Answer| (answer.json()["title"].clone(), answer.json()["detail"].clone());
    assert_eq!(shown(&wrong), shown(&unknown), "the answer does not show which of the two was wrong");

    // A worthless token in the header does not prevent a login.
    visitor.with_token("worthless").post(LOGIN).json(credentials("ada")).send().expect(200);
    let shop = Shop { admin: log_in(&server, "grace"), server, deployment };
    assert_eq!(shop.order_count(), 0);
    shop.server.stop();
}
