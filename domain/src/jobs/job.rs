//! A job: its content, and the rules of its states (J1 to J8).

use super::{Backoff, JobArgs, JobKind, JobState, JobStates, OrderingKey, Priority, QueueName, Retry, UniqueKey};
use crate::shared::{Fenced, Lease, LeaseToken, Timestamp, UserId, Version, typed_id};

typed_id! {
    /// Identifies a job.
    JobId
}

/// A job that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Decides the handler.
    pub kind: JobKind,
    /// Where the job waits.
    pub queue: QueueName,
    /// The arguments of the handler.
    pub args: JobArgs,
    /// Which jobs of the queue are claimed first.
    pub priority: Priority,
    /// The earliest time of the first attempt; `None` is at once.
    pub ready_at: Option<Timestamp>,
    /// How often the job may be tried, at least 1.
    pub max_attempts: u32,
    /// Which other jobs it must not exist beside.
    pub unique: Option<Uniqueness>,
    /// Which other jobs it must not run beside.
    pub ordering_key: Option<OrderingKey>,
    /// The user whose request caused the job.
    pub owner_id: Option<UserId>,
}

impl NewJob {
    /// A job of this kind with the usual settings: the default queue and priority, at once, [`Job::ATTEMPTS`] attempts.
    #[must_use]
    pub fn of(kind: JobKind, args: JobArgs) -> Self {
        Self {
            kind,
            queue: QueueName::default(),
            args,
            priority: Priority::default(),
            ready_at: None,
            max_attempts: Job::ATTEMPTS,
            unique: None,
            ordering_key: None,
            owner_id: None,
        }
    }
}

/// At most one job with the key is in one of the states (J5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uniqueness {
    /// The text that the jobs have in common.
    pub key: UniqueKey,
    /// The states in which a job holds the key.
    pub states: JobStates,
}

/// What caused a job, so that logs and traces can be followed from a request to its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOrigin {
    /// The request during which the job was stored, as the access log names it.
    pub request_id: String,
    /// The W3C trace context of the request.
    pub traceparent: Option<String>,
}

/// How far a running job has come, as its handler reports it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// 0 to 100.
    pub percent: u8,
    /// A short text for people, of at most [`Job::MESSAGE_MAX`] bytes.
    pub message: String,
    /// The state from which the next attempt goes on: JSON of at most [`Job::ARGS_MAX`] bytes.
    pub checkpoint: Option<String>,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failure {
    /// The number of the attempt, counted from 1.
    pub attempt: u32,
    /// When it failed.
    pub at: Timestamp,
    /// Why, in at most [`Job::MESSAGE_MAX`] bytes.
    pub message: String,
}

/// The job has ended, or waits already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the job is {}", .0.name())]
pub struct Ended(pub JobState);

/// Work that is stored, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The identifier.
    pub id: JobId,
    /// Decides the handler.
    pub kind: JobKind,
    /// Where it waits.
    pub queue: QueueName,
    /// The arguments of the handler.
    pub args: JobArgs,
    /// Which jobs of the queue are claimed first.
    pub priority: Priority,
    /// Whether it waits, runs or has ended.
    pub state: JobState,
    /// The earliest time of the next attempt. In a final state it is the time of the last one.
    pub ready_at: Timestamp,
    /// The number of attempts that were begun and counted.
    pub attempt: u32,
    /// The greatest number of attempts.
    pub max_attempts: u32,
    /// How many holders in succession were lost (J3).
    pub lost: u32,
    /// The worker that holds the job, exactly while it runs (J2).
    pub lease: Option<Lease>,
    /// Which other jobs it must not exist beside.
    pub unique: Option<Uniqueness>,
    /// Which other jobs it must not run beside (J7).
    pub ordering_key: Option<OrderingKey>,
    /// The user whose request caused the job.
    pub owner_id: Option<UserId>,
    /// What caused it.
    pub origin: JobOrigin,
    /// How far its last attempt came.
    pub progress: Option<Progress>,
    /// When a caller asked the running job to stop.
    pub cancel_requested_at: Option<Timestamp>,
    /// The result of a completed job, as JSON of at most [`Job::ARGS_MAX`] bytes.
    pub output: Option<String>,
    /// The last failures, oldest first, at most [`Job::FAILURES_MAX`].
    pub failures: Vec<Failure>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it reached its final state.
    pub finished_at: Option<Timestamp>,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl Job {
    /// The usual greatest number of attempts.
    pub const ATTEMPTS: u32 = 10;
    /// The greatest length of arguments, of a checkpoint and of an output, in bytes.
    pub const ARGS_MAX: usize = 64 * 1024;
    /// The greatest length of a message, in bytes.
    pub const MESSAGE_MAX: usize = 4 * 1024;
    /// How many failures a job remembers.
    pub const FAILURES_MAX: usize = 10;
    /// After so many lost holders in succession, the job itself is taken for the cause (J3).
    pub const LOST_MAX: u32 = 3;

    /// A job that waits.
    #[must_use]
    pub fn create(id: JobId, new: NewJob, origin: JobOrigin, now: Timestamp) -> Self {
        let ready_at = new.ready_at.unwrap_or(now);
        let state = if ready_at > now { JobState::Scheduled } else { JobState::Available };
        Self {
            id,
            kind: new.kind,
            queue: new.queue,
            args: new.args,
            priority: new.priority,
            state,
            ready_at,
            attempt: 0,
            max_attempts: new.max_attempts.max(1),
            lost: 0,
            lease: None,
            unique: new.unique,
            ordering_key: new.ordering_key,
            owner_id: new.owner_id,
            origin,
            progress: None,
            cancel_requested_at: None,
            output: None,
            failures: vec![],
            created_at: now,
            started_at: None,
            finished_at: None,
            version: Version::FIRST,
        }
    }

    /// The unique key, in the states in which the job holds it (J5).
    #[must_use]
    pub fn held_key(&self) -> Option<&UniqueKey> {
        self.unique.as_ref().filter(|unique| unique.states.contains(self.state)).map(|unique| &unique.key)
    }

    /// Whether this claim holds the job.
    #[must_use]
    pub fn is_held_by(&self, token: LeaseToken) -> bool {
        self.lease.is_some_and(|lease| lease.token == token)
    }

    /// Whether the store has to know that the job runs before it does: another job must not run beside it, or may store the
    /// unique key as long as this one waits (J5, J7).
    #[must_use]
    pub fn is_claimed_first(&self) -> bool {
        let holds = |state| self.unique.as_ref().is_some_and(|unique| unique.states.contains(state));
        self.ordering_key.is_some() || holds(JobState::Available) != holds(JobState::Running)
    }

    /// Whether a worker may have something to claim after the job was stored like this: the job itself, or the next one of
    /// its ordering key.
    #[must_use]
    pub fn lets_claim(&self) -> bool {
        self.state == JobState::Available || (self.ordering_key.is_some() && self.state != JobState::Running)
    }

    /// Makes a job available whose time has come. Returns whether it changed.
    pub fn promote(&mut self, now: Timestamp) -> bool {
        let due = matches!(self.state, JobState::Scheduled | JobState::Retryable) && self.ready_at <= now;
        if due {
            self.state = JobState::Available;
        }
        due
    }

    /// Gives an available job to a worker. Returns whether it was available.
    pub fn claim(&mut self, token: LeaseToken, now: Timestamp) -> bool {
        let free = self.state == JobState::Available;
        if free {
            self.state = JobState::Running;
            self.lease = Some(Lease::new(token));
            self.attempt = self.attempt.saturating_add(1);
            self.started_at = Some(now.not_before(self.created_at));
        }
        free
    }

    /// The worker lives. Returns whether it is asked to stop.
    ///
    /// # Errors
    /// [`Fenced`].
    pub fn beat(&mut self, token: LeaseToken) -> Result<bool, Fenced> {
        Lease::of(&mut self.lease, token)?.renew();
        Ok(self.cancel_requested_at.is_some())
    }

    /// The handler has reported how far it has come. The next attempt goes on from there, however this one ends.
    ///
    /// # Errors
    /// [`Fenced`].
    pub fn report(&mut self, token: LeaseToken, progress: Progress) -> Result<(), Fenced> {
        Lease::of(&mut self.lease, token)?;
        self.progress = Some(progress);
        Ok(())
    }

    /// The work is done.
    ///
    /// # Errors
    /// [`Fenced`].
    pub fn complete(&mut self, token: LeaseToken, output: Option<String>, now: Timestamp) -> Result<(), Fenced> {
        self.release(token)?;
        self.output = output;
        self.end(JobState::Completed, now);
        Ok(())
    }

    /// The attempt failed. `fraction` is random, for the pause before the next one. A job that was asked to stop is
    /// cancelled.
    ///
    /// # Errors
    /// [`Fenced`].
    pub fn fail(
        &mut self,
        token: LeaseToken,
        (message, retry): (String, Retry),
        (backoff, fraction): (Backoff, f64),
        now: Timestamp,
    ) -> Result<(), Fenced> {
        self.release(token)?;
        self.lost = 0;
        self.note(message, now);
        if retry == Retry::Never || self.attempt >= self.max_attempts {
            self.end_or_cancel(JobState::Discarded, now);
        } else if self.cancel_requested_at.is_some() {
            self.end(JobState::Cancelled, now);
        } else {
            self.state = JobState::Retryable;
            self.ready_at = match retry {
                Retry::At(time) => time,
                _ => later(now, backoff.pause(self.attempt, fraction)),
            };
        }
        Ok(())
    }

    /// The worker puts the job off until `ready_at`. The attempt does not count (J3).
    ///
    /// # Errors
    /// [`Fenced`].
    pub fn snooze(&mut self, token: LeaseToken, ready_at: Timestamp, now: Timestamp) -> Result<(), Fenced> {
        self.release(token)?;
        (self.attempt, self.lost) = (self.attempt.saturating_sub(1), 0);
        self.wait_until(ready_at, now);
        Ok(())
    }

    /// The worker gives the job back, because it stops. The attempt does not count (J3).
    ///
    /// # Errors
    /// [`Fenced`].
    pub fn hand_back(&mut self, token: LeaseToken, now: Timestamp) -> Result<(), Fenced> {
        self.snooze(token, now, now)
    }

    /// The worker has stopped because a caller cancelled the job.
    ///
    /// # Errors
    /// [`Fenced`].
    pub fn stopped(&mut self, token: LeaseToken, now: Timestamp) -> Result<(), Fenced> {
        self.release(token)?;
        self.end(JobState::Cancelled, now);
        Ok(())
    }

    /// The worker is gone, whose last known lease is `seen`. The attempt counts (J3), and the job is available at once
    /// (J4), unless it has used all attempts or has lost too many workers in succession.
    ///
    /// # Errors
    /// [`Fenced`] if the worker has beaten since, another one holds the job, or none does.
    pub fn rescue(&mut self, seen: Lease, now: Timestamp) -> Result<(), Fenced> {
        if self.lease != Some(seen) {
            return Err(Fenced);
        }
        self.lease = None;
        self.lost = self.lost.saturating_add(1);
        self.note("the worker was lost".to_owned(), now);
        if self.lost >= Self::LOST_MAX || self.attempt >= self.max_attempts {
            self.end_or_cancel(JobState::Discarded, now);
        } else {
            self.wait_until(now, now);
        }
        Ok(())
    }

    /// A caller ends the job. A waiting job is cancelled at once, a running one is asked to stop. Returns `false` if it
    /// was asked before.
    ///
    /// # Errors
    /// [`Ended`].
    pub fn cancel(&mut self, now: Timestamp) -> Result<bool, Ended> {
        match self.state {
            state if state.is_final() => Err(Ended(state)),
            JobState::Running if self.cancel_requested_at.is_some() => Ok(false),
            JobState::Running => {
                self.cancel_requested_at = Some(now);
                Ok(true)
            }
            _ => {
                self.end(JobState::Cancelled, now);
                Ok(true)
            }
        }
    }

    /// A caller makes the job available at once, with all its attempts. It keeps its id and its failures (J8). Returns
    /// `false` if it is available already.
    ///
    /// # Errors
    /// [`Ended`] with `running` or `completed`.
    pub fn retry(&mut self, now: Timestamp) -> Result<bool, Ended> {
        match self.state {
            JobState::Running | JobState::Completed => return Err(Ended(self.state)),
            JobState::Available => return Ok(false),
            _ => {}
        }
        (self.attempt, self.lost) = (0, 0);
        (self.finished_at, self.cancel_requested_at) = (None, None);
        self.wait_until(now, now);
        Ok(true)
    }

    fn release(&mut self, token: LeaseToken) -> Result<(), Fenced> {
        Lease::of(&mut self.lease, token)?;
        self.lease = None;
        Ok(())
    }

    /// Lets the job wait, unless a caller has cancelled it while it ran.
    fn wait_until(&mut self, ready_at: Timestamp, now: Timestamp) {
        if self.cancel_requested_at.is_some() {
            return self.end(JobState::Cancelled, now);
        }
        self.ready_at = ready_at;
        self.state = if ready_at > now { JobState::Scheduled } else { JobState::Available };
    }

    /// Ends the job in this state, or as cancelled if a caller has asked for that.
    fn end_or_cancel(&mut self, state: JobState, now: Timestamp) {
        self.end(if self.cancel_requested_at.is_some() { JobState::Cancelled } else { state }, now);
    }

    fn end(&mut self, state: JobState, now: Timestamp) {
        self.state = state;
        self.finished_at = Some(now.not_before(self.created_at));
    }

    fn note(&mut self, mut message: String, at: Timestamp) {
        message.truncate(message.floor_char_boundary(Self::MESSAGE_MAX));
        if self.failures.len() >= Self::FAILURES_MAX {
            self.failures.remove(0);
        }
        self.failures.push(Failure { attempt: self.attempt, at, message });
    }
}

fn later(now: Timestamp, pause: std::time::Duration) -> Timestamp {
    now.plus_millis(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
