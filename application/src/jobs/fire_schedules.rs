//! Making the jobs of schedules whose time has come.

use super::{JobRepository, JobsTx, ScheduleQueries, enqueue_internal};
use crate::kernel::{Actor, Attempt, Begin, Key, Runtime, StoreError, TxMode, run};
use skep_domain::{
    jobs::{Job, JobId, OverlapPolicy, Schedule, ScheduleId},
    shared::Timestamp,
};
use std::{slice::from_ref, sync::Arc, time::Duration};

/// The greatest number of schedules that one call fires.
const BATCH: u32 = 100;

/// Fires schedules. Any number of instances may do so at the same time: the unit of work that stores the jobs of a fire
/// time also stores the next fire time, so a time has at most one job (J9).
pub struct FireSchedules {
    store: Arc<dyn Begin<dyn JobsTx>>,
    queries: Arc<dyn ScheduleQueries>,
    runtime: Runtime,
}

/// What became of the fire times of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredSchedule {
    /// The schedule as it was stored.
    pub schedule: Schedule,
    /// How long after its fire time each job was stored.
    pub delays: Vec<Duration>,
    /// The number of fire times that made no job: they were missed, or the last job had not ended.
    pub skipped: u64,
}

/// What a look at the schedules has found.
#[derive(Debug, Default)]
pub struct FireReport {
    /// The schedules that were due.
    pub fired: Vec<FiredSchedule>,
    /// The schedules that could not be fired. Those after one that cannot be read are fired; after another error, the
    /// rest waits for the next call.
    pub failed: Vec<(ScheduleId, StoreError)>,
    /// How long the next schedule has to wait; zero if one is due that another unit has locked. `None` if none fires.
    pub wait: Option<Duration>,
}

impl FireSchedules {
    /// Fires the schedules of this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn JobsTx>>, queries: Arc<dyn ScheduleQueries>, runtime: Runtime) -> Self {
        Self { store, queries, runtime }
    }

    /// Fires at most 100 schedules that are due, each in a unit of its own.
    ///
    /// # Errors
    /// The store's error, if the schedules that are due cannot be read.
    pub async fn execute(&self) -> Result<FireReport, StoreError> {
        let now = self.runtime.clock.now();
        let mut report = FireReport::default();
        let mut next = self.queries.next_fire_at().await?;
        if next.is_some_and(|next| next <= now) {
            for id in self.queries.list_due_schedules(now, BATCH).await? {
                match self.fire(id).await {
                    Ok(fired) => report.fired.extend(fired),
                    Err(error) => {
                        // Another error than one of the row would meet the next schedule, too.
                        let is_of_row = matches!(error, StoreError::Corrupt(_));
                        report.failed.push((id, error));
                        if !is_of_row {
                            break;
                        }
                    }
                }
            }
            next = self.queries.next_fire_at().await?;
        }
        report.wait = next.map(|next| since(self.runtime.clock.now(), next));
        Ok(report)
    }

    /// Fires one schedule, unless another instance has done so.
    async fn fire(&self, id: ScheduleId) -> Result<Option<FiredSchedule>, StoreError> {
        let now = self.runtime.clock.now();
        run(&self.runtime, None, |attempt: Attempt| async move {
            let mut unit = self.store.begin(TxMode::Write, &[Key(id.uuid())]).await?;
            let fired = async {
                let Some(mut schedule) = unit.schedules().find_due(id, now).await? else { return Ok(None) };
                let due = schedule.take_due(now).map_err(|error| StoreError::Corrupt(error.into()))?;
                let Some(mut due) = due else { return Ok(None) };
                if !due.fires.is_empty() && !make_room(unit.jobs(), &schedule, now).await? {
                    due.skipped += due.fires.drain(..).count() as u64;
                }
                let actor = Actor::system(format!("schedule {}", schedule.name));
                for fire_at in &due.fires {
                    let job_id = JobId::new(self.runtime.ids.next());
                    let new = schedule.job_at(*fire_at);
                    let job = enqueue_internal(unit.jobs(), job_id, new, &actor, now).await?;
                    schedule.fired(*fire_at, job.id);
                }
                schedule.version = unit.schedules().save(&schedule).await?;
                let delays = due.fires.iter().map(|fire_at| since(*fire_at, now)).collect();
                Ok(Some(FiredSchedule { schedule, delays, skipped: due.skipped }))
            };
            let fired = fired.await;
            attempt.end(unit, fired).await
        })
        .await
    }
}

/// The time from `start` to `end`; zero if that is in the past.
fn since(start: Timestamp, end: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(end.as_millis() - start.as_millis()).unwrap_or(0))
}

/// Applies the policy for jobs that have not ended. Returns whether another job may be made (J10).
pub(super) async fn make_room(
    jobs: &mut dyn JobRepository,
    schedule: &Schedule,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let last = match (schedule.overlap, schedule.last_job_id) {
        (OverlapPolicy::Allow, _) | (_, None) => None,
        (_, Some(id)) => jobs.find(id).await?.filter(|job: &Job| !job.state.is_final()),
    };
    let Some(mut last) = last else { return Ok(true) };
    if schedule.overlap == OverlapPolicy::Skip {
        return Ok(false);
    }
    if last.cancel(now) == Ok(true) {
        jobs.save_many(from_ref(&last)).await?;
    }
    Ok(true)
}
