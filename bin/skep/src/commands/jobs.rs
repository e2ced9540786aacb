//! `skep jobs`.

use super::{
    json,
    output::{since, table},
};
use crate::{Skep, config::Config};
use clap::{
    Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use serde_json::{Value, json};
use skep_application::{
    jobs::{JobCommand, JobFilter, JobSort, JobSortKey, JobSummary, JobView, QueueView, as_json},
    kernel::{Actor, BoxError, PageRequest, Precondition},
};
use skep_domain::{
    jobs::{JobId, JobKind, JobState, QueueName},
    shared::{Direction, PageLimit},
};

/// What to do with background jobs.
#[derive(Debug, Subcommand)]
pub(super) enum Jobs {
    /// Show the newest jobs, one per line.
    List {
        /// Only jobs in this state.
        #[arg(long, value_parser = PossibleValuesParser::new(JobState::NAMES).try_map(|name| state(&name)))]
        state: Option<JobState>,
        /// Only jobs of this queue.
        #[arg(long, value_name = "NAME", value_parser = QueueName::parse)]
        queue: Option<QueueName>,
        /// Only jobs of this kind.
        #[arg(long, value_parser = JobKind::parse)]
        kind: Option<JobKind>,
        /// How many jobs to show, at most 100.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=100))]
        limit: i64,
    },
    /// Show a job as JSON, with its arguments, its result and its last failures.
    Show {
        /// The id of the job.
        id: JobId,
    },
    /// Make a job available at once, with all its attempts.
    ///
    /// The job was discarded or cancelled, or waits for its time.
    Retry {
        /// The id of the job.
        id: JobId,
    },
    /// End a job that waits, or ask the worker of a running one to stop.
    Cancel {
        /// The id of the job.
        id: JobId,
    },
    /// Show the queues, with the numbers of their jobs. At most 10,000 are counted.
    Stats,
}

fn state(name: &str) -> Result<JobState, &'static str> {
    JobState::from_name(name).ok_or("unknown")
}

pub(super) async fn run(config: &Config, command: Jobs) -> Result<(), BoxError> {
    let skep = Skep::builder().config(config.clone()).start().await?;
    let done = with(&skep, command).await;
    skep.close().await;
    done
}

async fn with(skep: &Skep, command: Jobs) -> Result<(), BoxError> {
    let (jobs, actor) = (&skep.app.jobs, Actor::system("skep jobs"));
    let precondition = Precondition::Missing;
    match command {
        Jobs::List { state, queue, kind, limit } => {
            let filter = JobFilter { state, queue, kind };
            let sort = JobSort { key: JobSortKey::CreatedAt, direction: Direction::Descending };
            let page = PageRequest { limit: PageLimit::new(limit)?, ..PageRequest::default() };
            let page = jobs.list_jobs.execute(&actor, &filter, sort, &page).await?;
            Ok(table(["id", "kind", "queue", "state", "attempt", "created"], page.items.iter().map(row))?)
        }
        Jobs::Show { id } => json(&shown(&jobs.get_job.execute(&actor, id).await?)?),
        Jobs::Retry { id } => {
            let job = jobs.retry_job.execute(&actor, JobCommand { job_id: id, precondition }).await?;
            Ok(tell!("the job {id} is {}", job.summary.state.name())?)
        }
        Jobs::Cancel { id } => {
            let job = jobs.cancel_job.execute(&actor, JobCommand { job_id: id, precondition }).await?;
            match job.summary.state {
                JobState::Running => tell!("the worker of the job {id} was asked to stop"),
                state => tell!("the job {id} is {}", state.name()),
            }?;
            Ok(())
        }
        Jobs::Stats => {
            let queues = jobs.list_queues.execute(&actor).await?;
            Ok(table(
                ["queue", "available", "running", "limit", "oldest since", "paused since"],
                queues.iter().map(stats),
            )?)
        }
    }
}

fn row(job: &JobSummary) -> [String; 6] {
    let attempt = format!("{}/{}", job.attempt, job.max_attempts);
    let state = match (job.state, job.cancel_requested_at) {
        (JobState::Running, Some(_)) => "stopping",
        (state, _) => state.name(),
    };
    let (kind, queue) = (job.kind.to_string(), job.queue.to_string());
    [job.id.to_string(), kind, queue, state.to_owned(), attempt, job.created_at.to_string()]
}

fn stats(QueueView { queue, counts }: &QueueView) -> [String; 6] {
    let (available, running) = (counts.available.to_string(), counts.running.to_string());
    let limit = queue.concurrency.map_or_else(|| "-".to_owned(), |limit| limit.get().to_string());
    [queue.name.to_string(), available, running, limit, since(counts.oldest_ready_at), since(queue.paused_at)]
}

/// The job, with the values of its JSON texts.
fn shown(job: &JobView) -> Result<Value, BoxError> {
    let mut shown = serde_json::to_value(job)?;
    shown["args"] = as_json(&job.args);
    shown["output"] = json!(job.output.as_deref().map(as_json));
    if let Some(checkpoint) = job.progress.as_ref().and_then(|progress| progress.checkpoint.as_deref()) {
        shown["progress"]["checkpoint"] = as_json(checkpoint);
    }
    Ok(shown)
}
