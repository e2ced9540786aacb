//! Metrics, traces, logs and compression, as operators see them.

mod compression;
mod denials;
mod metrics;
mod pipe;
mod secrets;
mod traces;

use crate::Journey;

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("observability::metrics", metrics::the_table_and_the_printed_metrics_agree),
    Journey::new("observability::denials", denials::a_denial_is_logged_with_its_account_and_counted),
    Journey::new("observability::traces", traces::every_request_is_a_trace),
    Journey::new("observability::collector_away", traces::a_collector_that_is_away_or_silent_delays_no_request),
    Journey::new("observability::blocked_pipe", pipe::a_blocked_pipe_delays_no_request),
    Journey::new("observability::secrets", secrets::no_secret_is_shown),
    Journey::new("observability::compression", compression::large_answers_are_compressed_on_request),
];
