//! What commands print. A result that cannot be written is an error, because its reader would take a part, or nothing,
//! for the whole.

use skep_domain::shared::Timestamp;
use std::{
    io::{self, Write as _},
    process::ExitCode,
};

/// The standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the standard output cannot be written")]
pub(crate) struct CannotWrite(#[source] io::Error);

/// A reader that closes the pipe, as `head` does, has read enough: that is not an error.
fn written(done: io::Result<()>) -> Result<(), CannotWrite> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CannotWrite(error)),
        _ => Ok(()),
    }
}

/// Writes a line to the standard output.
pub(crate) fn line(line: &str) -> Result<(), CannotWrite> {
    let mut output = io::stdout().lock();
    written(writeln!(output, "{line}").and_then(|()| output.flush()))
}

/// Prints rows in columns that are as wide as their longest values.
pub(crate) fn table<const N: usize>(
    heads: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<(), CannotWrite> {
    let rows: Vec<_> = std::iter::once(heads.map(str::to_owned)).chain(rows).collect();
    let widths: [usize; N] = std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    for row in rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// The time, or a dash.
pub(super) fn since(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

/// Writes a line to the standard error, where it is not a result. There is no place to report that this fails.
pub(crate) fn hint(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints the help, the version, or what is wrong with the arguments.
pub(crate) fn of_the_parser(parsed: &clap::Error) -> Result<ExitCode, CannotWrite> {
    let printed = parsed.print();
    if parsed.use_stderr() {
        return Ok(ExitCode::from(2));
    }
    written(printed.and_then(|()| io::stdout().flush())).map(|()| ExitCode::SUCCESS)
}
