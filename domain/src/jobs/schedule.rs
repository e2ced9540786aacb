//! A schedule: which job it makes, when, and what happens if a time was missed or the last job has not ended.

use super::{
    JobArgs, JobId, JobKind, JobState, JobStates, NewJob, Priority, QueueName, ScheduleName, Timing, UniqueKey,
    Uniqueness,
};
use crate::shared::{Timestamp, Version, named, typed_id};
use std::iter::successors;

typed_id! {
    /// Identifies a schedule.
    ScheduleId
}

named! {
    /// What happens to fire times that were missed: they came more than [`Schedule::GRACE_MILLIS`] ago, because no
    /// instance ran or the clock was set forward.
    #[derive(Default)]
    MisfirePolicy {
        /// Missed times make no job.
        Skip = "skip",
        /// All missed times together make one job.
        #[default]
        FireOnce = "fire_once",
        /// Each missed time makes a job, the earliest [`Schedule::CATCH_UP_MAX`] of them.
        FireAll = "fire_all",
    }
}

named! {
    /// What happens if the last job of the schedule has not ended at a fire time.
    #[derive(Default)]
    OverlapPolicy {
        /// Another job is made.
        #[default]
        Allow = "allow",
        /// No job is made.
        Skip = "skip",
        /// The last job is cancelled, and another one is made.
        CancelPrevious = "cancel_previous",
    }
}

/// The job that a schedule makes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ScheduledJob {
    /// Decides the handler.
    pub kind: JobKind,
    /// Where the job waits.
    pub queue: QueueName,
    /// The arguments of the handler.
    pub args: JobArgs,
    /// Which jobs of the queue are claimed first.
    pub priority: Priority,
    /// How often the job may be tried.
    pub max_attempts: u32,
}

/// A schedule that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    /// The name, unique.
    pub name: ScheduleName,
    /// When it fires.
    pub timing: Timing,
    /// What it makes.
    pub job: ScheduledJob,
    /// What happens to missed times.
    pub misfire: MisfirePolicy,
    /// What happens if the last job has not ended.
    pub overlap: OverlapPolicy,
}

/// The parts of a schedule that can be changed. An absent part stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScheduleChange {
    /// When it fires.
    pub timing: Option<Timing>,
    /// Where its jobs wait.
    pub queue: Option<QueueName>,
    /// The arguments of its jobs.
    pub args: Option<JobArgs>,
    /// Which jobs of the queue are claimed first.
    pub priority: Option<Priority>,
    /// What happens to missed times.
    pub misfire: Option<MisfirePolicy>,
    /// What happens if the last job has not ended.
    pub overlap: Option<OverlapPolicy>,
}

/// What becomes of the fire times that have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The times that make a job, earliest first.
    pub fires: Vec<Timestamp>,
    /// The number of times that make none, counted up to about [`Schedule::MISSED_MAX`].
    pub skipped: u64,
}

/// This program does not know the cron line or the time zone of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cron line or the time zone of the schedule is unknown to this version of the program")]
pub struct UnknownTiming;

/// Makes jobs at certain times.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Schedule {
    /// The identifier.
    pub id: ScheduleId,
    /// The name; unique.
    pub name: ScheduleName,
    /// When it fires.
    pub timing: Timing,
    /// What it makes.
    pub job: ScheduledJob,
    /// What happens to missed times.
    pub misfire: MisfirePolicy,
    /// What happens if the last job has not ended.
    pub overlap: OverlapPolicy,
    /// Since when it does not fire; `None` if it is not paused.
    pub paused_at: Option<Timestamp>,
    /// When it fires next; `None` if it is paused or has no further fire time.
    pub next_fire_at: Option<Timestamp>,
    /// The fire time of its last job.
    pub last_fire_at: Option<Timestamp>,
    /// Its last job. It may have been deleted.
    pub last_job_id: Option<JobId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When a caller last changed it.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl Schedule {
    /// A fire time is missed if it came longer ago than this.
    pub const GRACE_MILLIS: i64 = 60_000;
    /// How many missed times make a job with [`MisfirePolicy::FireAll`].
    pub const CATCH_UP_MAX: usize = 100;
    /// How many missed times are counted.
    pub const MISSED_MAX: usize = 1_000;

    /// A schedule that fires from now on.
    #[must_use]
    pub fn create(id: ScheduleId, new: NewSchedule, now: Timestamp) -> Self {
        let NewSchedule { name, timing, job, misfire, overlap } = new;
        Self {
            id,
            name,
            next_fire_at: timing.next_after(now),
            timing,
            job,
            misfire,
            overlap,
            paused_at: None,
            last_fire_at: None,
            last_job_id: None,
            created_at: now,
            updated_at: now,
            version: Version::FIRST,
        }
    }

    /// Takes the fire times that have come, and moves on to the first one after `now`. `None` if none has come. So a
    /// time is taken once, also if the clock is set back later (J9).
    ///
    /// # Errors
    /// [`UnknownTiming`]. The times stay due for a program that knows the timing.
    pub fn take_due(&mut self, now: Timestamp) -> Result<Option<Due>, UnknownTiming> {
        let Some(first) = self.next_fire_at.filter(|first| *first <= now) else { return Ok(None) };
        if !self.timing.is_known() {
            return Err(UnknownTiming);
        }
        let missed_before = now.plus_millis(-Self::GRACE_MILLIS);
        let missed: Vec<_> = self.times(Some(first), missed_before.plus_millis(-1)).take(Self::MISSED_MAX).collect();
        let recent =
            if first < missed_before { self.timing.next_after(missed_before.plus_millis(-1)) } else { Some(first) };
        let caught_up = match self.misfire {
            MisfirePolicy::Skip => 0,
            MisfirePolicy::FireOnce => 1,
            MisfirePolicy::FireAll => Self::CATCH_UP_MAX,
        };
        let mut fires: Vec<_> = missed.iter().copied().take(caught_up).collect();
        let late = missed.len() - fires.len();
        fires.extend(self.times(recent, now));
        // Of several jobs at once, all but one would be skipped or cancelled at once.
        let overlapping = if self.overlap == OverlapPolicy::Allow { 0 } else { fires.len().saturating_sub(1) };
        fires.drain(..overlapping);
        self.next_fire_at = self.timing.next_after(now);
        Ok(Some(Due { fires, skipped: (late + overlapping) as u64 }))
    }

    /// The fire times from `first` to `last`.
    fn times(&self, first: Option<Timestamp>, last: Timestamp) -> impl Iterator<Item = Timestamp> {
        successors(first, |time| self.timing.next_after(*time)).take_while(move |time| *time <= last)
    }

    /// The job of a fire time. Its key is unique to the schedule and the time, as long as the job exists (J9).
    #[must_use]
    pub fn job_at(&self, fire_at: Timestamp) -> NewJob {
        let key = UniqueKey::stored(format!("schedule {} {fire_at}", self.id));
        NewJob { unique: Some(Uniqueness { key, states: JobStates::of(JobState::ALL) }), ..self.job_now() }
    }

    /// The job that a caller asks for.
    #[must_use]
    pub fn job_now(&self) -> NewJob {
        let ScheduledJob { kind, queue, args, priority, max_attempts } = self.job.clone();
        NewJob { queue, priority, max_attempts, ..NewJob::of(kind, args) }
    }

    /// A job was stored for this time.
    pub fn fired(&mut self, fire_at: Timestamp, job_id: JobId) {
        self.last_fire_at = self.last_fire_at.max(Some(fire_at));
        self.last_job_id = Some(job_id);
    }

    /// Changes parts. Returns whether anything is different. Another timing counts from now on: times that have come
    /// before make no job.
    pub fn change(&mut self, change: ScheduleChange, now: Timestamp) -> bool {
        let before = self.clone();
        let ScheduleChange { timing, queue, args, priority, misfire, overlap } = change;
        set(&mut self.job.queue, queue);
        set(&mut self.job.args, args);
        set(&mut self.job.priority, priority);
        set(&mut self.misfire, misfire);
        set(&mut self.overlap, overlap);
        if let Some(timing) = timing.filter(|timing| !timing.is_like(&self.timing)) {
            self.timing = timing;
            if self.paused_at.is_none() {
                self.go_on(now);
            }
        }
        self.updated(*self != before, now)
    }

    /// Stops it from firing. Returns `false` if it was paused already.
    pub fn pause(&mut self, now: Timestamp) -> bool {
        let fires = self.paused_at.is_none();
        if fires {
            self.paused_at = Some(now.not_before(self.updated_at));
            self.next_fire_at = None;
        }
        self.updated(fires, now)
    }

    /// Lets it fire again. Times that have come meanwhile make no job. Returns `false` if it was not paused.
    pub fn resume(&mut self, now: Timestamp) -> bool {
        let paused = self.paused_at.take().is_some();
        if paused {
            self.go_on(now);
        }
        self.updated(paused, now)
    }

    /// Chooses the next fire time. It is never one that has made a job.
    fn go_on(&mut self, now: Timestamp) {
        self.next_fire_at = self.timing.next_after(self.last_fire_at.map_or(now, |last| now.not_before(last)));
    }

    fn updated(&mut self, is_changed: bool, now: Timestamp) -> bool {
        if is_changed {
            self.updated_at = now.not_before(self.updated_at);
        }
        is_changed
    }
}

fn set<T>(part: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *part = value;
    }
}

#[cfg(test)]
mod tests;
