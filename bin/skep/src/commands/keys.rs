//! `skep keys`.

use super::json;
use crate::{Skep, config::Config, foundation::Foundation};
use clap::Subcommand;
use serde_json::{Value, json};
use skep_application::{
    kernel::BoxError,
    operations::{KeyPurpose, KeyRotation, KeyState, SealedKey},
};
use skep_crypto::sealed_with;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Show the keys, without their content.
    ///
    /// An active key is in use. A next key is published and becomes active later. A retired key only verifies the
    /// access tokens that it has signed, until it expires.
    List {
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Replace the key that signs access tokens. No valid token is refused.
    ///
    /// Stores a new key. It is published for ten minutes, so that every server and every client that checks tokens
    /// knows it. Then a server that has known it for nine minutes makes it the active key. The key that it replaces
    /// verifies for 130 minutes more, or for 70 minutes more than tokens are valid if that is longer. An hour later it is
    /// deleted.
    ///
    /// If a key waits already, nothing is changed. While the secret of the instances is replaced, the command is refused
    /// until `skep keys reseal` has run.
    #[command(after_long_help = "Example:
  skep keys rotate && skep keys list")]
    Rotate,
    /// Seal the keys of the previous secret again, with the current one.
    ///
    /// This is a step in replacing the secret of the instances. First start every instance with the new secret in
    /// SKEP_SECRET_FILE and the old one in SKEP_PREVIOUS_SECRET_FILE. Then run this command once, and remove
    /// SKEP_PREVIOUS_SECRET_FILE. Keys and access tokens stay valid. Links to contents
    /// of files end when an instance gets the new secret.
    #[command(after_long_help = "Example:
  SKEP_SECRET_FILE=/run/secrets/skep SKEP_PREVIOUS_SECRET_FILE=/run/secrets/skep-previous skep keys reseal")]
    Reseal,
}

pub(super) async fn run(config: &Config, command: Keys) -> Result<(), BoxError> {
    match command {
        Keys::List { json: as_json } => list(config, as_json).await,
        Keys::Rotate => rotate(config).await,
        Keys::Reseal => reseal(config).await,
    }
}

async fn reseal(config: &Config) -> Result<(), BoxError> {
    let skep = Skep::builder().config(config.clone()).start().await?;
    let resealed = skep.keys.reseal().await;
    skep.close().await;
    match resealed? {
        0 => tell!("every key is sealed with the current secret already"),
        count => tell!("keys that are sealed with the current secret now: {count}"),
    }?;
    Ok(())
}

async fn rotate(config: &Config) -> Result<(), BoxError> {
    let skep = Skep::builder().config(config.clone()).start().await?;
    let rotated = skep.keys.rotate().await;
    let stored = skep.store.store.list_keys().await;
    skep.close().await;
    let stored_now = rotated?;
    let next = stored?.into_iter().find(|key| key.purpose == KeyPurpose::AccessTokens && key.state == KeyState::Next);
    match next {
        Some(key) if stored_now => {
            tell!("stored the key {}; it signs access tokens from {}", key.id, KeyRotation::activates_at(&key))
        }
        Some(key) => {
            tell!("the key {} waits already; it signs access tokens from {}", key.id, KeyRotation::activates_at(&key))
        }
        // A server has activated it since.
        None => tell!("the new key is active already"),
    }?;
    Ok(())
}

async fn list(config: &Config, as_json: bool) -> Result<(), BoxError> {
    let foundation = Foundation::open(config).await?;
    let store = &foundation.store;
    let is_missing = store.store.status().await?.iter().any(|step| step.applied_at.is_none());
    let keys = if is_missing { Ok(vec![]) } else { store.store.list_keys().await };
    store.close().await;
    if is_missing {
        return Err("migrations are missing: start the server or run `skep migrate up`".into());
    }
    let keys = keys?;
    if as_json {
        return json(&json!({ "keys": keys.iter().map(member).collect::<Vec<_>>() }));
    }
    for key in &keys {
        let until = key.state.expires_at().map_or_else(String::new, |at| format!(" until {at}"));
        let secret = sealed_with(&key.sealed).unwrap_or_else(|| "unknown".to_owned());
        let (purpose, state) = (key.purpose.name(), key.state.name());
        tell!("{}  {purpose}  {state}{until}  made {}, secret {secret}", key.id, key.created_at)?;
    }
    Ok(())
}

fn member(key: &SealedKey) -> Value {
    let activates_at = (key.state == KeyState::Next).then(|| KeyRotation::activates_at(key).to_string());
    json!({
        "id": key.id,
        "purpose": key.purpose.name(),
        "state": key.state.name(),
        "created_at": key.created_at.to_string(),
        "activates_at": activates_at,
        "expires_at": key.state.expires_at().map(|at| at.to_string()),
        "secret": sealed_with(&key.sealed),
    })
}
