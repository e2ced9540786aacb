//! The endpoints of schedules.

use super::{
    api::{Tag, name_schema},
    schedule_dto::{ChangeScheduleRequest, CreateScheduleRequest, SCHEDULES, ScheduleBody},
};
use crate::{
    body::{MergePatch, Strict},
    parts::{
        Created, Done, Filter, FilterOf, Id, IfMatch, List, Listed, RepeatKey, Sent, Shown, SignedIn, SortKey, path_of,
    },
    problem::Problem,
};
use poem_openapi::{OpenApi, param::Path, registry::MetaSchema};
use skep_application::jobs::{ScheduleCommand, ScheduleFilter, ScheduleSort, ScheduleSortKey};
use skep_domain::jobs::{JobKind, Schedule, ScheduleId};

#[derive(Default)]
pub(super) struct ScheduleApi;

impl SortKey for ScheduleSortKey {
    const ALL: &'static [Self] = Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }
}

/// The kind of the jobs that schedules of a list make.
struct OfKind(JobKind);

impl std::fmt::Display for OfKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Filter for OfKind {
    const NAME: &'static str = "kind";
    const MEANING: &'static str = "Only schedules of jobs of this kind.";

    fn schema() -> MetaSchema {
        name_schema()
    }

    fn parse(text: &str) -> Result<Self, String> {
        JobKind::parse(text).map(Self).map_err(|error| error.to_string())
    }
}

fn shown(schedule: Schedule) -> Shown<ScheduleBody> {
    Shown::of(schedule.version, schedule)
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Jobs")]
impl ScheduleApi {
    /// Create a schedule
    ///
    /// Creates a schedule, which makes a job at each of its fire times. Needs the permission `jobs.schedule.manage`.
    /// The kind of the jobs must be one that the server has a handler for, and the handler must be able to read the
    /// arguments. If another schedule has the name, the answer is 409 `schedule_name_taken`. If there are as many
    /// schedules as are allowed, it is 409 `too_many_schedules`.
    #[oai(path = "/schedules", method = "post", operation_id = "create_schedule")]
    async fn create(
        &self,
        caller: SignedIn,
        Sent(key): RepeatKey,
        body: Strict<CreateScheduleRequest>,
    ) -> Result<Created<ScheduleBody>, Problem> {
        let create = &caller.app().jobs.create_schedule;
        let schedule = create.execute_once(&caller.actor, key.as_ref(), body.0.into()).await?;
        Ok(Created::at(path_of(SCHEDULES, schedule.id, ""), schedule.version, schedule))
    }

    /// List schedules
    ///
    /// Lists schedules, also those that are paused or done. Needs the permission `jobs.schedule.read`. A cursor belongs
    /// to the filter that it was made with.
    #[oai(path = "/schedules", method = "get", operation_id = "list_schedules")]
    async fn list(
        &self,
        caller: SignedIn,
        Sent(list): List<ScheduleSortKey>,
        Sent(kind): FilterOf<OfKind>,
    ) -> Result<Listed<ScheduleBody>, Problem> {
        let list = list.open_narrowed(&caller, SCHEDULES, kind.query())?;
        let filter = ScheduleFilter { kind: kind.0.map(|kind| kind.0) };
        let sort = ScheduleSort { key: list.key, direction: list.direction };
        let page = caller.app().jobs.list_schedules.execute(&caller.actor, &filter, sort, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Get a schedule
    ///
    /// Returns the schedule. Needs the permission `jobs.schedule.read`. Its `ETag` changes each time that it fires.
    #[oai(path = "/schedules/:id", method = "get", operation_id = "get_schedule")]
    async fn get(&self, caller: SignedIn, Path(id): Path<Id<ScheduleId>>) -> Result<Shown<ScheduleBody>, Problem> {
        Ok(shown(caller.app().jobs.get_schedule.execute(&caller.actor, id.0).await?))
    }

    /// Change a schedule
    ///
    /// Sets the timing, the arguments, the queue, the priority or the policies (JSON merge patch, RFC 7396). Needs the
    /// permission `jobs.schedule.manage`. Absent fields keep their values. The timing is replaced as a whole, and
    /// counts from now on. `null` sets a field to its usual value, except the timing. The name and the kind stay. If
    /// nothing is different afterwards, the `ETag` stays the same.
    #[oai(path = "/schedules/:id", method = "patch", operation_id = "change_schedule")]
    async fn change(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<ScheduleId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: MergePatch<ChangeScheduleRequest>,
    ) -> Result<Shown<ScheduleBody>, Problem> {
        let change = &caller.app().jobs.change_schedule;
        let command = body.0.command(id.0, precondition);
        Ok(shown(change.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Delete a schedule
    ///
    /// Deletes the schedule permanently. Needs the permission `jobs.schedule.manage`. The jobs that it has made stay.
    #[oai(path = "/schedules/:id", method = "delete", operation_id = "delete_schedule")]
    async fn delete(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<ScheduleId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = ScheduleCommand { schedule_id: id.0, precondition };
        caller.app().jobs.delete_schedule.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }

    /// Run a schedule now
    ///
    /// Makes a job of the schedule at once, also if it is paused or done. Needs the permission `jobs.schedule.manage`.
    /// The answer has the id of the job in `last_job_id`; the next fire time stays. If the last job has not ended, the
    /// policy `overlap` holds: with `skip`, the answer is 409 `schedule_job_unfinished`. The job belongs to the caller,
    /// for whom a limited number of jobs may wait (409 `too_many_waiting_jobs`).
    #[oai(path = "/schedules/:id/run", method = "post", operation_id = "run_schedule")]
    async fn run(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<ScheduleId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<ScheduleBody>, Problem> {
        let command = ScheduleCommand { schedule_id: id.0, precondition };
        Ok(shown(caller.app().jobs.run_schedule.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Pause a schedule
    ///
    /// Stops the schedule from making jobs. Needs the permission `jobs.schedule.manage`. A schedule that is paused
    /// already is returned unchanged.
    #[oai(path = "/schedules/:id/pause", method = "post", operation_id = "pause_schedule")]
    async fn pause(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<ScheduleId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<ScheduleBody>, Problem> {
        let command = ScheduleCommand { schedule_id: id.0, precondition };
        Ok(shown(caller.app().jobs.pause_schedule.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Resume a schedule
    ///
    /// Lets a paused schedule make jobs again. Needs the permission `jobs.schedule.manage`. Fire times that have come
    /// meanwhile make no job. A schedule that is not paused is returned unchanged.
    #[oai(path = "/schedules/:id/resume", method = "post", operation_id = "resume_schedule")]
    async fn resume(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<ScheduleId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<ScheduleBody>, Problem> {
        let command = ScheduleCommand { schedule_id: id.0, precondition };
        Ok(shown(caller.app().jobs.resume_schedule.execute_once(&caller.actor, key.as_ref(), command).await?))
    }
}
