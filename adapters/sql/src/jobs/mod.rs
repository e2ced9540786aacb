//! Jobs and queues.

mod job_list;
pub(crate) mod migrations;
mod queues;
mod repository;
mod table;
#[cfg(test)]
mod tests;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    repository::declared().and(queues::declared()).statements(job_list::statements())
}
