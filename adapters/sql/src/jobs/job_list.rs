//! The lists of jobs: of all, and of those that a filter admits.

use super::table::{JOBS, LAST_OF_SUMMARY};
use crate::{
    Kind, SqlStore, Statement, args,
    page::{Listed, Pages},
};
use skep_application::{
    jobs::{JobFilter, JobSort, JobSortKey, JobSummary},
    kernel::{Page, PageRequest, StoreError},
};
use skep_domain::jobs::{JobKind, QueueName};
use std::sync::LazyLock;

/// The columns that a list can be filtered by, in the order of [`values`].
const FILTERS: [&str; 3] = ["state", "queue", "kind"];

fn values(filter: &JobFilter) -> [Option<&str>; 3] {
    let JobFilter { state, queue, kind } = filter;
    [state.map(|state| state.name()), queue.as_ref().map(QueueName::as_str), kind.as_ref().map(JobKind::as_str)]
}

/// A list for each combination of filters. The bits of its place are the filters.
static LISTS: LazyLock<Vec<Pages>> = LazyLock::new(|| {
    let summaries = JOBS.up_to(LAST_OF_SUMMARY);
    let combinations = 0..1_usize << FILTERS.len();
    let list = |bits: usize| {
        let columns: Vec<_> =
            (0_usize..).zip(FILTERS).filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, of)| of).collect();
        let name: String = columns.iter().map(|column| format!("_of_{column}")).collect();
        let conditions: Vec<_> = (1..).zip(&columns).map(|(number, column)| format!("{column} = ${number}")).collect();
        // Each column has the name of its sort key.
        let sorts: Vec<_> =
            JobSortKey::NAMES.iter().map(|column| (format!("list_by_{column}{name}"), *column)).collect();
        let listed = Listed {
            condition: &conditions.join(" AND "),
            params: &vec![Kind::Text; columns.len()],
            sorts: &sorts,
            count: &format!("count{name}"),
        };
        let pages = Pages::new(&summaries, &listed);
        // A filter is compared with every job in the index until the page is full.
        if columns.is_empty() { pages } else { pages.long() }
    };
    combinations.map(list).collect()
});

pub(super) fn statements() -> impl Iterator<Item = &'static Statement> {
    LISTS.iter().flat_map(Pages::statements)
}

pub(super) async fn page(
    store: &SqlStore,
    filter: &JobFilter,
    sort: JobSort,
    request: &PageRequest,
) -> Result<Page<JobSummary>, StoreError> {
    let values = values(filter);
    let bits: usize = (0..).zip(values).map(|(bit, value)| usize::from(value.is_some()) << bit).sum();
    let args = values.into_iter().flatten().flat_map(|value| args![value]).collect();
    let by = (sort.key.name(), sort.direction);
    LISTS[bits].page(store, by, args, request, |job| sort.key.position(job)).await
}
