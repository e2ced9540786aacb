//! Mails are jobs, and a schedule makes a job each second.

mod check;
#[cfg(test)]
mod tests;

use crate::{
    context::{Checks, Choice, Context, Ids},
    state::{Row, State, Table, id_at, parsed, row},
};
use serde::Deserialize;
use serde_json::{Value, json};
use skep_journeys::Client;
use uuid::Uuid;

/// The kind of the jobs that send mails.
pub(crate) const MAIL: &str = "notifications.order_mail";
/// The count of attempts whose worker was killed or taken for lost.
pub const LOST: &str = "attempts that lost their worker";
const JOBS: &str = "/api/v1/jobs";
const SCHEDULES: &str = "/api/v1/schedules";
const EVERY_SECOND: &str = "every-second";

/// A background job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Job {
    /// The primary key.
    pub(crate) id: Uuid,
    /// Decides the handler.
    pub(crate) kind: String,
    state: String,
    /// The arguments, a JSON text.
    pub(crate) args: String,
    /// The number of attempts that were begun, since an operator has last run it again.
    attempt: i64,
    /// How many workers in succession were lost.
    lost: i64,
    /// The claim of the worker that runs it.
    lease_token: Option<Uuid>,
    /// The key that no other job may have now.
    held_key: Option<String>,
    /// The failed attempts, a JSON text.
    failures: String,
}

impl Row for Job {
    const TABLE: Table = Table {
        rows: |document| vec![job(document)],
        ..Table::new::<Self>(
            "jobs",
            &["id", "lease_token"],
            &["kind", "state", "args", "attempt", "lost", "held_key", "failures"],
        )
    };
}

fn job(document: Value) -> Value {
    let mut job = row(document, "id");
    job["lease_token"] = job["lease"]["token"].take();
    job["failures"] = json!(job["failures"].to_string());
    job
}

impl Job {
    /// The event whose mail it sends.
    pub(crate) fn event(&self) -> Uuid {
        id_at(&parsed(&self.args), "event_id")
    }

    /// A job that sends the mail about a placed order.
    #[cfg(test)]
    pub(crate) fn mail(id: Uuid, event: Uuid, state: &str) -> Self {
        let args = json!({ "kind": "order_placed", "event_id": event }).to_string();
        let lease_token = (state == "running").then_some(id);
        let (kind, state, failures) = (MAIL.to_owned(), state.to_owned(), "[]".to_owned());
        Self { id, kind, state, args, attempt: 1, lost: 0, lease_token, held_key: None, failures }
    }
}

/// A schedule, without the parts that no check reads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Schedule {
    id: Uuid,
    name: String,
    created_at: i64,
    next_fire_at: Option<i64>,
}

impl Row for Schedule {
    const TABLE: Table = Table::new::<Self>("schedules", &["id"], &["name", "created_at", "next_fire_at"]);
}

/// The context of jobs. It has no commands of its own: the events of orders have mails.
pub(crate) struct Jobs;

impl Context for Jobs {
    fn name(&self) -> &'static str {
        "jobs"
    }

    fn tables(&self) -> &'static [Table] {
        &[Job::TABLE, Schedule::TABLE]
    }

    fn open(&self, admin: &Client, _: &mut Ids) {
        let schedule = json!({
            "name": EVERY_SECOND, "timing": { "every_seconds": 1 }, "kind": "operations.sweep",
            "misfire": "fire_all", "overlap": "allow",
        });
        admin.post(SCHEDULES).json(schedule).send().expect(201);
    }

    fn choices(&self) -> &'static [Choice] {
        &[]
    }

    fn refusals(&self) -> &'static [&'static str] {
        &[]
    }

    fn lists(&self) -> &'static [&'static str] {
        &[]
    }

    fn checks<'s>(&self, state: &'s State) -> Box<dyn Checks + 's> {
        Box::new(check::Work::of(state))
    }

    /// Runs the mails again that were discarded because three workers in succession were killed.
    fn repair(&self, admin: &Client) {
        let page = admin.get(format!("{JOBS}?state=discarded&kind={MAIL}&limit=100")).send().ok().json();
        for job in page["data"].as_array().into_iter().flatten() {
            let id = job["id"].as_str().expect("an id");
            admin.post(format!("{JOBS}/{id}/retry")).send().expect(200);
        }
    }
}
