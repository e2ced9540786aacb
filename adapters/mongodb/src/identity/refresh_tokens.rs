//! The refresh tokens of sessions. Documents of earlier versions are read without them.

use crate::{
    record::{Unreadable, binary, date, hash, optional_time},
    schema::MongoSchema,
};
use bson::{Binary, DateTime, Document, doc};
use skep_application::kernel::StoreError;
use skep_domain::identity::{Device, RefreshChain, RefreshHash, Rotation, UsedRefresh};
use std::{future::Future, pin::Pin};

/// Reads the fields of a session.
pub(super) fn read_refresh(
    current: Option<Binary>,
    used: Option<Binary>,
    used_at: Option<DateTime>,
) -> Result<Option<RefreshChain>, Unreadable> {
    let hash = |stored: Option<Binary>| stored.map(|stored| hash(&stored).map(RefreshHash)).transpose();
    let used = hash(used)?.zip(optional_time(used_at)?).map(|(hash, at)| UsedRefresh { hash, at });
    Ok(hash(current)?.map(|current| RefreshChain { current, used }))
}

/// The change of a session that a rotation makes.
pub(super) fn replacement(rotation: &Rotation) -> Document {
    let Rotation { presented, successor, at, expires_at, origin } = rotation;
    let mut set = doc! {
        "refresh_hash": binary(&successor.0),
        "refresh_used_hash": binary(&presented.0),
        "refresh_used_at": date(*at),
        "expires_at": date(*expires_at),
    };
    let mut unset = Document::new();
    let device = origin.device.clone().map(Device::into_string);
    for (field, value) in [("device", device), ("network", origin.network.map(|network| network.to_string()))] {
        match value {
            Some(value) => drop(set.insert(field, value)),
            None => drop(unset.insert(field, "")),
        }
    }
    if unset.is_empty() {
        doc! { "$set": set }
    } else {
        doc! { "$set": set, "$unset": unset }
    }
}

/// Sessions last as long as their last refresh said.
pub(super) fn unmake<'a>(
    schema: &'a mut MongoSchema<'_>,
) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>> {
    Box::pin(async move {
        let fields = doc! { "refresh_hash": "", "refresh_used_hash": "", "refresh_used_at": "" };
        let plain = doc! { "q": {}, "u": { "$unset": fields }, "multi": true };
        schema.command(doc! { "update": "sessions", "updates": [plain] }).await.map(drop)
    })
}
