//! Kills on every store, and with contents in a bucket: `cargo test -p skep-crashes`. `SKEP_CRASH_SEED` repeats the choices of an earlier run.
//!
//! The test of a store without a server address (`SKEP_TEST_POSTGRES_URL`, `SKEP_TEST_MONGODB_URL`, `SKEP_TEST_S3_URL`)
//! is listed as ignored, with the reason. With `SKEP_REQUIRE_STORES=sqlite,postgres,mongodb,s3` it fails instead.

use libtest_mimic::{Arguments, Failed, Trial};
use skep_crashes::{CUT_OFF, Contents, LOST, Plan, UNFINISHED, campaign};
use skep_journeys::Store;
use std::{env, process::ExitCode, time::SystemTime};

/// The stores, each with the number of kills and of instances. With `s3`, rows are on SQLite and contents in a bucket.
const KILLS: [(&str, u32, usize); 4] = [("sqlite", 20, 1), ("postgres", 5, 2), ("mongodb", 5, 2), ("s3", 20, 1)];

/// The store of the rows and the place of the contents, or the name of the variable that is not set.
fn places(name: &str) -> Result<(Store, Contents), &'static str> {
    match name {
        "s3" => Ok((Store::Sqlite, Contents::in_bucket()?)),
        name => Ok((Store::named(name)?, Contents::Folder)),
    }
}

#[expect(clippy::print_stdout, reason = "prints the seed and the counts")]
fn kill(
    name: &str,
    (store, contents): (Store, Contents),
    kills: u32,
    instances: usize,
    seed: u64,
) -> Result<(), Failed> {
    println!("    crash::{name}: seed {seed}");
    store.end_abandoned_soon();
    let mut plan = Plan::new(store, kills, seed);
    (plan.instances, plan.contents) = (instances, contents);
    match campaign(&plan, &mut |_| {}) {
        Ok(tally) => {
            println!("    crash::{name}: {tally}");
            // A run proves nothing if no command was in flight at a kill, no job and no upload. Few kills may miss uploads.
            let has_hit = tally.kills == u64::from(kills) && !tally.acknowledged.is_empty() && tally.unanswered > 0;
            let has_hit_work = tally.followed.get(LOST).is_some_and(|lost| *lost > 0);
            let has_hit_uploads =
                [CUT_OFF, UNFINISHED].iter().filter_map(|cut| tally.followed.get(cut)).any(|cut| *cut > 0);
            let is_proof = has_hit && has_hit_work && (has_hit_uploads || kills < 20);
            if is_proof {
                Ok(())
            } else {
                Err(format!("no command, no job or no upload was in flight at a kill: {tally}").into())
            }
        }
        Err(faults) => Err(format!("seed {seed}: {}", faults.join("; ")).into()),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let required = env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    let seed = env::var("SKEP_CRASH_SEED").ok().map(|text| text.parse().expect("SKEP_CRASH_SEED is a number"));
    let seed = seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        u64::from(now.subsec_nanos()) ^ now.as_secs()
    });
    let trial = |(name, kills, instances): (&'static str, u32, usize)| match places(name) {
        Ok(places) => Trial::test(format!("crash::{name}"), move || kill(name, places, kills, instances, seed)),
        Err(variable) => {
            let reason = format!("{variable} is not set");
            let text = reason.clone();
            let trial = Trial::test(format!("crash::{name}"), move || Err(text.into()));
            let is_required = required.split(',').any(|required| required.trim() == name);
            if is_required { trial } else { trial.with_kind(reason).with_ignored_flag(true) }
        }
    };
    let trials = KILLS.into_iter().map(trial).collect();
    if !arguments.list {
        KILLS.iter().filter_map(|(name, ..)| places(name).ok()).for_each(|(store, _)| store.sweep());
        // Builds the binary now, so that the first kill does not wait for it.
        skep_journeys::skep();
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
