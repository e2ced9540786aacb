//! Tickets: how a queue outside of the store gives jobs to workers (J13).
//!
//! The row of a job does not know of a ticket. The job stays available in the store until its worker writes something: a
//! beat, or how the attempt ended. That first write claims the job, if the row still has the version of the ticket. So
//! several workers may have tickets of one job, after a loss of data outside of the store, and one of them stores what it
//! did.

use super::{Job, JobState};
use crate::shared::{Fenced, Lease, LeaseToken, Timestamp, Version};

/// What a worker needs to claim a job that it already works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The version of the job for which the ticket was made. Any later change of the job makes the ticket void.
    pub version: Version,
    /// When the worker began.
    pub since: Timestamp,
}

impl Job {
    /// Whether a worker with a ticket for this version may claim the job.
    #[must_use]
    pub fn honors(&self, version: Version) -> bool {
        self.state == JobState::Available && self.version == version
    }

    /// Claims the job for a worker with a ticket, unless this claim holds it already.
    ///
    /// # Errors
    /// [`Fenced`] if the job has changed since the ticket was made.
    pub fn claim_with(&mut self, ticket: Ticket, token: LeaseToken) -> Result<(), Fenced> {
        if self.is_held_by(token) {
            return Ok(());
        }
        (self.honors(ticket.version) && self.claim(token, ticket.since)).then_some(()).ok_or(Fenced)
    }

    /// The worker with the ticket is gone, and has written nothing. The attempt counts, as that of any lost worker.
    ///
    /// # Errors
    /// [`Fenced`] if the job has changed since the ticket was made.
    pub fn rescue_from(&mut self, ticket: Ticket, token: LeaseToken, now: Timestamp) -> Result<(), Fenced> {
        if !self.honors(ticket.version) {
            return Err(Fenced);
        }
        self.claim_with(ticket, token)?;
        self.rescue(Lease::new(token), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{JobArgs, JobId, JobKind, JobOrigin, NewJob};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn token(number: u128) -> LeaseToken {
        LeaseToken::new(Uuid::from_u128(number))
    }

    fn stored() -> Job {
        let new = NewJob::of(JobKind::parse("shop.greet").unwrap(), JobArgs::stored("{}".to_owned()));
        let origin = JobOrigin { request_id: "request".to_owned(), traceparent: None };
        Job::create(JobId::new(Uuid::nil()), new, origin, at(1_000))
    }

    fn ticket(job: &Job) -> Ticket {
        Ticket { version: job.version, since: at(2_000) }
    }

    /// What the store does with a saved job.
    fn save(job: &mut Job) {
        job.version = job.version.next();
    }

    #[test]
    fn the_first_write_claims_the_job_and_later_ones_find_it_claimed() {
        let mut job = stored();
        let ticket = ticket(&job);
        job.claim_with(ticket, token(1)).unwrap();
        assert_eq!((job.state, job.attempt, job.started_at), (JobState::Running, 1, Some(at(2_000))));
        save(&mut job);
        job.claim_with(ticket, token(1)).unwrap();
        assert_eq!((job.attempt, job.claim_with(ticket, token(2))), (1, Err(Fenced)));
        job.complete(token(1), None, at(3_000)).unwrap();
        save(&mut job);
        assert_eq!(job.claim_with(ticket, token(1)), Err(Fenced), "the claim has ended");
    }

    #[test]
    fn a_lost_worker_counts_and_its_ticket_is_void() {
        let mut job = stored();
        let first = ticket(&job);
        for lost in 1..=3_u128 {
            let ticket = ticket(&job);
            job.rescue_from(ticket, token(lost), at(4_000)).unwrap();
            save(&mut job);
            assert_eq!((u128::from(job.lost), u128::from(job.attempt)), (lost, lost));
            assert_eq!(job.rescue_from(ticket, token(lost), at(4_000)), Err(Fenced));
        }
        assert_eq!((job.state, job.lease), (JobState::Discarded, None));
        assert_eq!(job.claim_with(first, token(1)), Err(Fenced));
    }

    #[test]
    fn a_worker_that_has_beaten_is_not_lost() {
        let mut job = stored();
        let ticket = ticket(&job);
        job.claim_with(ticket, token(1)).unwrap();
        job.beat(token(1)).unwrap();
        save(&mut job);
        assert_eq!(job.rescue_from(ticket, token(1), at(4_000)), Err(Fenced));
        assert!(job.is_held_by(token(1)));
    }

    proptest! {
        /// Any number of workers have tickets of one version. Whatever they, callers and rescuers do, and in whatever order,
        /// only one worker completes the job.
        #[test]
        fn of_all_tickets_of_a_version_one_completes_the_job(steps in prop::collection::vec((0..5_u8, 1..5_u128), 0..30)) {
            let mut job = stored();
            let ticket = ticket(&job);
            let mut completed = vec![];
            for (step, worker) in steps {
                let before = job.clone();
                let changed = match step {
                    0 | 1 => job.claim_with(ticket, token(worker)).is_ok_and(|()| {
                        completed.push(worker);
                        job.complete(token(worker), None, at(5_000)).is_ok()
                    }),
                    2 => job.claim_with(ticket, token(worker)).and_then(|()| job.beat(token(worker))).is_ok(),
                    3 => job.rescue_from(ticket, token(worker), at(6_000)).is_ok(),
                    _ => job.cancel(at(7_000)) == Ok(true),
                };
                if changed {
                    save(&mut job);
                } else {
                    prop_assert_eq!(&job, &before);
                }
            }
            prop_assert!(completed.len() <= 1);
            prop_assert_eq!(job.state == JobState::Completed, completed.len() == 1);
        }
    }
}
