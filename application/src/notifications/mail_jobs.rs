//! What becomes of a job that sends a mail.

use super::MailOutcome;
use crate::{
    jobs::{JobError, JobRun, Outcome},
    kernel::Runtime,
};
use skep_domain::shared::Timestamp;
use std::time::Duration;

/// How long a mail waits for a rate, in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000;
/// Mails that wait for a rate are tried again within about this time, and not all at once, for a day.
const SPREAD: Duration = Duration::from_secs(60);

/// Turns the outcome of sending a mail into that of its job. `None` if there was nothing to send anymore.
pub(super) fn settle(runtime: &Runtime, job: &JobRun, outcome: Option<MailOutcome>) -> Result<Outcome, JobError> {
    let Some(outcome) = outcome else { return Ok(Outcome::Complete(None)) };
    match outcome {
        MailOutcome::Sent => Ok(Outcome::Complete(None)),
        MailOutcome::Failed { reason } => Err(JobError::never(reason.to_string())),
        // One customer may cause more mails than a rate ever allows.
        MailOutcome::Limited { reason, .. } if runtime.clock.now() > job.job().created_at.plus_millis(DAY) => {
            Err(JobError::never(reason.to_string()))
        }
        MailOutcome::Limited { retry_after, .. } => {
            let spread = SPREAD.mul_f64(runtime.random.fraction());
            Ok(Outcome::Snooze(after(runtime, retry_after.saturating_add(spread))))
        }
        MailOutcome::Later { reason, retry_after: Some(pause) } => {
            Err(JobError::at(after(runtime, pause), reason.to_string()))
        }
        MailOutcome::Later { reason, retry_after: None } => Err(JobError::later(reason.to_string())),
    }
}

fn after(runtime: &Runtime, pause: Duration) -> Timestamp {
    runtime.clock.now().plus_millis(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
}
