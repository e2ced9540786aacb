//! The events that links in mails cause.

use http::Request;
use serde_json::json;
use skep::testing::{PASSWORD, TestKit};
use skep_application::{
    identity::{AccountMail, AccountMailKind, IdentityTx},
    kernel::{Actor, Begin, TxMode},
};
use skep_domain::{identity::LinkPurpose, shared::EmailLookup};

/// Registers a user that verifies the address, and resets the password.
pub(super) async fn use_both_links(kit: &TestKit) {
    let address = "eve@example.com";
    kit.user("eve").await;
    send(kit, "verify-email", &json!({ "token": token(kit, address, LinkPurpose::VerifyEmail).await })).await;
    send(kit, "forgot-password", &json!({ "email": address })).await;
    let token = token(kit, address, LinkPurpose::ResetPassword).await;
    send(kit, "reset-password", &json!({ "token": token, "password": PASSWORD })).await;
}

/// The token of the link that was mailed to this user.
async fn token(kit: &TestKit, address: &str, purpose: LinkPurpose) -> String {
    let app = kit.app();
    let mut unit = Begin::<dyn IdentityTx>::begin(&*app.ports.store, TxMode::Read, &[]).await.unwrap();
    let user_id = unit.users().find_by_email(&EmailLookup::parse(address).unwrap()).await.unwrap().unwrap().id;
    let link = unit.account_links().find(user_id, purpose).await.unwrap().expect("a link");
    unit.rollback().await.unwrap();
    let kind = AccountMailKind::ALL.iter().copied().find(|kind| kind.link() == Some(purpose)).unwrap();
    let mail = AccountMail { kind, user_id, id: link.id.uuid() };
    let read = app.identity.read_account_mail.execute(&Actor::system("documents"), mail).await.unwrap();
    read.and_then(|mail| mail.link).expect("a token").0
}

async fn send(kit: &TestKit, name: &str, body: &serde_json::Value) {
    let request = Request::post(format!("/api/v1/auth/{name}")).header("content-type", "application/json");
    let answer = kit.call(request.body(body.to_string()).unwrap()).await;
    assert!(answer.status().is_success(), "{name}: {answer:?}");
}
