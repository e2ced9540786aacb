//! Files and their contents.

use crate::telemetry::metric::{Kind, Metric, When, counter};

pub(super) const METRICS: &[Metric] = &[
    counter(
        "skep_file_uploads_total",
        "Uploads by outcome: stored, repeated (with the key and the content of an earlier one), refused, failed, or left (the client went away).",
    )
    .labels(&["outcome"])
    .when(When::Counted),
    counter(
        "skep_upload_pieces_total",
        "Pieces of uploads by outcome: stored, cut (the connection broke off, and what had arrived is kept), refused, or failed.",
    )
    .labels(&["outcome"])
    .when(When::Counted),
    Metric::new("skep_file_stored_bytes_total", Kind::Counter, "bytes", "Bytes of the contents that were stored.")
        .when(When::Counted),
    counter(
        "skep_file_contents_damaged_total",
        "Reads of a content that ended because it is missing, or differs from its checksum.",
    )
    .when(When::Counted),
];
