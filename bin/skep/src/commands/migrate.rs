//! `skep migrate`.

use super::json;
use crate::{config::Config, foundation::Foundation, stores::OpenStore, waiting::refuse_defects};
use clap::Subcommand;
use serde_json::json;
use skep_application::{
    kernel::BoxError,
    operations::{Down, MigrationStatus},
};

/// What to do with the schema.
#[derive(Debug, Subcommand)]
pub(super) enum Migrate {
    /// Apply every missing migration.
    Up,
    /// Undo migrations, the newest first. This deletes all data in the tables that they made.
    ///
    /// Without --set, the newest migrations of all sets are undone. A set that another set depends on is refused.
    Down {
        /// Undo only migrations of this set; `skep migrate status` shows the sets.
        #[arg(long, value_name = "NAME")]
        set: Option<String>,
        /// How many migrations to undo.
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Confirm that data may be deleted. Without this option nothing is done.
        #[arg(long)]
        yes: bool,
    },
    /// Show which migrations are applied, and change nothing.
    Status {
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(config: &Config, command: Migrate) -> Result<(), BoxError> {
    let foundation = Foundation::open(config).await?;
    let store = &foundation.store;
    match command {
        Migrate::Up => match migrate_up(store).await? {
            applied if applied.is_empty() => tell!("the schema in {} is up to date", store.name)?,
            applied => applied.iter().try_for_each(|migration| tell!("applied   {}", line(migration)))?,
        },
        Migrate::Down { yes: false, set, steps } => {
            let of = set.map_or_else(String::new, |set| format!(" of the set {set}"));
            let what =
                if steps == 1 { "the newest migration".to_owned() } else { format!("the newest {steps} migrations") };
            return Err(format!("undoing {what}{of} deletes data: add --yes to confirm").into());
        }
        Migrate::Down { set, steps, yes: true } => match store.store.down(&Down { set, steps }).await? {
            reverted if reverted.is_empty() => tell!("no migration is applied, so nothing is reverted")?,
            reverted => reverted.iter().try_for_each(|migration| tell!("reverted  {}", line(migration)))?,
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
                tell!("{}  {at}", line(&migration))?;
            }
        }
    }
    store.close().await;
    Ok(())
}

fn line(migration: &MigrationStatus) -> String {
    format!("{} {:04} {}", migration.set, migration.number, migration.name)
}

/// Refuses a store that cannot be migrated before anything is changed, as a start does.
async fn migrate_up(store: &OpenStore) -> Result<Vec<MigrationStatus>, BoxError> {
    refuse_defects(store).await?;
    Ok(store.store.up().await?)
}
