//! The ports of schedules.

use crate::kernel::{Guarded, Page, PageRequest, Position, Sort, SortValue, StoreError};
use async_trait::async_trait;
use skep_domain::{
    access::Resource,
    jobs::{JobKind, Schedule, ScheduleId},
    shared::{Timestamp, Version, named},
};

/// Schedules belong to the operators, so the role alone decides.
impl Guarded for Schedule {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

/// Reads and writes schedules inside a unit of work.
///
/// 1. `find_due` returns the schedule if its next fire time is `now` or before. It may leave out a schedule that another
///    unit has locked.
/// 2. Of several units that return the same schedule from `find_due` and save it, one commits. The others get nothing,
///    or end with `Stale` or `Retry`.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ScheduleRepository: Send {
    /// The schedule with this id.
    async fn find(&mut self, id: ScheduleId) -> Result<Option<Schedule>, StoreError>;
    /// The schedule with this id, if it is due.
    async fn find_due(&mut self, id: ScheduleId, now: Timestamp) -> Result<Option<Schedule>, StoreError>;
    /// Stores a new schedule. `Duplicate` of `SCHEDULE_ID` or `SCHEDULE_NAME`.
    async fn insert(&mut self, schedule: &Schedule) -> Result<(), StoreError>;
    /// Replaces the version that was read, and returns the new version. The name, the kind of the jobs and the time of
    /// creation stay. `Stale`.
    async fn save(&mut self, schedule: &Schedule) -> Result<Version, StoreError>;
    /// Deletes the version that was read. `Stale`.
    async fn delete(&mut self, schedule: &Schedule) -> Result<(), StoreError>;
    /// The number of schedules, up to `bound`.
    async fn count(&mut self, bound: u32) -> Result<u64, StoreError>;
}

named! {
    /// The keys that schedules can be sorted by. Each has an index. Clients pass the name.
    ScheduleSortKey {
        /// The time of creation.
        CreatedAt = "created_at",
        /// The name, compared byte by byte.
        Name = "name",
    }
}

impl ScheduleSortKey {
    /// The place of a schedule in a list that is sorted by this key.
    #[must_use]
    pub fn position(self, schedule: &Schedule) -> Position {
        let key = match self {
            Self::CreatedAt => SortValue::Time(schedule.created_at),
            Self::Name => SortValue::Text(schedule.name.as_str().to_owned()),
        };
        Position { key, id: schedule.id.uuid() }
    }
}

/// The sort key and direction of a list of schedules.
pub type ScheduleSort = Sort<ScheduleSortKey>;

/// The schedules of a list. An absent value admits every schedule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScheduleFilter {
    /// The kind of the jobs.
    pub kind: Option<JobKind>,
}

impl ScheduleFilter {
    /// Whether the list has this schedule.
    #[must_use]
    pub fn admits(&self, schedule: &Schedule) -> bool {
        self.kind.as_ref().is_none_or(|kind| *kind == schedule.job.kind)
    }
}

/// Reads schedules outside a unit of work.
///
/// 1. `list_due_schedules` returns the schedules whose next fire time is `now` or before, in the order of that time. Its
///    cost does not depend on the others.
/// 2. `next_fire_at` returns the earliest next fire time of all schedules.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ScheduleQueries: Send + Sync {
    /// The schedule with this id.
    async fn find_schedule(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError>;
    /// A page of the schedules that the filter admits. It is empty if the key of the position has another type than the
    /// sort key.
    async fn list_schedules(
        &self,
        filter: &ScheduleFilter,
        sort: ScheduleSort,
        page: &PageRequest,
    ) -> Result<Page<Schedule>, StoreError>;
    /// At most `limit` schedules that are due.
    async fn list_due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<ScheduleId>, StoreError>;
    /// The time at which the next schedule fires; `None` if none does.
    async fn next_fire_at(&self) -> Result<Option<Timestamp>, StoreError>;
}
