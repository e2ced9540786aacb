//! `skep search`.

use crate::{Skep, config::Config};
use clap::Subcommand;
use skep_application::kernel::BoxError;
use skep_domain::search::SearchBuild;

/// What to do with the search index.
#[derive(Debug, Subcommand)]
pub(super) enum Search {
    /// Index all documents again, in small batches, while servers run.
    ///
    /// Searches and changes go on meanwhile, and no document is missing from the results because of the rebuild. Prints
    /// its progress. A rebuild that was interrupted goes on with `--continue`; a running server also completes it,
    /// within a minute.
    ///
    /// A new version of skep indexes by itself what it needs to. Run the command after an upgrade during which servers of
    /// a version without search still wrote.
    #[command(after_long_help = "Examples:
  skep search rebuild
  skep search rebuild --continue")]
    Rebuild {
        /// Go on where the last rebuild was interrupted.
        #[arg(long)]
        r#continue: bool,
    },
}

pub(super) async fn run(config: &Config, command: Search) -> Result<(), BoxError> {
    let Search::Rebuild { r#continue } = command;
    let skep = Skep::builder().config(config.clone()).start().await?;
    let done = rebuild(&skep, r#continue).await;
    skep.close().await;
    done
}

/// How many items are read between two lines.
const STEP: i64 = 1_000;

async fn rebuild(skep: &Skep, goes_on: bool) -> Result<(), BoxError> {
    let builds = &skep.app.search.builds;
    if !goes_on {
        builds.start_again().await?;
    }
    let (mut printed, mut all) = (Ok(()), 0);
    let mut report = |build: &SearchBuild, count: u64| {
        all += count;
        let count = i64::try_from(count).unwrap_or_default();
        let is_due = build.is_done() || build.indexed / STEP > (build.indexed - count) / STEP;
        if printed.is_ok() && is_due {
            let state = if build.is_done() { "done" } else { "read so far" };
            printed = tell!("{}  {} items  {state}", build.kind, build.indexed);
        }
    };
    let built = builds.run(&|| false, &mut report).await;
    printed?;
    built?;
    Ok(tell!("{all} items were read. Those that can be found are indexed")?)
}
