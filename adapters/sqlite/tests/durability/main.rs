//! The order of writes, syncs and answers, and failing disks. The program runs itself under strace, as the workload,
//! and reads the trace or makes system calls fail.

#![expect(clippy::unwrap_used, reason = "a test, which clippy does not see without the standard harness")]

mod trace;
mod workload;

use libtest_mimic::{Arguments, Failed, Trial};
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};
use trace::Call;
use workload::{ENVIRONMENT, Workload};

fn main() {
    if let Some(workload) = Workload::from_environment() {
        return workload.run();
    }
    let trials = vec![
        Trial::test("every_answer_comes_after_the_sync_of_its_unit", answers_come_after_the_sync),
        Trial::test("without_full_synchronous_nothing_is_synced_before_an_answer", normal_does_not_sync),
        Trial::test("a_sync_that_fails_leaves_the_outcome_unknown", a_failed_sync),
        Trial::test("after_a_failed_sync_of_the_file_the_log_keeps_everything", a_failed_sync_of_the_file),
        Trial::test("a_disk_that_is_full_at_the_commit_stores_nothing", a_full_disk),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

const UNITS: usize = 160;

fn answers_come_after_the_sync() -> Result<(), Failed> {
    let run = Run::new("full", &["-e", "trace=fdatasync,fsync,pwrite64,write"])?;
    let calls = run.calls()?;
    for unit in 0..UNITS {
        let (written, answered) = run.written_and_answered(&calls, unit)?;
        let synced = trace::sync_after_last_write(&calls, written);
        if synced.is_none_or(|synced| synced > answered) {
            return Err(
                format!("unit {unit}: written at {written}, synced at {synced:?}, answered at {answered}").into()
            );
        }
    }
    let syncs = calls.iter().filter(|call| matches!(call, Call::Sync)).count();
    if syncs >= UNITS / 2 {
        return Err(format!("{syncs} syncs for {UNITS} units: hardly any shared one").into());
    }
    Ok(())
}

/// Shows that the check above can fail.
fn normal_does_not_sync() -> Result<(), Failed> {
    let run = Run::new("normal", &["-e", "trace=fdatasync,fsync,pwrite64,write"])?;
    let calls = run.calls()?;
    let mut early = 0;
    for unit in 0..UNITS {
        let (written, answered) = run.written_and_answered(&calls, unit)?;
        early += usize::from(trace::sync_after_last_write(&calls, written).is_none_or(|synced| synced > answered));
    }
    if early == 0 { Err("every unit was synced before its answer".into()) } else { Ok(()) }
}

fn a_failed_sync() -> Result<(), Failed> {
    let run = Run::new("fail", &["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"])?;
    run.expect("commit unknown, neighbor unknown, refusal retry")
}

/// The kernel may have dropped the pages that it could not write, and reports that only once. Only the log still has
/// them.
fn a_failed_sync_of_the_file() -> Result<(), Failed> {
    let run = Run::new("long", &["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO:when=1"])?;
    if !run.trace()?.contains("(INJECTED)") {
        return Err("the file was never synced".into());
    }
    // As if no page had reached the file.
    let after = run.folder.path().join("after.db");
    std::fs::copy(run.before(), &after)?;
    std::fs::copy(run.folder.path().join("trace.db-wal"), run.folder.path().join("after.db-wal"))?;
    let stored = workload::stored(&after);
    let units = workload::LONG;
    if stored == units { Ok(()) } else { Err(format!("{stored} of {units} units are left").into()) }
}

fn a_full_disk() -> Result<(), Failed> {
    let run = Run::new("fail", &["-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC"])?;
    run.expect("commit full, neighbor full, refusal retry")?;
    let stored = workload::stored(&run.database());
    if stored == 0 { Ok(()) } else { Err(format!("{stored} units are stored").into()) }
}

/// A workload that ran under strace.
struct Run {
    folder: tempfile::TempDir,
    output: Output,
}

impl Run {
    fn new(workload: &str, arguments: &[&str]) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("trace.db");
        workload::prepare(&database);
        std::fs::copy(&database, folder.path().join("before.db"))?;
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-s", "8192", "-o"]).arg(folder.path().join("trace"));
        if workload == "fail" {
            // Only calls on the log fail.
            strace.arg("-P").arg(folder.path().join("trace.db-wal"));
        }
        if workload == "long" {
            strace.arg("-P").arg(&database);
        }
        strace
            .args(arguments)
            .arg(std::env::current_exe()?)
            .env(ENVIRONMENT, workload)
            .env("TRACE_DATABASE", &database);
        let output = strace.output().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failed::from("strace is missing: apt-get install strace"),
            _ => Failed::from(error),
        })?;
        if !output.status.success() {
            return Err(format!("{workload}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(Self { folder, output })
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("trace.db")
    }

    /// A copy of the database from before the workload.
    fn before(&self) -> PathBuf {
        self.folder.path().join("before.db")
    }

    fn calls(&self) -> Result<Vec<Call>, Failed> {
        Ok(trace::read(&self.trace()?))
    }

    fn trace(&self) -> Result<String, Failed> {
        Ok(String::from_utf8_lossy(&std::fs::read(self.folder.path().join("trace"))?).into_owned())
    }

    /// The positions of the first write of a unit's row to the log, and of the announcement of its answer.
    fn written_and_answered(&self, calls: &[Call], unit: usize) -> Result<(usize, usize), Failed> {
        let (row, answer) = (workload::row(unit), workload::answer(unit));
        let written = calls.iter().position(|call| matches!(call, Call::Write(text) if text.contains(&row)));
        let answered = calls.iter().position(|call| matches!(call, Call::Say(text) if text.contains(answer.trim())));
        match (written, answered) {
            (Some(written), Some(answered)) if written < answered => Ok((written, answered)),
            found => Err(format!("unit {unit} of {}: {found:?}", Path::display(self.folder.path())).into()),
        }
    }

    fn expect(&self, said: &str) -> Result<(), Failed> {
        let output = String::from_utf8_lossy(&self.output.stderr);
        if output.contains(said) { Ok(()) } else { Err(format!("expected {said:?}, got {output:?}").into()) }
    }
}
