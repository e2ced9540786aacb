//! `skep schedules`.

use super::output::{since, table};
use crate::{Skep, config::Config};
use clap::Subcommand;
use skep_application::{
    jobs::{ScheduleCommand, ScheduleFilter, ScheduleSort, ScheduleSortKey},
    kernel::{Actor, BoxError, PageRequest, Precondition},
};
use skep_domain::{
    jobs::{JobKind, Schedule, ScheduleId, Timing},
    shared::{Direction, PageLimit},
};

/// What to do with schedules.
#[derive(Debug, Subcommand)]
pub(super) enum Schedules {
    /// Show the schedules, one per line, in the order of their names.
    List {
        /// Only schedules of jobs of this kind.
        #[arg(long, value_parser = JobKind::parse)]
        kind: Option<JobKind>,
    },
    /// Make a job of a schedule at once. Its next fire time stays.
    Run {
        /// The id of the schedule.
        id: ScheduleId,
    },
    /// Stop a schedule from making jobs.
    Pause {
        /// The id of the schedule.
        id: ScheduleId,
    },
    /// Let a paused schedule make jobs again.
    ///
    /// Fire times that have come meanwhile make no job.
    Resume {
        /// The id of the schedule.
        id: ScheduleId,
    },
}

pub(super) async fn run(config: &Config, command: Schedules) -> Result<(), BoxError> {
    let skep = Skep::builder().config(config.clone()).start().await?;
    let done = with(&skep, command).await;
    skep.close().await;
    done
}

async fn with(skep: &Skep, command: Schedules) -> Result<(), BoxError> {
    let (jobs, actor) = (&skep.app.jobs, Actor::system("skep schedules"));
    let named = |schedule_id| ScheduleCommand { schedule_id, precondition: Precondition::Missing };
    match command {
        Schedules::List { kind } => list(skep, &actor, &ScheduleFilter { kind }).await,
        Schedules::Run { id } => {
            let schedule = jobs.run_schedule.execute(&actor, named(id)).await?;
            let job = schedule.last_job_id.map_or_else(String::new, |job| job.to_string());
            Ok(tell!("the schedule {} has made the job {job}", schedule.name)?)
        }
        Schedules::Pause { id } => {
            let schedule = jobs.pause_schedule.execute(&actor, named(id)).await?;
            Ok(tell!("the schedule {} is paused", schedule.name)?)
        }
        Schedules::Resume { id } => {
            let schedule = jobs.resume_schedule.execute(&actor, named(id)).await?;
            match schedule.next_fire_at {
                Some(next) => tell!("the schedule {} fires next at {next}", schedule.name),
                None => tell!("the schedule {} has no further fire time", schedule.name),
            }?;
            Ok(())
        }
    }
}

/// Reads all pages: there are at most as many schedules as the settings allow.
async fn list(skep: &Skep, actor: &Actor, filter: &ScheduleFilter) -> Result<(), BoxError> {
    let sort = ScheduleSort { key: ScheduleSortKey::Name, direction: Direction::Ascending };
    let (mut rows, mut after) = (vec![], None);
    loop {
        let request = PageRequest { limit: PageLimit::new(100)?, after, ..PageRequest::default() };
        let page = skep.app.jobs.list_schedules.execute(actor, filter, sort, &request).await?;
        rows.extend(page.items.iter().map(row));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(table(["id", "name", "kind", "fires", "next", "last", "paused since"], rows.into_iter())?)
}

fn row(schedule: &Schedule) -> [String; 7] {
    let fires = match &schedule.timing {
        Timing::Cron { line, zone } => format!("{line} ({zone})"),
        Timing::Every { interval, .. } => format!("every {} s", interval.seconds()),
        Timing::Once(_) => "once".to_owned(),
    };
    let (name, kind) = (schedule.name.to_string(), schedule.job.kind.to_string());
    let [next, last, paused] = [schedule.next_fire_at, schedule.last_fire_at, schedule.paused_at].map(since);
    [schedule.id.to_string(), name, kind, fires, next, last, paused]
}
