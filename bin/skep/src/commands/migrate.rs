//! `skep migrate`.

use super::json;
use crate::{config::Config, skep::Foundation};
use clap::Subcommand;
use serde_json::json;
use skep_application::{
    kernel::BoxError,
    operations::{Down, MigrationStatus},
};

/// What to do with the schema.
#[derive(Debug, Subcommand)]
pub(super) enum Migrate {
    /// Apply every migration that is missing.
    Up,
    /// Take migrations back, those that were applied last first, with all data in what they made.
    ///
    /// Without --set these are the last ones, whatever their set. A set that another was built on is refused.
    Down {
        /// Only migrations of this set; `skep migrate status` shows the sets.
        #[arg(long, value_name = "NAME")]
        set: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Do it: data is lost. Without this nothing is done.
        #[arg(long)]
        yes: bool,
    },
    /// Show which migrations are applied. Changes nothing.
    Status {
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(config: &Config, command: Migrate) -> Result<(), BoxError> {
    let foundation = Foundation::open(config).await?;
    let store = &foundation.store;
    match command {
        Migrate::Up => match store.store.up().await? {
            applied if applied.is_empty() => tell!("nothing to apply: {} is up to date", store.name),
            applied => applied.iter().for_each(|migration| tell!("applied   {}", line(migration))),
        },
        Migrate::Down { yes: false, set, steps } => {
            let of = set.map_or_else(String::new, |set| format!(" of the set {set}"));
            let what = format!("the last {steps} migration(s){of}");
            return Err(format!("taking back {what} deletes the data in them; add --yes to do it").into());
        }
        Migrate::Down { set, steps, yes: true } => match store.store.down(&Down { set, steps }).await? {
            reverted if reverted.is_empty() => tell!("nothing to take back"),
            reverted => reverted.iter().for_each(|migration| tell!("reverted  {}", line(migration))),
        },
        Migrate::Status { json: true } => {
            let steps = store.store.status().await?;
            let step = |step: &MigrationStatus| {
                let applied_at = step.applied_at.map(|at| at.to_string());
                json!({ "set": step.set, "number": step.number, "name": step.name, "applied_at": applied_at })
            };
            json(&json!({ "store": store.name, "migrations": steps.iter().map(step).collect::<Vec<_>>() }))?;
        }
        Migrate::Status { json: false } => {
            for migration in store.store.status().await? {
                let at = migration.applied_at.map_or("missing".to_owned(), |at| format!("applied {at}"));
                tell!("{}  {at}", line(&migration));
            }
        }
    }
    store.close().await;
    Ok(())
}

fn line(migration: &MigrationStatus) -> String {
    format!("{} {:04} {}", migration.set, migration.number, migration.name)
}
