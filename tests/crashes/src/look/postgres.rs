//! Reads the tables of PostgreSQL.

use crate::{
    context::tables,
    state::{State, Table},
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

pub(super) async fn look(address: &str) -> sqlx::Result<State> {
    let mut connection = PgConnection::connect(address).await?;
    // All reads below share one snapshot.
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut connection).await?;
    let mut state = State::default();
    for table in tables() {
        let found = rows(&mut connection, &table).await?;
        (table.add)(&mut state, found);
    }
    connection.close().await?;
    Ok(state)
}

async fn rows(connection: &mut PgConnection, table: &Table) -> sqlx::Result<Vec<Value>> {
    let is_time = |column: &str| column.ends_with("_at");
    let ids = table.ids.iter().map(|column| format!("'{column}', {column}::text"));
    let values = table.values.iter().map(|column| {
        let value =
            if is_time(column) { format!("(extract(epoch FROM {column}) * 1000)::bigint") } else { (*column).into() };
        format!("'{column}', {value}")
    });
    let members: Vec<String> = ids.chain(values).collect();
    let text = format!("SELECT json_build_object({})::text FROM {}", members.join(", "), table.name);
    let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(connection).await?;
    rows.iter().map(|row| Ok(serde_json::from_str(row.try_get(0)?).expect("postgres writes JSON"))).collect()
}
