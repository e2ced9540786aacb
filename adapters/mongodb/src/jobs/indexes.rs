//! The indexes of jobs. Most hold only jobs in a few states, so that jobs that wait for their time or have ended cost the
//! workers nothing. A worker's query repeats the condition of its index and names the index, so that the server cannot
//! choose another one. To check the condition, the server reads the document, unless the index has the field. So the
//! indexes that are counted along end with the state.

use crate::schema::{Index, index, partial, unique};
use bson::{Document, doc};
use skep_domain::jobs::JobState;

/// In the order in which jobs are claimed.
pub(super) const AVAILABLE: Index =
    partial("jobs_available_idx", &["queue", "priority", "ready_at", "_id", "state"], available);
/// In the order in which jobs become available.
pub(super) const DUE: Index = partial("jobs_due_idx", &["ready_at", "_id"], timed);
/// The jobs that workers hold.
pub(super) const RUNNING: Index = partial("jobs_running_idx", &["queue", "state"], running);
/// The ordering keys that running jobs have.
pub(super) const RUNNING_KEY: Index =
    Index { unique: true, ..partial("jobs_running_key_key", &["ordering_key"], running_in_order) };
/// The unique keys that jobs hold.
const HELD_KEY: Index = Index { only: Some(holding), ..unique("jobs_unique_key_key", &["held_key"]) };
/// The jobs that wait, by their owners.
pub(super) const OWNER: Index = partial("jobs_owner_idx", &["owner_id", "kind", "state"], waiting);
/// What is swept.
const FINISHED: Index = partial("jobs_finished_at_idx", &["state", "finished_at", "_id"], finished);
/// The list of all jobs.
pub(super) const CREATED: Index = index("jobs_created_at_idx", &["created_at", "_id"]);

pub(super) const ALL: &[Index] = &[AVAILABLE, DUE, RUNNING, RUNNING_KEY, HELD_KEY, OWNER, FINISHED, CREATED];

/// The jobs that a worker may claim.
pub(super) fn available() -> Document {
    doc! { "state": JobState::Available.name() }
}

/// The jobs that wait for their time.
pub(super) fn timed() -> Document {
    in_states(|state| state.is_waiting() && state != JobState::Available)
}

/// The jobs that workers hold.
pub(super) fn running() -> Document {
    doc! { "state": JobState::Running.name() }
}

/// The jobs that workers hold and that have an ordering key. A partial index cannot test whether a field is null, but
/// every key is greater than the empty text.
pub(super) fn running_in_order() -> Document {
    let mut running = running();
    running.insert("ordering_key", doc! { "$gt": "" });
    running
}

fn holding() -> Document {
    doc! { "held_key": { "$gt": "" } }
}

/// The jobs that a worker could still claim.
pub(super) fn waiting() -> Document {
    in_states(JobState::is_waiting)
}

fn finished() -> Document {
    in_states(JobState::is_final)
}

fn in_states(is_in: impl Fn(JobState) -> bool) -> Document {
    let states = JobState::ALL.iter().copied().filter(|state| is_in(*state)).map(JobState::name);
    doc! { "state": { "$in": states.collect::<Vec<_>>() } }
}
