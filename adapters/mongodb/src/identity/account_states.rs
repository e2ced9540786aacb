//! The states of accounts, and the indexes of their lists. Documents of earlier versions are active.

use crate::schema::{Collection, Index, MongoSchema, collection, index};
use bson::doc;
use skep_application::kernel::StoreError;
use skep_domain::identity::LinkPurpose;
use std::{future::Future, pin::Pin};

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// By the time of creation.
pub(super) const CREATED: Index = index("users_created_at_idx", &["created_at", "_id"]);
/// By the display name.
pub(super) const NAMED: Index = index("users_display_name_idx", &["display_name", "_id"]);
pub(super) const INDEXES: &[Collection] = &[collection("users", &[CREATED, NAMED])];

/// By the time of the erasure.
pub(super) const ERASE_AT: Index = index("users_erase_at_idx", &["erase_at", "_id"]);
pub(super) const ERASURES: &[Collection] = &[collection("users", &[ERASE_AT])];

/// Deleted accounts are disabled, so that their owners' wish is not forgotten: an admin deletes them.
pub(super) fn unmake_erasures<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        schema.drop_index("users", ERASE_AT.name).await?;
        let deleted = doc! { "erase_at": { "$ne": null } };
        let disabled = doc! { "disabled_at": { "$ifNull": ["$disabled_at", "$updated_at"] } };
        let change = vec![doc! { "$set": disabled }, doc! { "$unset": "erase_at" }];
        let update = doc! { "q": deleted, "u": change, "multi": true };
        schema.command(doc! { "update": "users", "updates": [update] }).await.map(drop)
    })
}

/// Invitations no longer work. The owners of these accounts ask for a link to set a new password.
pub(super) fn unmake_invitations<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        let links = doc! { "q": { "purpose": LinkPurpose::AcceptInvitation.name() }, "limit": 0 };
        schema.command(doc! { "delete": "account_links", "deletes": [links] }).await?;
        let plain = doc! { "q": {}, "u": { "$unset": { "invited_at": "" } }, "multi": true };
        schema.command(doc! { "update": "users", "updates": [plain] }).await.map(drop)
    })
}

/// Accounts that were disabled can be used again.
pub(super) fn unmake<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        schema.drop_index("users", NAMED.name).await?;
        schema.drop_index("users", CREATED.name).await?;
        let plain = doc! { "q": {}, "u": { "$unset": { "disabled_at": "" } }, "multi": true };
        schema.command(doc! { "update": "users", "updates": [plain] }).await.map(drop)
    })
}
