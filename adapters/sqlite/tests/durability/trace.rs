//! Parses the output of strace.

use std::collections::HashMap;

/// A system call of interest, at the time of its end. Writes and announcements count at their start.
#[derive(Debug)]
pub(crate) enum Call {
    /// A write to the write-ahead log, with its bytes as strace shows them.
    Write(String),
    /// A sync of the write-ahead log that succeeded.
    Sync,
    /// A write to standard error.
    Say(String),
}

/// The calls in their order. A sync counts when it ended, every other call when it began, which is the stricter reading
/// in both cases.
pub(crate) fn read(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    // For each thread, the sync that has begun and not ended, if any.
    let mut unfinished: HashMap<&str, bool> = HashMap::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let is_sync = call.starts_with("fdatasync(") || call.starts_with("fsync(");
        let on_log = call.split_once(')').map_or(call, |(start, _)| start).contains(".db-wal>");
        if call.starts_with("<... fdatasync resumed") || call.starts_with("<... fsync resumed") {
            if unfinished.remove(thread) == Some(true) && call.contains("= 0") {
                calls.push(Call::Sync);
            }
        } else if is_sync && call.contains("<unfinished") {
            unfinished.insert(thread, on_log);
        } else if is_sync && on_log && call.ends_with("= 0") {
            calls.push(Call::Sync);
        } else if call.starts_with("pwrite64(") && call.split(',').next().is_some_and(|file| file.contains(".db-wal>"))
        {
            calls.push(Call::Write(call.to_owned()));
        } else if call.starts_with("write(2<") {
            calls.push(Call::Say(call.to_owned()));
        }
    }
    calls
}

/// The first sync after the writes that `written` belongs to.
pub(crate) fn sync_after_last_write(calls: &[Call], written: usize) -> Option<usize> {
    calls.iter().skip(written).position(|call| matches!(call, Call::Sync)).map(|after| written + after)
}
