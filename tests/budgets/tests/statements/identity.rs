//! Requests of identity, and the users for the other contexts.

use super::{Costs, World, with};
use serde_json::{Value, json};
use skep_budgets::{Buyer, PASSWORD, Server};
use skep_domain::identity::LinkPurpose;

pub(super) async fn ask(server: Server) -> World {
    let mut costs = Costs::default();
    costs.add("POST /api/v1/setup", &server.set_up().await);
    costs.add("POST /api/v1/auth/register", &server.register().await);
    let (reply, admin) = server.log_in("admin@example.com").await;
    costs.add("POST /api/v1/auth/login", &reply);
    cookies(&server, &mut costs).await;
    links(&server, &mut costs).await;
    move_and_return(&server, &mut costs).await;
    let (_, buyer) = server.log_in("bob@example.com").await;
    let token = json!({ "refresh_token": reply.text("refresh_token") });
    for name in ["POST /api/v1/auth/refresh", "POST /api/v1/auth/refresh, again"] {
        costs.add(name, &server.send("POST", "/api/v1/auth/refresh", &[], Some(&token)).await);
    }
    let path = "/api/v1/users/me";
    let profile = server.send("GET", path, &with(&buyer, &[]), None).await;
    costs.add("GET /api/v1/users/me", &profile);
    let name = json!({ "display_name": "Robert" });
    costs.add("PATCH /api/v1/users/me", &server.send("PATCH", path, &with(&buyer, &ANY), Some(&name)).await);
    export(&server, &buyer, &mut costs).await;
    manage(&server, &admin, &profile.json()["id"], &mut costs).await;
    invite(&server, &admin, &mut costs).await;
    let (_, buyer) = server.log_in("bob@example.com").await;
    let (_, other) = server.log_in("bob@example.com").await;
    let sessions = "/api/v1/users/me/sessions";
    let listed = server.send("GET", sessions, &with(&other, &[]), None).await;
    costs.add("GET /api/v1/users/me/sessions", &listed);
    let (_, third) = server.log_in("bob@example.com").await;
    let newest = server.send("GET", sessions, &with(&third, &[]), None).await.json()["data"][0]["id"].clone();
    let path = format!("{sessions}/{}", newest.as_str().unwrap());
    let reply = server.send("DELETE", &path, &with(&other, &[]), None).await;
    costs.add("DELETE /api/v1/users/me/sessions/{id}", &reply);
    costs.add("POST /api/v1/auth/logout", &server.send("POST", "/api/v1/auth/logout", &with(&other, &[]), None).await);
    let change = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    let path = "/api/v1/users/me/password";
    let reply = server.send("POST", path, &with(&buyer, &[]), Some(&change)).await;
    costs.add("POST /api/v1/users/me/password", &reply);
    server.log_in("bob@example.com").await;
    let (_, buyer) = server.log_in("bob@example.com").await;
    costs.add("DELETE /api/v1/users/me/sessions", &server.send("DELETE", sessions, &with(&buyer, &[]), None).await);
    World { server, admin, buyer, products: vec![], costs }
}

/// The export of an account, which no worker makes here.
async fn export(server: &Server, buyer: &Buyer, costs: &mut Costs) {
    let path = "/api/v1/users/me/export";
    let begun = server.send("POST", path, &with(buyer, &[]), None).await;
    costs.add("POST /api/v1/users/me/export", &begun);
    let path = format!("{path}/{}", begun.text("id"));
    costs.add("GET /api/v1/users/me/export/{id}", &server.send("GET", &path, &with(buyer, &[]), None).await);
    let again = server.send("POST", "/api/v1/users/me/export", &with(buyer, &[]), None).await;
    costs.add("POST /api/v1/users/me/export, again", &again);
}

/// A browser of the admin.
async fn cookies(server: &Server, costs: &mut Costs) {
    let login = json!({ "email": "admin@example.com", "password": PASSWORD, "session": "cookie" });
    let reply = server.send("POST", "/api/v1/auth/login", &[], Some(&login)).await;
    costs.add("POST /api/v1/auth/login, with a cookie", &reply);
    let (cookie, csrf) = (reply.cookie.as_deref().unwrap(), reply.text("csrf_token"));
    for (path, note) in [("/api/v1/auth/csrf", ""), ("/api/v1/users/me", ", by cookie")] {
        let shown = server.send("GET", path, &[("cookie", cookie)], None).await;
        costs.add(&format!("GET {path}{note}"), &shown);
    }
    let by_cookie = [("cookie", cookie), ("x-csrf-token", &*csrf)];
    costs.add(
        "POST /api/v1/auth/logout, by cookie",
        &server.send("POST", "/api/v1/auth/logout", &by_cookie, None).await,
    );
}

/// What Bob does with links in mails. The password stays the same.
async fn links(server: &Server, costs: &mut Costs) {
    let ask = [
        ("/api/v1/auth/resend-verification", "/api/v1/auth/verify-email", LinkPurpose::VerifyEmail),
        ("/api/v1/auth/forgot-password", "/api/v1/auth/reset-password", LinkPurpose::ResetPassword),
    ];
    for (request, redeem, purpose) in ask {
        for (email, of) in [("bob@example.com", ""), ("stranger@example.com", ", of no account")] {
            let reply = server.send("POST", request, &[], Some(&json!({ "email": email }))).await;
            costs.add(&format!("POST {request}{of}"), &reply);
        }
        let body = json!({ "token": server.link_of("bob@example.com", purpose).await, "password": PASSWORD });
        costs.add(&format!("POST {redeem}"), &server.send("POST", redeem, &[], Some(&body)).await);
    }
}

/// Bob gets another address, and his own one back.
async fn move_and_return(server: &Server, costs: &mut Costs) {
    let (_, bob) = server.log_in("bob@example.com").await;
    let change = json!({ "email": "bob@example.org", "current_password": PASSWORD });
    let path = "/api/v1/users/me/email";
    costs.add("POST /api/v1/users/me/email", &server.send("POST", path, &with(&bob, &[]), Some(&change)).await);
    let token = server.link_of("bob@example.com", LinkPurpose::ChangeEmail).await;
    let (path, body) = ("/api/v1/auth/confirm-email", json!({ "token": token, "password": PASSWORD }));
    costs.add("POST /api/v1/auth/confirm-email", &server.send("POST", path, &[], Some(&body)).await);
    let token = server.link_of("bob@example.org", LinkPurpose::RestoreEmail).await;
    let (path, body) = ("/api/v1/auth/restore-email", json!({ "token": token }));
    costs.add("POST /api/v1/auth/restore-email", &server.send("POST", path, &[], Some(&body)).await);
    // The password does not work after that.
    server.send("POST", "/api/v1/auth/forgot-password", &[], Some(&json!({ "email": "bob@example.com" }))).await;
    let token = server.link_of("bob@example.com", LinkPurpose::ResetPassword).await;
    let body = json!({ "token": token, "password": PASSWORD });
    server.send("POST", "/api/v1/auth/reset-password", &[], Some(&body)).await;
}

/// The headers of a change of any version.
const ANY: [(&str, &str); 1] = [("if-match", "*")];

/// What an admin does with an account, which is active afterwards and has no session.
async fn manage(server: &Server, admin: &Buyer, id: &Value, costs: &mut Costs) {
    let list = "/api/v1/users";
    costs.add("GET /api/v1/users", &server.send("GET", list, &with(admin, &[]), None).await);
    let filtered = format!("{list}?role=user&state=active&email=bob&name=R");
    let filtered = server.send("GET", &filtered, &with(admin, &[]), None).await;
    costs.add("GET /api/v1/users, filtered", &filtered);
    let path = format!("{list}/{}", id.as_str().unwrap());
    costs.add("GET /api/v1/users/{id}", &server.send("GET", &path, &with(admin, &[]), None).await);
    let name = json!({ "display_name": "Bob" });
    let changed = server.send("PATCH", &path, &with(admin, &ANY), Some(&name)).await;
    costs.add("PATCH /api/v1/users/{id}", &changed);
    let roles = json!({ "roles": ["admin"] });
    let roles_path = format!("{path}/roles");
    let changed = server.send("PUT", &roles_path, &with(admin, &ANY), Some(&roles)).await;
    costs.add("PUT /api/v1/users/{id}/roles", &changed);
    let taken = server.send("PUT", &roles_path, &with(admin, &ANY), Some(&json!({ "roles": [] }))).await;
    costs.add("PUT /api/v1/users/{id}/roles, of an admin", &taken);
    define(server, admin, &roles_path, costs).await;
    gather(server, admin, id.as_str().unwrap(), costs).await;
    let sessions = format!("{path}/sessions");
    let listed = server.send("GET", &sessions, &with(admin, &[]), None).await;
    costs.add("GET /api/v1/users/{id}/sessions", &listed);
    let ended = server.send("DELETE", &sessions, &with(admin, &[]), None).await;
    costs.add("DELETE /api/v1/users/{id}/sessions", &ended);
    let disabled = server.send("POST", &format!("{path}/disable"), &with(admin, &[]), None).await;
    costs.add("POST /api/v1/users/{id}/disable", &disabled);
    let enabled = server.send("POST", &format!("{path}/enable"), &with(admin, &[]), None).await;
    costs.add("POST /api/v1/users/{id}/enable", &enabled);
    let deleted = server.send("DELETE", &path, &with(admin, &[]), None).await;
    costs.add("DELETE /api/v1/users/{id}", &deleted);
    server.send("POST", &format!("{path}/enable"), &with(admin, &[]), None).await;
    let (_, bob) = server.log_in("bob@example.com").await;
    let body = json!({ "current_password": PASSWORD });
    let deleted = server.send("DELETE", "/api/v1/users/me", &with(&bob, &[]), Some(&body)).await;
    costs.add("DELETE /api/v1/users/me", &deleted);
    server.send("POST", &format!("{path}/enable"), &with(admin, &[]), None).await;
}

/// A person that gets two invitations and accepts the second one.
async fn invite(server: &Server, admin: &Buyer, costs: &mut Costs) {
    let email = "carl@example.com";
    let account = json!({ "email": email, "display_name": "Carl", "roles": ["editor"] });
    let invited = server.send("POST", "/api/v1/users", &with(admin, &[]), Some(&account)).await;
    costs.add("POST /api/v1/users", &invited);
    let path = format!("/api/v1/users/{}/invitation", invited.text("id"));
    costs.add("POST /api/v1/users/{id}/invitation", &server.send("POST", &path, &with(admin, &[]), None).await);
    let token = server.link_of(email, LinkPurpose::AcceptInvitation).await;
    let (accept, body) = ("/api/v1/auth/accept-invitation", json!({ "token": token, "password": PASSWORD }));
    costs.add(&format!("POST {accept}"), &server.send("POST", accept, &[], Some(&body)).await);
}

/// A group, from its creation to its end. An account is in it in between.
async fn gather(server: &Server, admin: &Buyer, user: &str, costs: &mut Costs) {
    let list = "/api/v1/groups";
    let group = json!({ "name": "Crew", "description": "Bakes", "roles": ["editor"] });
    let created = server.send("POST", list, &with(admin, &[]), Some(&group)).await;
    costs.add("POST /api/v1/groups", &created);
    costs.add("GET /api/v1/groups", &server.send("GET", list, &with(admin, &[]), None).await);
    let path = format!("{list}/{}", created.text("id"));
    costs.add("GET /api/v1/groups/{id}", &server.send("GET", &path, &with(admin, &[]), None).await);
    let member = format!("{path}/members/{user}");
    let added = server.send("PUT", &member, &with(admin, &ANY), None).await;
    costs.add("PUT /api/v1/groups/{id}/members/{user_id}", &added);
    let members = server.send("GET", &format!("{path}/members"), &with(admin, &[]), None).await;
    costs.add("GET /api/v1/groups/{id}/members", &members);
    let removed = server.send("DELETE", &member, &with(admin, &[]), None).await;
    costs.add("DELETE /api/v1/groups/{id}/members/{user_id}", &removed);
    let changed = server.send("PATCH", &path, &with(admin, &ANY), Some(&json!({ "roles": ["viewer"] }))).await;
    costs.add("PATCH /api/v1/groups/{id}", &changed);
    costs.add("DELETE /api/v1/groups/{id}", &server.send("DELETE", &path, &with(admin, &[]), None).await);
}

/// A role of the deployment, from its creation to its end. An account has it in between.
async fn define(server: &Server, admin: &Buyer, roles_of_user: &str, costs: &mut Costs) {
    let (list, one) = ("/api/v1/roles", "/api/v1/roles/baker");
    for path in ["/api/v1/permissions", list] {
        costs.add(&format!("GET {path}"), &server.send("GET", path, &with(admin, &[]), None).await);
    }
    let role = json!({ "name": "baker", "description": "Bakes", "permissions": ["catalog.stock.manage"] });
    let created = server.send("POST", list, &with(admin, &[]), Some(&role)).await;
    costs.add("POST /api/v1/roles", &created);
    costs.add("GET /api/v1/roles/{name}", &server.send("GET", one, &with(admin, &[]), None).await);
    let given = server.send("PUT", roles_of_user, &with(admin, &ANY), Some(&json!({ "roles": ["baker"] }))).await;
    costs.add("PUT /api/v1/users/{id}/roles, of the deployment", &given);
    let change = json!({ "permissions": [] });
    let changed = server.send("PATCH", one, &with(admin, &ANY), Some(&change)).await;
    costs.add("PATCH /api/v1/roles/{name}", &changed);
    server.send("PUT", roles_of_user, &with(admin, &ANY), Some(&json!({ "roles": [] }))).await;
    costs.add("DELETE /api/v1/roles/{name}", &server.send("DELETE", one, &with(admin, &[]), None).await);
}
