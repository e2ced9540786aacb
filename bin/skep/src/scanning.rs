//! The scanner of the configuration, and the job that asks it about a file.

use crate::{causes::with_causes, config::Config};
use skep_application::{
    App,
    files::{FileScan, NotScanned, ScanError, Scanned, Scanner},
    jobs::{JobError, JobHandler, JobRun, Outcome},
    kernel::{BoxError, Runtime},
};
use skep_domain::{
    files::FileId,
    jobs::{Backoff, Job},
};
use skep_outbound::{AddressFilter, BreakerPolicy, SystemResolver};
use skep_scanner::{Clamd, ScanTimes};
use std::{sync::Arc, time::Duration};

/// The scanner, and its address for people.
pub(crate) struct NamedScanner {
    pub(crate) scanner: Arc<dyn Scanner>,
    pub(crate) place: String,
}

/// How often a content is tried that the scanner takes and does not judge, before its pauses become long.
const QUICK_TRIES: u32 = 5;
/// The pause after that. Such a content holds a worker for as long as the scanner may take, so a few of them must not
/// hold all workers.
const LONG_PAUSE_MILLIS: i64 = 6 * 60 * 60 * 1_000;

/// Builds the scanner, if there is one. Opens no connection.
///
/// # Errors
/// TLS cannot be set up.
pub(crate) fn scanner(config: &Config, runtime: Runtime) -> Result<Option<NamedScanner>, BoxError> {
    let Some(address) = config.scanner.address.clone() else { return Ok(None) };
    let filter = AddressFilter::allowing(config.scanner.networks.iter().copied());
    let place = address.to_string();
    let usual = ScanTimes::default();
    let total = config.scanner.patience;
    let times = ScanTimes { connect: usual.connect.min(total), write: usual.write.min(total), total };
    let clamd = Clamd::new(address, (filter, Arc::new(SystemResolver)), times, BreakerPolicy::default(), runtime)?;
    Ok(Some(NamedScanner { scanner: Arc::new(clamd), place }))
}

/// Runs the jobs that ask the scanner.
pub(crate) struct ScanHandler(pub(crate) Arc<App>);

impl JobHandler for ScanHandler {
    const KIND: &'static str = FileScan::JOB_KIND;
    const ATTEMPTS: u32 = FileScan::ATTEMPTS;
    /// Longer than any setting allows for the scanner, and for the content to be read.
    const TIMEOUT: Duration = Duration::from_secs(15 * 60);
    /// Each file that waits asks again within 5 minutes after the scanner is back.
    const BACKOFF: Backoff = Backoff { cap: Duration::from_secs(5 * 60), ..Backoff::USUAL };
    type Args = FileScan;

    async fn run(&self, job: &JobRun, scan: FileScan) -> Result<Outcome, JobError> {
        let id = scan.file_id;
        let scanned = self.0.files.scan_file.execute(job, id).await;
        if let Some(verdict) = verdict(&scanned) {
            metrics::counter!("skep_files_scanned_total", "verdict" => verdict).increment(1);
        }
        match scanned {
            Ok(Scanned::Clean) => Ok(Outcome::Settled),
            Ok(Scanned::Infected(threat)) => {
                tracing::warn!(file_id = %id, %threat, "the scanner has found something harmful; the content is deleted");
                Ok(Outcome::Settled)
            }
            Ok(Scanned::ContentDeleted | Scanned::NotQuarantined) => Ok(Outcome::Complete(None)),
            Err(error) => Err(self.failed(job.job(), id, error)),
        }
    }
}

impl ScanHandler {
    /// What is not a verdict leaves the file quarantined. A scanner that is away is logged until the breaker opens.
    fn failed(&self, job: &Job, id: FileId, error: NotScanned) -> JobError {
        let cause = with_causes(&error, ": ");
        let after = |millis| self.0.ports.runtime.clock.now().plus_millis(millis);
        match &error {
            NotScanned::Scan(ScanError::Away { retry_after: Some(pause), .. }) => {
                let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
                return JobError::at(after(pause), cause);
            }
            NotScanned::Scan(ScanError::NoAnswer(_)) if job.attempt >= QUICK_TRIES => {
                tracing::error!(
                    file_id = %id,
                    %cause,
                    "the scanner does not judge a file, which stays quarantined; it is tried again in 6 hours"
                );
                return JobError::at(after(LONG_PAUSE_MILLIS), cause);
            }
            NotScanned::Scan(ScanError::TooLarge) => {
                tracing::error!(
                    file_id = %id,
                    "the scanner does not take files as long as this one, so it stays quarantined: raise StreamMaxLength \
                     of clamd above SKEP_FILE_MIB, and retry the job"
                );
                return JobError::never(cause);
            }
            _ => {
                tracing::warn!(file_id = %id, %cause, "a file was not scanned, and stays quarantined; it is tried again")
            }
        }
        JobError::later(cause)
    }
}

/// The label of the metric. `None` if the scanner was not asked.
const fn verdict(scanned: &Result<Scanned, NotScanned>) -> Option<&'static str> {
    match scanned {
        Ok(Scanned::Clean) => Some("clean"),
        Ok(Scanned::Infected(_)) => Some("infected"),
        Ok(Scanned::ContentDeleted | Scanned::NotQuarantined) => None,
        Err(NotScanned::Scan(ScanError::Away { .. })) => Some("away"),
        Err(NotScanned::Scan(ScanError::NoAnswer(_))) => Some("no_answer"),
        Err(NotScanned::Scan(ScanError::TooLarge)) => Some("too_large"),
        Err(_) => Some("failed"),
    }
}
