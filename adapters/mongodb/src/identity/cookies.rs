//! The cookies of sessions. Documents of earlier versions are read without them.

use crate::{
    record::{Unreadable, hash, optional_time},
    schema::MongoSchema,
};
use bson::{Binary, DateTime, doc};
use skep_application::kernel::StoreError;
use skep_domain::identity::{CookieHash, SessionCookie};
use std::{future::Future, pin::Pin};

/// Reads the fields of a session.
pub(super) fn read_cookie(
    stored: Option<Binary>,
    used_at: Option<DateTime>,
) -> Result<Option<SessionCookie>, Unreadable> {
    let stored = stored.map(|stored| hash(&stored).map(CookieHash)).transpose()?;
    Ok(stored.zip(optional_time(used_at)?).map(|(hash, used_at)| SessionCookie { hash, used_at }))
}

/// Deletes the sessions with a cookie, which cannot be used without it.
pub(super) fn unmake<'a>(
    schema: &'a mut MongoSchema<'_>,
) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>> {
    Box::pin(async move {
        let with_cookie = doc! { "q": { "cookie_hash": { "$exists": true } }, "limit": 0 };
        schema.command(doc! { "delete": "sessions", "deletes": [with_cookie] }).await.map(drop)
    })
}
