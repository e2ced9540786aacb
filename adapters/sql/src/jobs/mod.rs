//! Jobs, queues and schedules.

mod job_list;
pub(crate) mod migrations;
mod queues;
mod repository;
mod schedules;
mod table;
#[cfg(test)]
mod tests;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    repository::declared().and(queues::declared()).and(schedules::declared()).statements(job_list::statements())
}
