//! Reports that something waits.

use std::{convert::Infallible, time::Duration};
use tokio::time::sleep;

const FIRST: Duration = Duration::from_millis(500);
const EVERY: Duration = Duration::from_secs(5);

/// Logs the text as a warning after half a second and then every few seconds, until it is dropped.
pub(crate) async fn report(text: &str) -> Infallible {
    sleep(FIRST).await;
    loop {
        tracing::warn!("{text}");
        sleep(EVERY).await;
    }
}
