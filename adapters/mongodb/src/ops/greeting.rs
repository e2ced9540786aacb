//! What a server says of itself.

use super::executor::bounded;
use crate::error;
use bson::doc;
use mongodb::Client;
use skep_application::kernel::StoreError;
use std::time::Duration;

/// What a server says of itself.
pub(crate) enum Greeting {
    /// It has transactions.
    Usable,
    /// It is alone.
    Standalone,
    /// It belongs to a replica set that is not set up yet.
    NotInitiated,
}

/// Asks the server that can be written to, or the one that `client` is tied to, what it is.
pub(crate) async fn greet(client: &Client, patience: Duration) -> Result<Greeting, StoreError> {
    let admin = client.database("admin");
    let call = admin.run_command(doc! { "hello": 1 });
    let answer = bounded(patience, call).await?.map_err(error::of_statement)?;
    if answer.contains_key("setName") || answer.get_str("msg").is_ok_and(|message| message == "isdbgrid") {
        return Ok(Greeting::Usable);
    }
    let member = answer.get_bool("isreplicaset").unwrap_or(false);
    Ok(if member { Greeting::NotInitiated } else { Greeting::Standalone })
}
