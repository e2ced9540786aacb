//! Reads the tables of SQLite.

use crate::{
    context::tables,
    state::{State, Table},
};
use rusqlite::{Connection, OpenFlags, Transaction};
use serde_json::Value;
use skep_journeys::PATIENCE;
use std::path::Path;

pub(super) fn look(file: &Path) -> rusqlite::Result<State> {
    let mut connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let snapshot = connection.transaction()?;
    let mut state = State::default();
    for table in tables() {
        (table.add)(&mut state, rows(&snapshot, &table)?);
    }
    Ok(state)
}

pub(super) fn age_uploads(file: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // The server may hold the lock of the writer.
    connection.busy_timeout(PATIENCE)?;
    connection.execute("UPDATE files SET created_at = 0 WHERE state = 'uploading'", []).map(drop)
}

fn rows(snapshot: &Transaction<'_>, table: &Table) -> rusqlite::Result<Vec<Value>> {
    let ids = table.ids.iter().map(|column| format!("'{column}', nullif(hex({column}), '')"));
    let values = table.values.iter().map(|column| format!("'{column}', {column}"));
    let members: Vec<String> = ids.chain(values).collect();
    let text = format!("SELECT json_object({}) FROM {}", members.join(", "), table.name);
    let mut statement = snapshot.prepare(&text)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|row| Ok(serde_json::from_str(&row?).expect("sqlite writes JSON"))).collect()
}
