//! The migrations of jobs.

use crate::operations::{SqlSet, scripts};
use skep_application::operations::MigrationStep;

pub(crate) const SET: SqlSet = SqlSet {
    name: "jobs",
    after: &[], // its tables refer to no others
    steps: &[
        MigrationStep { name: "jobs", work: scripts!("jobs/0001_jobs") },
        MigrationStep { name: "schedules", work: scripts!("jobs/0002_schedules") },
        MigrationStep { name: "queue_concurrency", work: scripts!("jobs/0003_queue_concurrency") },
    ],
};
