//! Sessions of a program without refresh tokens.

use super::{all_from, check, same};
use bson::{Bson, doc};
use serde_json::json;
use skep_contract::Failure;
use skep_upgrades::{Database, Fixture, Service};

const SESSIONS: &str = "/api/v1/users/me/sessions";
/// The number of the step that adds the tokens.
const STEP: i64 = 5;
const REFRESH: &str = "/api/v1/auth/refresh";

async fn without_tokens(database: &Database) -> Result<i64, Failure> {
    let sql = "SELECT count(*) FROM sessions WHERE refresh_hash IS NULL";
    database.number(sql, "sessions", doc! { "refresh_hash": Bson::Null }).await
}

/// Earlier sessions have no refresh token and live on. New ones are refreshed, and become such sessions when the step is
/// reverted.
pub(crate) async fn earlier_sessions_live_on(database: &Database, fixture: &Fixture) -> Result<(), Failure> {
    let manifest = fixture.manifest()?;
    database.load(fixture).await?;
    let earlier = database.count("sessions").await?;
    check(earlier > 0, "the fixture has sessions")?;
    let store = database.migrated(Service::clock(manifest.made_at)?, None).await?;
    same(&without_tokens(database).await?, &earlier, "sessions without a refresh token")?;
    let service = Service::start(fixture, Service::clock(manifest.made_at)?, store.clone()).await?;
    let own = Some(manifest.session.token.as_str());
    let listed = service.send(SESSIONS, own, None, None).await?;
    let current = listed.body["data"].as_array().into_iter().flatten().find(|session| session["current"] == true);
    let current = current.ok_or_else(|| Failure::new(format!("the session is not listed: {}", listed.body)))?;
    same(&current["last_used_at"], &current["created_at"], "the last use of an earlier session")?;

    let credentials = json!({ "email": manifest.session.email, "password": manifest.password });
    let login = service.send("/api/v1/auth/login", None, None, Some(&credentials)).await?.body;
    let refreshed =
        service.send(REFRESH, None, None, Some(&json!({ "refresh_token": login["refresh_token"] }))).await?;
    same(&refreshed.status.as_u16(), &200, "a refresh of a new session")?;
    same(&without_tokens(database).await?, &earlier, "sessions without a refresh token")?;
    let access = refreshed.body["access_token"].as_str().unwrap_or_default().to_owned();
    service.stop().await;

    // As an earlier build leaves it: the rows have no tokens, and the sessions still hold.
    let store = database.store(Service::clock(manifest.made_at)?, None).await?;
    store.down(&all_from(&*store, "identity", STEP).await?).await?;
    store.up().await?;
    same(&without_tokens(database).await?, &(earlier + 1), "sessions without a refresh token")?;
    let service = Service::start(fixture, Service::clock(manifest.made_at)?, store).await?;
    same(&service.send("/api/v1/users/me", Some(&access), None, None).await?.status.as_u16(), &200, "the session")?;
    let token = json!({ "refresh_token": refreshed.body["refresh_token"] });
    let refused = service.send(REFRESH, None, None, Some(&token)).await?;
    same(&refused.body["code"], &json!("invalid_refresh_token"), "a session whose tokens are gone")?;
    same(&service.send("/api/v1/users/me", Some(&access), None, None).await?.status.as_u16(), &200, "the session")?;
    service.stop().await;
    Ok(())
}
