//! Files and their contents.

use crate::telemetry::metric::{Kind, Metric, When, counter, gauge};

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
    counter(
        "skep_files_scanned_total",
        "Files that the scanner was asked about, by verdict: clean, infected, away (it is not reached), no_answer (it is reached and gives no usable answer), too_large (it takes no file as long), or failed (it cannot judge the content, or the content cannot be read). All but the first two stay quarantined.",
    )
    .labels(&["verdict"])
    .when(When::Counted),
    counter(
        "skep_file_images_total",
        "Requests for pictures in sizes by outcome: made (a smaller picture was made and kept), kept (it was there), refused, busy (too many waited), or failed.",
    )
    .labels(&["outcome"])
    .when(When::Counted),
    gauge("skep_image_scaling_running", "Pictures that are being made."),
    gauge("skep_image_scaling_waiting", "Requests that wait until a picture can be made."),
    gauge("skep_image_scaling_workers", "The number of pictures that may be made at the same time."),
    gauge("skep_image_scaling_places", "The number of requests that may wait: `SKEP_IMAGE_WAITING`."),
    counter("skep_image_scaling_rejected_total", "Requests that were refused because too many waited."),
    Metric::new(
        "skep_s3_upload_memory_bytes",
        Kind::Gauge,
        "bytes",
        "Memory of uploads to the bucket, with the bytes that are being sent. 0 without a bucket.",
    ),
    Metric::new(
        "skep_s3_upload_memory_max_bytes",
        Kind::Gauge,
        "bytes",
        "The most memory of whole parts of uploads: `SKEP_S3_MEMORY_MIB` in steps of 5 MiB. Each upload has 128 KiB beside it. 0 without a bucket.",
    ),
];
