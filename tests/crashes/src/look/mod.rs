//! Reads the tables of a store directly, without the program's code.

mod connections;
mod mongodb;
mod postgres;
mod sqlite;

use crate::state::State;
use skep_journeys::Deployment;
use std::path::Path;

pub(crate) use connections::Connections;

/// Reads the store of the deployment in one snapshot. Servers may run on it.
///
/// # Panics
/// If the store does not answer, or its tables do not match the schema.
#[must_use]
#[track_caller]
pub(crate) fn look(deployment: &Deployment) -> State {
    let address = |name: &str| deployment.settings().find(|(known, _)| known == name).map(|(_, address)| address);
    if let Some(address) = address("DATABASE_URL") {
        return block_on(postgres::look(&address)).expect("postgres answers");
    }
    if let Some(address) = address("MONGODB_URI") {
        return block_on(mongodb::look(&address)).expect("mongodb answers");
    }
    sqlite_at(&deployment.path("data").join("skep.db"))
}

#[track_caller]
fn sqlite_at(file: &Path) -> State {
    sqlite::look(file).expect("sqlite answers")
}

/// Makes all uploads that are not complete older than any upload may become.
///
/// # Panics
/// If the store does not answer.
#[track_caller]
pub(crate) fn age_uploads(deployment: &Deployment) {
    let is_set = |name: &str| deployment.settings().find(|(known, _)| known == name).map(|(_, address)| address);
    if is_set("DATABASE_URL").is_some() {
        deployment.sql("UPDATE files SET created_at = to_timestamp(0) WHERE state = 'uploading'");
    } else if let Some(address) = is_set("MONGODB_URI") {
        block_on(mongodb::age_uploads(&address)).expect("mongodb answers");
    } else {
        sqlite::age_uploads(&deployment.path("data").join("skep.db")).expect("sqlite answers");
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}
