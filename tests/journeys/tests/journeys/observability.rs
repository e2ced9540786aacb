//! What operators see: metrics, traces, logs, compression.

mod compression;
mod metrics;
mod pipe;
mod secrets;
mod traces;

use crate::Journey;

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("observability::metrics", metrics::the_table_and_what_is_printed_agree),
    Journey::new("observability::traces", traces::every_request_is_a_trace),
    Journey::new("observability::collector_away", traces::a_collector_that_is_away_or_silent_holds_nobody_up),
    Journey::new("observability::blocked_pipe", pipe::a_blocked_pipe_holds_nobody_up),
    Journey::new("observability::secrets", secrets::no_secret_is_told),
    Journey::new("observability::compression", compression::large_answers_are_compressed_for_who_wants_it),
];
