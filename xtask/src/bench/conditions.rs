//! The conditions of a measurement, and the document that gets the results.

use super::{Fault, client::Window, report::Condition};
use mongodb::bson::doc;
use skep_journeys::Store;
use sqlx::{Connection as _, PgConnection};
use std::{fs, path::Path, process::Command, thread};

const BEGIN: &str = "<!-- results: begin -->";
const END: &str = "<!-- results: end -->";

/// The machine and the versions.
pub(crate) fn of_machine(stores: &[Store]) -> Vec<Condition> {
    let cores = thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get);
    let kib: u64 =
        proc_line("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or(0);
    let cpu = proc_line("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let profile = if cfg!(debug_assertions) { "debug: the figures mean nothing" } else { "release" };
    let mut conditions = vec![
        condition("when", output("date", &["-u", "+%F %H:%M UTC"])),
        condition("commit", commit()),
        condition("machine", format!("{cores} cores, {cpu}, {} GB of memory", kib / 1_000_000)),
        condition("kernel", output("uname", &["-sr"])),
        condition("compiler", output("rustc", &["--version"])),
        condition("profile", profile),
        condition("load before", proc_text("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")),
    ];
    for store in stores {
        conditions.push(match store {
            Store::Sqlite => condition(
                "sqlite",
                format!("{}; synchronous=FULL, write-ahead log, 64 units a commit at most", rusqlite::version()),
            ),
            Store::Postgres(address) => condition("postgres", postgres(address).unwrap_or_else(|_| unknown())),
            Store::Mongodb(address) => condition("mongodb", mongodb(address).unwrap_or_else(|_| unknown())),
        });
    }
    conditions
}

/// The settings of the benchmark.
pub(super) fn of_benchmark(window: Window, products: usize) -> [Condition; 3] {
    let (length, warm_up) = (window.length.as_secs_f64(), window.warm_up.as_secs_f64());
    [
        condition("each measurement", format!("{length:.1} s after {warm_up:.1} s of warm-up")),
        condition("products", products.to_string()),
        condition("client", "one thread on the same machine, over 127.0.0.1; access log on; rate limits raised"),
    ]
}

fn condition(name: &'static str, value: impl Into<String>) -> Condition {
    Condition { name, value: value.into() }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn postgres(address: &str) -> Result<String, Fault> {
    let settings = ["server_version", "fsync", "synchronous_commit", "shared_buffers", "max_wal_size"];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = PgConnection::connect(address).await?;
        let mut values = vec![];
        for name in settings {
            let value: String =
                sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(&mut connection).await?;
            values.push(format!("{name} {value}"));
        }
        connection.close().await?;
        Ok(values.join(", "))
    })
}

fn mongodb(address: &str) -> Result<String, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let admin = mongodb::Client::with_uri_str(address).await?.database("admin");
        let info = admin.run_command(doc! { "buildInfo": 1 }).await?;
        let status = admin.run_command(doc! { "replSetGetStatus": 1 }).await?;
        let members = status.get_array("members").map_or(0, Vec::len);
        Ok(format!(
            "{}, a replica set of {members}, majority writes in snapshot transactions",
            info.get_str("version")?
        ))
    })
}

fn proc_text(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn proc_line(file: &str, name: &str) -> Option<String> {
    let text = proc_text(file);
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// The output of a command, or `unknown` if it prints nothing or cannot be run.
fn output(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { unknown() } else { text }
}

fn commit() -> String {
    let id = output("git", &["rev-parse", "--short=12", "HEAD"]);
    let changed = output("git", &["status", "--porcelain", "--untracked-files=no"]);
    if changed == "unknown" { id } else { format!("{id}, with changes") }
}

/// Replaces the text between the markers of a document.
///
/// # Errors
/// If the document has no markers or cannot be written.
pub(crate) fn document(file: &Path, tables: &str) -> Result<(), Fault> {
    fs::write(file, with_tables(file, tables)?)?;
    Ok(())
}

/// Checks that tables can be put into a document, before minutes are spent on measuring.
///
/// # Errors
/// If the document cannot be read or has no markers.
pub(crate) fn check(file: &Path) -> Result<(), Fault> {
    with_tables(file, "").map(drop)
}

fn with_tables(file: &Path, tables: &str) -> Result<String, Fault> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    between_markers(&text, tables).ok_or_else(|| format!("{} has no markers", file.display()).into())
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
    fn new_tables_replace_the_old_ones() {
        let text = format!("# Speed\n{BEGIN}\nold\n{END}\nmore\n");
        let written = between_markers(&text, "| new |\n\n").unwrap();
        assert_eq!(written, format!("# Speed\n{BEGIN}\n\n| new |\n\n{END}\nmore\n"));
        assert_eq!(between_markers(&written, "| new |").as_ref(), Some(&written));
        assert_eq!(between_markers("no markers", "x"), None);
    }
}
