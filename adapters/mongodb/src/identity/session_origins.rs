//! The epochs of accounts, and the epochs and origins of sessions. Documents of earlier versions are read without them.

use crate::schema::MongoSchema;
use bson::doc;
use skep_application::kernel::StoreError;
use std::{future::Future, pin::Pin};

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

pub(super) fn keep<'a>(_: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async { Ok(()) })
}

/// A session that a new password has ended stays ended, because its document is also revoked.
pub(super) fn unmake<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        for (collection, fields) in
            [("sessions", doc! { "auth_epoch": "", "device": "", "network": "" }), ("users", doc! { "auth_epoch": "" })]
        {
            let plain = doc! { "q": {}, "u": { "$unset": fields }, "multi": true };
            schema.command(doc! { "update": collection, "updates": [plain] }).await?;
        }
        Ok(())
    })
}
