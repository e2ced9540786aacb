//! Schedules of jobs.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules, page};
use async_trait::async_trait;
use skep_application::{
    jobs::{
        ScheduleFilter, ScheduleQueries, ScheduleRepository, ScheduleSort,
        constraints::{SCHEDULE_ID, SCHEDULE_NAME},
    },
    kernel::{Page, PageRequest},
};
use skep_domain::{
    jobs::{Schedule, ScheduleId},
    shared::{Timestamp, Version},
};

impl Row for Schedule {
    type Key = ScheduleId;
    const RULES: Rules<Self> = Rules {
        unique: &[(SCHEDULE_NAME, |one, other| one.name == other.name)],
        ..Rules::of(SCHEDULE_ID, |schedule| schedule.id, |schedule| &mut schedule.version)
    };
}

fn is_due(schedule: &Schedule, now: Timestamp) -> bool {
    schedule.next_fire_at.is_some_and(|next| next <= now)
}

#[async_trait]
impl ScheduleRepository for MemoryUnit {
    async fn find(&mut self, id: ScheduleId) -> Done<Option<Schedule>> {
        self.run(|state| Ok(state.schedules.get(id).cloned())).await
    }
    async fn find_due(&mut self, id: ScheduleId, now: Timestamp) -> Done<Option<Schedule>> {
        self.run(|state| Ok(state.schedules.get(id).filter(|schedule| is_due(schedule, now)).cloned())).await
    }
    async fn insert(&mut self, schedule: &Schedule) -> Done<()> {
        self.announcement.schedules = true;
        self.run(|state| state.schedules.insert(schedule)).await
    }
    async fn save(&mut self, schedule: &Schedule) -> Done<Version> {
        self.announcement.schedules = true;
        self.run(|state| state.schedules.save(schedule)).await
    }
    async fn delete(&mut self, schedule: &Schedule) -> Done<()> {
        self.run(|state| state.schedules.delete(schedule)).await
    }
    async fn count(&mut self, bound: u32) -> Done<u64> {
        self.run(|state| Ok(u64::from(bound).min(state.schedules.len() as u64))).await
    }
}

#[async_trait]
impl ScheduleQueries for MemoryStore {
    async fn find_schedule(&self, id: ScheduleId) -> Done<Option<Schedule>> {
        Ok(self.state().schedules.get(id).cloned())
    }
    async fn list_schedules(
        &self,
        filter: &ScheduleFilter,
        sort: ScheduleSort,
        request: &PageRequest,
    ) -> Done<Page<Schedule>> {
        let state = self.state();
        let rows = state.schedules.rows().filter(|schedule| filter.admits(schedule)).cloned();
        Ok(page(rows, |schedule| sort.key.position(schedule), sort.direction, request, usize::MAX, |_| 0))
    }
    async fn list_due_schedules(&self, now: Timestamp, limit: u32) -> Done<Vec<ScheduleId>> {
        let state = self.state();
        let mut due: Vec<_> = state.schedules.rows().filter(|schedule| is_due(schedule, now)).collect();
        due.sort_by_key(|schedule| (schedule.next_fire_at, schedule.id));
        Ok(due.into_iter().take(limit as usize).map(|schedule| schedule.id).collect())
    }
    async fn next_fire_at(&self) -> Done<Option<Timestamp>> {
        Ok(self.state().schedules.rows().filter_map(|schedule| schedule.next_fire_at).min())
    }
}
