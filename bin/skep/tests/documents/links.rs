//! The events that links in mails cause.

use http::Request;
use serde_json::json;
use skep::testing::{PASSWORD, TestKit};
use skep_application::{
    identity::{AccountMail, AccountMailKind, IdentityTx},
    kernel::{Actor, Begin, TxMode},
};
use skep_domain::{identity::LinkPurpose, shared::EmailLookup};

/// Registers a user that verifies the address, resets the password, and changes the address.
pub(super) async fn use_both_links(kit: &TestKit) {
    let address = "eve@example.com";
    kit.user("eve").await;
    let token = token(kit, address, LinkPurpose::VerifyEmail).await;
    send(kit, "verify-email", &json!({ "token": token, "password": PASSWORD })).await;
    send(kit, "forgot-password", &json!({ "email": address })).await;
    let token = self::token(kit, address, LinkPurpose::ResetPassword).await;
    send(kit, "reset-password", &json!({ "token": token, "password": PASSWORD })).await;
    change_email(kit, "eve").await;
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

/// Sets the first password of this user.
pub(super) async fn accept_invitation(kit: &TestKit, address: &str) {
    let token = token(kit, address, LinkPurpose::AcceptInvitation).await;
    send(kit, "accept-invitation", &json!({ "token": token, "password": PASSWORD })).await;
}

/// Gives the user another address and its own one back.
async fn change_email(kit: &TestKit, name: &str) {
    let token_of_user = kit.log_in(name).await;
    let body = json!({ "email": format!("{name}@example.org"), "current_password": PASSWORD });
    let request = Request::post("/api/v1/users/me/email").header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {token_of_user}"));
    let answer = kit.call(request.body(body.to_string()).unwrap()).await;
    assert!(answer.status().is_success(), "{answer:?}");
    let (old, new) = (format!("{name}@example.com"), format!("{name}@example.org"));
    let link = token(kit, &old, LinkPurpose::ChangeEmail).await;
    send(kit, "confirm-email", &json!({ "token": link, "password": PASSWORD })).await;
    send(kit, "restore-email", &json!({ "token": token(kit, &new, LinkPurpose::RestoreEmail).await })).await;
}

async fn send(kit: &TestKit, name: &str, body: &serde_json::Value) {
    let request = Request::post(format!("/api/v1/auth/{name}")).header("content-type", "application/json");
    let answer = kit.call(request.body(body.to_string()).unwrap()).await;
    assert!(answer.status().is_success(), "{name}: {answer:?}");
}
