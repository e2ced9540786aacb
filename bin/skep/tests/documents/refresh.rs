//! The use of an old refresh token.

use http::Request;
use serde_json::{Value, json};
use skep::testing::{PASSWORD, TestKit};

async fn post(kit: &TestKit, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(path).header("content-type", "application/json").body(body.to_string()).unwrap();
    let answer = kit.call(request).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

/// Logs the admin in, refreshes the session twice, and uses the first token again.
pub(super) async fn reuse_a_refresh_token(kit: &TestKit) {
    let credentials = json!({ "email": "admin@example.com", "password": PASSWORD });
    let (_, login) = post(kit, "/api/v1/auth/login", &credentials).await;
    let mut token = login["refresh_token"].clone();
    let mut statuses = vec![];
    for _ in 0..2 {
        let (status, answer) = post(kit, "/api/v1/auth/refresh", &json!({ "refresh_token": token })).await;
        statuses.push(status);
        token = answer["refresh_token"].clone();
    }
    let old = json!({ "refresh_token": login["refresh_token"] });
    statuses.push(post(kit, "/api/v1/auth/refresh", &old).await.0);
    assert_eq!(statuses, [200, 200, 401]);
}
