//! Access tokens with any claims, signed by the deployment, and the parts of a token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use skep::{Skep, config::Config};
use skep_application::identity::{AccessClaims, ExtraClaims};
use skep_domain::shared::Timestamp;
use skep_journeys::Deployment;

const MINUTE: i64 = 60_000;

/// A token with these claims, signed with the key of this deployment.
pub(crate) fn issue(deployment: &Deployment, claims: &AccessClaims) -> String {
    let config = Config::from_variables(deployment.settings()).expect("a configuration");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let skep = Skep::builder().config(config).start().await.expect("an instance");
        let token = skep.app.ports.tokens.issue(claims, &ExtraClaims::default()).expect("a token");
        skep.close().await;
        token
    })
}

/// The claims of a token.
pub(crate) fn claims(token: &str) -> AccessClaims {
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

/// The same claims, for an hour that ended a minute ago.
pub(crate) fn expired(claims: &AccessClaims) -> AccessClaims {
    let now = claims.issued_at;
    AccessClaims { issued_at: now.plus_millis(-61 * MINUTE), expires_at: now.plus_millis(-MINUTE), ..*claims }
}

/// The same claims, for an hour that begins in ten minutes.
pub(crate) fn early(claims: &AccessClaims) -> AccessClaims {
    let now = claims.issued_at;
    let (issued_at, expires_at) = (now.plus_millis(10 * MINUTE), now.plus_millis(70 * MINUTE));
    AccessClaims { issued_at, expires_at, ..*claims }
}

pub(crate) fn part(token: &str, index: usize) -> &str {
    token.split('.').nth(index).expect("three parts")
}

pub(crate) fn decode(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("json")
}

pub(crate) fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}
