//! `skep files rescan`.

use super::Rescan as Command;
use crate::Skep;
use serde_json::json;
use skep_application::{
    files::{NotRescanned, Rescan, Rescanned},
    kernel::{Actor, BoxError},
};

pub(super) async fn run(skep: &Skep, command: &Command) -> Result<(), BoxError> {
    let what = if command.release_unscanned { Rescan::Release } else { Rescan::Ask };
    let mut report = |_: Rescanned| {};
    let done = match skep.app.files.rescan_files.execute(&Actor::system("skep files"), what, &mut report).await {
        Ok(done) => done,
        Err(NotRescanned::NoScanner) => {
            return Err("no scanner is configured, so nothing can judge the files that wait; set SKEP_SCANNER, or make them ready without a verdict with --release-unscanned".into());
        }
        Err(NotRescanned::HasScanner) => {
            return Err("a scanner is configured (SKEP_SCANNER), so no file is released without its verdict; run the command without --release-unscanned".into());
        }
        Err(error) => return Err(error.into()),
    };
    let Rescanned { quarantined, queued, released } = done;
    if command.json {
        return crate::commands::json(&json!({ "quarantined": quarantined, "queued": queued, "released": released }));
    }
    match what {
        Rescan::Ask => tell!("{quarantined} files wait for the scanner; {queued} of them had no job and have one now"),
        Rescan::Release => tell!("{released} of {quarantined} files are ready now, and no scanner has judged them"),
    }?;
    Ok(())
}
