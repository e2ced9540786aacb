//! The table: a line per operation and a column per kind of caller.
//!
//! People read and review the file. `SKEP_BLESS=1 cargo test -p skep-journeys sqlite::authorization::matrix` rewrites
//! it from the server's answers. The line of a new operation is added after the other lines of its tag, the line of a
//! removed operation is removed, and everything else stays.

use super::operations::{Operation, Token};
use skep_domain::{
    access::{Action, BuiltInRole, Permissions, Resource, Subject, decide},
    shared::UserId,
};
use skep_http::Api;
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

/// The kinds of caller, in the order of the columns.
pub(super) const CALLERS: [&str; 16] = [
    "anonymous",
    "garbage",
    "forged",
    "expired",
    "foreign",
    "ended",
    "disabled",
    "other",
    "owner",
    "viewer",
    "auditor",
    "support",
    "moderator",
    "editor",
    "manager",
    "admin",
];

/// The kinds of caller with a worthless token. Apart from its flaw, it is the token of an admin. The last one is that of
/// an account that an admin has disabled.
pub(super) const WORTHLESS: [&str; 6] = ["garbage", "forged", "expired", "foreign", "ended", "disabled"];

/// The role of a caller with a valid token: of the role that it is called by, or of no more than each account has.
pub(super) fn role(caller: &str) -> Option<BuiltInRole> {
    match caller {
        "other" | "owner" => Some(BuiltInRole::User),
        _ => BuiltInRole::from_name(caller),
    }
}

/// The status that each caller gets.
pub(super) type Row = BTreeMap<&'static str, u16>;

/// The table as committed.
pub(super) const TABLE: &str = include_str!("table.txt");

/// The names and rows of a table. A name may have spaces.
pub(super) fn read(table: &str) -> BTreeMap<String, Row> {
    let mut lines = table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let heads: Vec<&str> = lines.next().expect("the heads of the columns").split_whitespace().collect();
    assert_eq!(heads[1..], CALLERS, "the columns are the callers");
    lines.map(row).collect()
}

fn row(line: &str) -> (String, Row) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.len().checked_sub(CALLERS.len()).unwrap_or_else(|| panic!("a short line: {line}"));
    let status = |word: &&str| word.parse::<u16>().unwrap_or_else(|_| panic!("not a status in {line}: {word}"));
    (words[..at].join(" "), CALLERS.into_iter().zip(words[at..].iter().map(status)).collect())
}

/// A row as a line, with each status below the head of its column.
fn line(name: &str, row: &Row) -> String {
    let mut line = format!("{name:<28}");
    for caller in CALLERS {
        write!(line, "{:>1$}", row[caller], caller.len() + 1).expect("text takes everything");
    }
    line
}

/// The table with these rows: name, tag and statuses.
pub(super) fn blessed(table: &str, found: &[(String, String, Row)]) -> String {
    let tag_of = |line: &str| {
        let is_row = line.split_whitespace().count() > CALLERS.len() && !line.starts_with(['#', ' ']);
        let name = is_row.then(|| line.split_whitespace().collect::<Vec<_>>());
        let name = name.map(|words| words[..words.len() - CALLERS.len()].join(" "));
        name.filter(|name| name != "operation")
    };
    let known = |name: &str| found.iter().find(|(other, ..)| other == name);
    let mut lines: Vec<String> = vec![];
    for text in table.lines() {
        match tag_of(text) {
            None => lines.push(text.to_owned()),
            Some(name) => lines.extend(known(&name).map(|(name, _, row)| line(name, row))),
        }
    }
    for (name, tag, row) in found {
        if lines.iter().any(|line| tag_of(line).as_ref() == Some(name)) {
            continue;
        }
        let same_tag =
            |text: &String| tag_of(text).and_then(|name| known(&name)).is_some_and(|(_, other, _)| other == tag);
        let at = lines.iter().rposition(same_tag).map_or(lines.len(), |last| last + 1);
        lines.insert(at, line(name, row));
    }
    lines.join("\n") + "\n"
}

/// Writes the table to its file.
pub(super) fn write(table: &str) {
    let path = PathBuf::from(env!("SKEP_ROOT")).join("tests/journeys/tests/journeys/authorization/table.txt");
    std::fs::write(path, table).expect("the table can be written");
}

/// The row of an operation with this action. A worthless token gets 401 unless tokens are ignored, and a visitor gets
/// 401 if the action needs an account. A caller without a sufficient role gets 403, and 404 for a resource that it may not
/// see. A caller that may do the action gets `done`. If the path has no id (a list, a new order, a profile), the
/// resource belongs to the caller.
fn by_audience(operation: &Operation, action: Action, seen_by: Action, done: u16) -> Row {
    let decided = |number: u128, role: BuiltInRole| {
        let id = user(number);
        let permissions = Permissions::built_in(&[role]);
        let subject = Subject::User { id, permissions: &permissions };
        let resource = Resource::OwnedBy(if operation.names_a_thing() { user(OWNER) } else { id });
        let is_allowed = |action, resource| decide(subject, action, resource).is_ok();
        match (is_allowed(action, Resource::Any), is_allowed(seen_by, resource), is_allowed(action, resource)) {
            (true, false, _) => 404,
            (false, ..) | (.., false) => 403,
            (true, true, true) => done,
        }
    };
    let status = |caller: &str| match caller {
        _ if operation.token == Token::Ignored => done,
        "anonymous" if decide(Subject::Visitor, action, Resource::Any).is_ok() => done,
        "owner" => decided(OWNER, BuiltInRole::User),
        _ => role(caller).map_or(401, |role| decided(OWNER + 1, role)),
    };
    CALLERS.into_iter().map(|caller| (caller, status(caller))).collect()
}

const OWNER: u128 = 1;

fn user(number: u128) -> UserId {
    UserId::new(uuid::Uuid::from_u128(number))
}

/// Whether the row follows from the audiences of the operation's action. An operation without an action gives every
/// caller the same status.
pub(super) fn is_of_its_action(operation: &Operation, row: &Row) -> bool {
    let Some(known) = Api::operations().find(|known| known.id == operation.name) else { return false };
    let by_audience = |action: Action, done: u16| by_audience(operation, action, known.seen_by.unwrap_or(action), done);
    match known.action {
        // The owner may do everything that an admin may, and an admin not everything that the owner may.
        Some(action) if action.others().is_none() => by_audience(action, row["owner"]) == *row,
        Some(action) => by_audience(action, row["admin"]) == *row,
        None => row.values().all(|status| *status == row["admin"]),
    }
}
