//! `skep keys`.

use super::json;
use crate::{FieldRotation, Skep, config::Config, foundation::Foundation, stores::OpenStore};
use clap::Subcommand;
use serde_json::{Value, json};
use skep_application::{
    kernel::{BoxError, StoreError},
    operations::{
        FieldKey, FieldProgress, FieldUses, KeyPurpose, KeyRotation, KeyState, ResealFields, SealedKey, Unopened,
        field_uses,
    },
};
use skep_crypto::sealed_with;
use std::collections::BTreeMap;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Show the keys, without their content.
    ///
    /// An active key is in use. A next key is published and becomes active later. A retired key only verifies the
    /// access tokens that it has signed, until it expires.
    ///
    /// Of the keys of sealed fields, the active one seals new values, and the retired ones only open the values that they
    /// have sealed. The number of these values is shown.
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
    ///
    /// With `--fields`, the key of sealed fields is replaced instead, at once: the new key seals from now on, and every
    /// value is sealed again with it, in small batches, while servers run. Prints its progress. If it is interrupted, run
    /// it again: it seals the rest, and makes no other key. Keys that were replaced stay, for backups. The command fails
    /// if a value cannot be opened, and leaves that value as it is.
    #[command(after_long_help = "Examples:
  skep keys rotate && skep keys list
  skep keys rotate --fields")]
    Rotate {
        /// Replace the key of sealed fields, and seal all values again.
        #[arg(long)]
        fields: bool,
    },
    /// Seal the keys of the previous secret again, with the current one.
    ///
    /// This is a step in replacing the secret of the instances, or that of the keys of sealed fields
    /// (SKEP_FIELD_SECRET_FILE and SKEP_PREVIOUS_FIELD_SECRET_FILE). First start every instance with the new secret in
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
        Keys::Rotate { fields: false } => rotate(config).await,
        Keys::Rotate { fields: true } => rotate_fields(config).await,
        Keys::Reseal => reseal(config).await,
    }
}

async fn reseal(config: &Config) -> Result<(), BoxError> {
    let skep = Skep::builder().config(config.clone()).start().await?;
    let resealed = skep.keys.reseal().await;
    let rewrapped = skep.keys.fields.rewrap().await;
    skep.close().await;
    match resealed? + rewrapped? {
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

async fn rotate_fields(config: &Config) -> Result<(), BoxError> {
    let skep = Skep::builder().config(config.clone()).start().await?;
    let mut printed = Ok(());
    let mut report = |progress: &FieldProgress| {
        let FieldProgress { field, resealed, to_reseal, is_done, .. } = progress;
        let is_due = *is_done || resealed / STEP > resealed.saturating_sub(ResealFields::BATCH.into()) / STEP;
        if printed.is_ok() && is_due && *to_reseal > 0 {
            let state = if *is_done { "done" } else { "sealed so far" };
            printed = tell!("{field}  {resealed} of {to_reseal} values  {state}");
        }
    };
    let rotated = skep.keys.fields.rotate(&mut report).await;
    skep.close().await;
    let FieldRotation { key_id, is_new, fields } = rotated?;
    printed?;
    match is_new {
        true => tell!("the new key {key_id} seals fields now"),
        false => {
            let more = "run the command again for a new key";
            tell!("a rotation that was interrupted is complete: the key {key_id} seals fields; {more}")
        }
    }?;
    let unopened: u64 = fields.iter().map(|field| field.unopened).sum();
    match fields.into_iter().find_map(|field| field.first_unopened) {
        None => Ok(()),
        Some(Unopened { place, error }) => Err(format!(
            "{unopened} values could not be opened and stay as they are; the first is {} of the row {}: {error}",
            place.field, place.row
        )
        .into()),
    }
}

/// How many values are sealed between two lines.
const STEP: u64 = 1_000;

async fn list(config: &Config, as_json: bool) -> Result<(), BoxError> {
    let foundation = Foundation::open(config).await?;
    let store = &foundation.store;
    let is_missing = store.store.status().await?.iter().any(|step| step.applied_at.is_none());
    let keys = if is_missing { Ok((vec![], vec![], vec![])) } else { read(store).await };
    store.close().await;
    if is_missing {
        return Err("migrations are missing: start the server or run `skep migrate up`".into());
    }
    let (keys, field_keys, uses) = keys?;
    if as_json {
        let (keys, fields): (Vec<_>, Vec<_>) =
            (keys.iter().map(member).collect(), field_members(&field_keys, &uses).collect());
        return json(&json!({ "keys": keys, "field_keys": fields }));
    }
    for key in &keys {
        let until = key.state.expires_at().map_or_else(String::new, |at| format!(" until {at}"));
        let secret = sealed_with(&key.sealed).unwrap_or_else(|| "unknown".to_owned());
        let (purpose, state) = (key.purpose.name(), key.state.name());
        tell!("{}  {purpose}  {state}{until}  made {}, secret {secret}", key.id, key.created_at)?;
    }
    for key in &field_keys {
        let secret = sealed_with(&key.wrapped).unwrap_or_else(|| "unknown".to_owned());
        let (state, values) = (state_of(key, &field_keys), values_of(key, &uses).values().sum::<u64>());
        tell!("{}  fields  {state}  made {}, secret {secret}, values {values}", key.id, key.created_at)?;
    }
    Ok(())
}

async fn read(store: &OpenStore) -> Result<(Vec<SealedKey>, Vec<FieldKey>, Vec<FieldUses>), StoreError> {
    let (keys, field_keys) = (store.store.list_keys().await?, store.store.list_field_keys().await?);
    Ok((keys, field_keys, field_uses(&*store.store).await?))
}

/// How many values of a field each key has sealed.
fn values_of(key: &FieldKey, uses: &[FieldUses]) -> BTreeMap<String, u64> {
    let of_key = uses.iter().filter(|uses| uses.key_id.as_deref() == Some(key.id.as_str()));
    of_key.map(|uses| (uses.field.to_string(), uses.count)).collect()
}

/// The key with the greatest number seals.
fn state_of(key: &FieldKey, keys: &[FieldKey]) -> &'static str {
    if keys.iter().all(|other| other.number <= key.number) { "active" } else { "retired" }
}

fn field_members<'a>(keys: &'a [FieldKey], uses: &'a [FieldUses]) -> impl Iterator<Item = Value> {
    keys.iter().map(|key| {
        json!({
            "id": key.id,
            "number": key.number,
            "state": state_of(key, keys),
            "created_at": key.created_at.to_string(),
            "secret": sealed_with(&key.wrapped),
            "values": values_of(key, uses),
        })
    })
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
