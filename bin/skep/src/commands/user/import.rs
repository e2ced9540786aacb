//! `skep user import`.

mod lines;

use self::lines::{Line, Lines};
use crate::{Skep, commands::output};
use futures_util::{StreamExt as _, stream};
use skep_application::{
    identity::{ImportUserCommand, ImportUserError},
    kernel::{Actor, AppError as _, BoxError, ErrorKind},
};
use std::{
    fs::File,
    io::{self, BufReader},
    num::NonZeroUsize,
    path::Path,
};

/// After so many lines, one on the standard error says how far the import is.
const PROGRESS: u64 = 500;

/// What became of a line.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Imported,
    /// The address has an account, which stays as it is.
    Exists,
    Refused(String),
}

/// Why the import has ended early.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("the file cannot be read")]
    File(#[source] io::Error),
    #[error("the import has stopped at line {line}; run it again, and it skips the accounts that exist")]
    Store {
        line: u64,
        #[source]
        source: BoxError,
    },
}

/// How many lines had which outcome.
#[derive(Default)]
struct Counts {
    imported: u64,
    existing: u64,
    refused: u64,
}

pub(super) async fn run(skep: &Skep, file: &Path, dry_run: bool) -> Result<(), BoxError> {
    let file = File::open(file).map_err(Stopped::File)?;
    let actor = &Actor::system("skep user import");
    // As many as hash at once. Each line of these is in memory, and no other.
    let at_once = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let lines = stream::iter(Lines::new(BufReader::new(file)));
    let import = async |line: io::Result<(u64, Line)>| {
        let (number, line) = line.map_err(Stopped::File)?;
        let done = import(skep, actor, line, dry_run).await;
        done.map(|outcome| (number, outcome)).map_err(|source| Stopped::Store { line: number, source: source.into() })
    };
    let mut outcomes = std::pin::pin!(lines.map(import).buffered(at_once));
    let mut counts = Counts::default();
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Ok((number, outcome)) => counts.note(number, &outcome)?,
            Err(stopped) => {
                counts.tell(dry_run)?;
                return Err(stopped.into());
            }
        }
    }
    counts.tell(dry_run)?;
    if counts.refused == 0 { Ok(()) } else { Err(format!("lines that were refused: {}", counts.refused).into()) }
}

/// The error is one of the store, which other lines would meet as well.
async fn import(skep: &Skep, actor: &Actor, line: Line, dry_run: bool) -> Result<Outcome, ImportUserError> {
    let command = match line {
        Line::Whole(text) => match serde_json::from_slice::<ImportUserCommand>(&text) {
            Ok(command) => command,
            Err(error) => return Ok(Outcome::Refused(fault(&error))),
        },
        Line::TooLong => return Ok(Outcome::Refused(format!("has more than {} bytes", lines::MAX_BYTES))),
    };
    let identity = &skep.app.identity;
    let done = if dry_run {
        identity.check_import.execute(actor, &command).await
    } else {
        identity.import_user.execute(actor, command).await.map(drop)
    };
    outcome(done)
}

/// What became of a line, or an error that other lines would meet as well.
fn outcome(done: Result<(), ImportUserError>) -> Result<Outcome, ImportUserError> {
    match done {
        Ok(()) => Ok(Outcome::Imported),
        Err(ImportUserError::EmailTaken(_)) => Ok(Outcome::Exists),
        Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Denied) => {
            let fields: Vec<_> =
                error.fields().iter().map(|of| format!("{}: {}", &of.pointer[1..], of.detail)).collect();
            Ok(Outcome::Refused(if fields.is_empty() { error.to_string() } else { fields.join("; ") }))
        }
        Err(error) => Err(error),
    }
}

/// What is wrong with the text of a line. A value of a wrong type is not shown, because it may be a hash.
fn fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let at = text.rfind(" at line 1 column ").unwrap_or(text.len());
    let what = match text[..at].rfind(", expected ") {
        Some(expected) if text.starts_with("invalid ") => format!("has a wrong value{}", &text[expected..at]),
        _ => text[..at].to_owned(),
    };
    // The name of a field comes from the file, and may have characters that move the cursor.
    let what: String = what.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    format!("is not the JSON object of an account: {what}, at column {}", error.column())
}

impl Counts {
    fn note(&mut self, number: u64, outcome: &Outcome) -> Result<(), BoxError> {
        match outcome {
            Outcome::Imported => self.imported += 1,
            Outcome::Exists => {
                self.existing += 1;
                tell!("line {number}: skipped, because the address has an account")?;
            }
            Outcome::Refused(why) => {
                self.refused += 1;
                output::hint(&format!("line {number}: {why}"));
            }
        }
        let done = self.imported + self.existing + self.refused;
        if done.is_multiple_of(PROGRESS) {
            output::hint(&format!("{done} accounts done"));
        }
        Ok(())
    }

    fn tell(&self, dry_run: bool) -> Result<(), BoxError> {
        let Self { imported, existing, refused } = self;
        let imports = if dry_run { "would import" } else { "imported" };
        Ok(tell!("{imports} accounts: {imported}, skipped because they exist: {existing}, refused: {refused}")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_application::{
        identity::{EmailTaken, RoleNotHeld},
        kernel::{FieldError, Invalid, StoreError},
    };

    #[test]
    fn a_fault_of_a_line_is_no_reason_to_stop_and_one_of_the_store_is() {
        assert_eq!(outcome(Ok(())).unwrap(), Outcome::Imported);
        assert_eq!(outcome(Err(EmailTaken.into())).unwrap(), Outcome::Exists);
        let fields = ["/email", "/roles/1"].map(|pointer| FieldError::new(pointer, "wrong", "is wrong"));
        let refused = outcome(Err(Invalid { errors: fields.into() }.into())).unwrap();
        assert_eq!(refused, Outcome::Refused("email: is wrong; roles/1: is wrong".to_owned()));
        let held = RoleNotHeld { of: "role admin".to_owned() };
        assert!(matches!(outcome(Err(held.into())).unwrap(), Outcome::Refused(text) if text.contains("role admin")));
        for error in [
            StoreError::Full("no space".into()),
            StoreError::Unavailable("away".into()),
            StoreError::Retry("busy".into()),
        ] {
            assert!(outcome(Err(error.into())).is_err());
        }
    }

    #[test]
    fn a_fault_of_the_text_shows_no_value_and_moves_no_cursor() {
        for (text, shown) in [
            (r#"{"email":3}"#, "has a wrong value, expected a string, at column 10"),
            (r#"{"email":"a","password_hash":{"x":", expected "}}"#, "has a wrong value, expected a string, at column"),
            (r#"{"email":"a","roles":"$2y$10$planted"}"#, "has a wrong value, expected a sequence, at column 37"),
            (r#"{"email":"a","\u001b[31m":1}"#, "unknown field `\u{fffd}[31m`, expected one of `email`"),
            (r#"{"email":"a" at line 1 "#, "expected `,` or `}`, at column 14"),
            ("{}", "missing field `email`, at column 2"),
            ("", "EOF while parsing a value, at column 0"),
        ] {
            let error = serde_json::from_str::<ImportUserCommand>(text).unwrap_err();
            let fault = fault(&error);
            assert!(fault.contains(shown) && !fault.contains("planted"), "{fault}");
        }
    }
}
