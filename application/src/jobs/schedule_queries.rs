//! Reading schedules.

use super::{ScheduleFilter, ScheduleQueries, ScheduleSort};
use crate::kernel::{Actor, Clock, GetError, ListError, LongList, NotFound, Page, PageRequest, Reader};
use skep_domain::jobs::{Schedule, ScheduleId, actions};
use std::sync::Arc;

/// Returns one schedule.
pub struct GetSchedule(Reader<dyn ScheduleQueries>);

impl GetSchedule {
    /// Reads from this store.
    #[must_use]
    pub fn new(schedules: Arc<dyn ScheduleQueries>) -> Self {
        Self(Reader::new(actions::READ_SCHEDULE, schedules))
    }

    /// Reads the schedule with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: ScheduleId) -> Result<Schedule, GetError> {
        Ok(self.0.open(actor)?.find_schedule(id).await?.ok_or(NotFound("schedule"))?)
    }
}

/// Returns pages of schedules.
pub struct ListSchedules {
    schedules: Reader<dyn ScheduleQueries>,
    length: LongList,
}

impl ListSchedules {
    /// Reads from this store. The clock decides how long the list counts as a long one.
    #[must_use]
    pub fn new(schedules: Arc<dyn ScheduleQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { schedules: Reader::new(actions::READ_SCHEDULE, schedules), length: LongList::new(clock) }
    }

    /// Reads a page of the schedules that the filter admits.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        filter: &ScheduleFilter,
        sort: ScheduleSort,
        page: &PageRequest,
    ) -> Result<Page<Schedule>, ListError> {
        let schedules = self.schedules.open(actor)?;
        // As in `ListJobs`: a filter makes another list.
        if *filter != ScheduleFilter::default() {
            return Ok(schedules.list_schedules(filter, sort, page).await?);
        }
        let asked = self.length.ask(page);
        Ok(self.length.complete(page, &asked, schedules.list_schedules(filter, sort, &asked).await?))
    }
}
