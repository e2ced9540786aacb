//! Under which conditions something was measured, and where that is written down.

use super::{Fault, client::Window, report::Condition};
use skep_journeys::Store;
use std::{fs, path::Path, process::Command, thread};

const BEGIN: &str = "<!-- results: begin -->";
const END: &str = "<!-- results: end -->";

/// The machine, the versions, and how it was measured.
pub(super) fn of_machine(window: Window, products: usize, stores: &[Store]) -> Vec<Condition> {
    let cores = thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get);
    let kib: u64 =
        proc_line("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or(0);
    let cpu = proc_line("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let profile = if cfg!(debug_assertions) { "debug: the figures mean nothing" } else { "release" };
    let mut conditions = vec![
        condition("when", output("date", &["-u", "+%F %H:%M UTC"])),
        condition("commit", commit()),
        condition("machine", format!("{cores} cores, {cpu}, {} GB of memory", kib / 1_000_000)),
        condition("kernel", output("uname", &["-sr"])),
        condition("compiler", output("rustc", &["--version"])),
        condition("profile", profile),
        condition(
            "each measurement",
            format!("{:.1} s after {:.1} s of warm-up", window.length.as_secs_f64(), window.warm_up.as_secs_f64()),
        ),
        condition("products", products.to_string()),
        condition("load before", proc_text("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")),
        condition("client", "one thread on the same machine, over 127.0.0.1; access log on; rate limits raised"),
    ];
    for store in stores {
        conditions.push(match store {
            Store::Sqlite => condition(
                "sqlite",
                format!("{}; synchronous=FULL, write-ahead log, 64 units a commit at most", rusqlite::version()),
            ),
            Store::Postgres(_) => condition("postgres", output("pgbench", &["--version"])),
            Store::Mongodb(_) => condition("mongodb", "a replica set of one member, majority writes"),
        });
    }
    conditions
}

fn condition(name: &'static str, value: impl Into<String>) -> Condition {
    Condition { name, value: value.into() }
}

fn proc_text(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn proc_line(file: &str, name: &str) -> Option<String> {
    let text = proc_text(file);
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// What a command prints, in one line; what it is not there for is unknown.
fn output(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

fn commit() -> String {
    let id = output("git", &["rev-parse", "--short=12", "HEAD"]);
    let changed = output("git", &["status", "--porcelain", "--untracked-files=no"]);
    if changed == "unknown" { id } else { format!("{id}, with changes") }
}

/// Puts text between the markers of a document.
///
/// # Errors
/// There are none, or it cannot be written.
pub(super) fn document(file: &Path, tables: &str) -> Result<(), Fault> {
    let text = fs::read_to_string(file)?;
    fs::write(file, between_markers(&text, tables).ok_or_else(|| format!("{} has no markers", file.display()))?)?;
    Ok(())
}

fn between_markers(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_take_the_place_of_the_old_ones() {
        let text = format!("# Speed\n{BEGIN}\nold\n{END}\nmore\n");
        let written = between_markers(&text, "| new |\n\n").unwrap();
        assert_eq!(written, format!("# Speed\n{BEGIN}\n\n| new |\n\n{END}\nmore\n"));
        assert_eq!(between_markers(&written, "| new |").as_ref(), Some(&written));
        assert_eq!(between_markers("no markers", "x"), None);
    }
}
