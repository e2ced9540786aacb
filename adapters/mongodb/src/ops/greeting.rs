//! Finds out the kind of a server.

use super::executor::bounded;
use crate::error;
use bson::doc;
use mongodb::Client;
use skep_application::kernel::StoreError;
use std::time::Duration;

/// The kind of a server.
pub(crate) enum Greeting {
    /// The server has transactions.
    Usable,
    /// The server is a member of a replica set and takes no writes now.
    Secondary,
    /// The server does not belong to a replica set.
    Standalone,
    /// The server belongs to a replica set that is not initiated.
    NotInitiated,
}

/// Asks the server that accepts writes, or the one that `client` is bound to.
pub(crate) async fn greet(client: &Client, patience: Duration) -> Result<Greeting, StoreError> {
    let admin = client.database("admin");
    let call = admin.run_command(doc! { "hello": 1 });
    let answer = bounded(patience, call).await?.map_err(error::of_statement)?;
    if answer.get_str("msg").is_ok_and(|message| message == "isdbgrid") {
        return Ok(Greeting::Usable);
    }
    if answer.contains_key("setName") {
        let is_primary = answer.get_bool("isWritablePrimary").unwrap_or(true);
        return Ok(if is_primary { Greeting::Usable } else { Greeting::Secondary });
    }
    let member = answer.get_bool("isreplicaset").unwrap_or(false);
    Ok(if member { Greeting::NotInitiated } else { Greeting::Standalone })
}
