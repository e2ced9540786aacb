//! Looks for reasons why a server that answers cannot be used.

use crate::PostgresDatabase;
use skep_application::{
    kernel::StoreError,
    operations::{Defect, StoreUse},
};
use skep_sql::{
    Kind::{Bool, Text},
    Row, SqlDatabase as _, Statement,
};

/// There is no current schema if the search path names none that the role may use.
const SESSION: &str = "SELECT quote_ident(current_user), quote_ident(coalesce(current_schema(), 'public')), \
     coalesce(has_schema_privilege(current_schema(), 'USAGE'), FALSE), \
     coalesce(has_schema_privilege(current_schema(), 'CREATE'), FALSE), \
     pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on', \
     quote_ident(current_database()), current_setting('server_encoding')";
static READ_SESSION: Statement =
    Statement::both("operations.inspect.session", SESSION, &[], &[Text, Text, Bool, Bool, Bool, Bool, Text, Text]);

/// With several names, `has_table_privilege` would be true if the role has one of these rights.
const TABLES: &str = "SELECT relname::text, quote_ident(pg_get_userbyid(relowner)), pg_has_role(relowner, 'USAGE'), \
     has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') \
     AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE') \
     FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind IN ('r', 'p') \
     ORDER BY relname";
static READ_TABLES: Statement = Statement::both("operations.inspect.tables", TABLES, &[], &[Text, Text, Bool, Bool]);

/// What the session of a connection is.
struct Session {
    role: String,
    schema: String,
    may_use: bool,
    may_create: bool,
    is_replica: bool,
    is_read_only: bool,
    database: String,
    encoding: String,
}

/// A table of ours that exists.
struct Table {
    name: String,
    owner: String,
    is_owned: bool,
    may_write: bool,
}

impl PostgresDatabase {
    /// Asks as the role of the address.
    pub(crate) async fn defects(&self, usage: StoreUse, tables: &[&'static str]) -> Result<Vec<Defect>, StoreError> {
        let rows = self.read(&READ_SESSION, vec![]).await?;
        let Some(session) = rows.into_iter().next().map(session).transpose()? else { return Ok(vec![]) };
        let rows = self.read(&READ_TABLES, vec![]).await?;
        let found: Vec<Table> = rows.into_iter().map(table).collect::<Result<_, _>>()?;
        let ours: Vec<Table> = found.into_iter().filter(|table| tables.contains(&&*table.name)).collect();
        let mut defects = session.of_the_server();
        defects.extend(session.of_the_schema(usage));
        defects.extend(session.of_the_tables(usage, &ours));
        Ok(defects)
    }
}

fn session(mut row: Row) -> Result<Session, StoreError> {
    Ok(Session {
        role: row.text()?,
        schema: row.text()?,
        may_use: row.bool()?,
        may_create: row.bool()?,
        is_replica: row.bool()?,
        is_read_only: row.bool()?,
        database: row.text()?,
        encoding: row.text()?,
    })
}

fn table(mut row: Row) -> Result<Table, StoreError> {
    Ok(Table { name: row.text()?, owner: row.text()?, is_owned: row.bool()?, may_write: row.bool()? })
}

fn as_owner(statement: &str) -> String {
    format!("run this as the owner: {statement}")
}

impl Session {
    fn of_the_server(&self) -> Vec<Defect> {
        let Self { role, database, encoding, .. } = self;
        let mut defects = vec![];
        if encoding != "UTF8" {
            defects.push(Defect::fatal(
                format!("the database {database} has the encoding {encoding}, which cannot store every text"),
                format!("make it again: CREATE DATABASE {database} ENCODING 'UTF8' TEMPLATE template0"),
            ));
        }
        if self.is_replica {
            let text = "the server is a replica, which takes no writes";
            defects.push(Defect::fatal(text, "name the primary in the address"));
        } else if self.is_read_only {
            defects.push(Defect::fatal(
                format!("the sessions of the role {role} only read, because default_transaction_read_only is on"),
                format!(
                    "find out why, because some providers set it when a disk is full; then: ALTER DATABASE {database} SET \
                     default_transaction_read_only = off, or the same for the role"
                ),
            ));
        }
        defects
    }

    fn of_the_schema(&self, usage: StoreUse) -> Option<Defect> {
        let Self { role, schema, may_use, may_create, .. } = self;
        if usage == StoreUse::Migrate && !may_create {
            return Some(Defect::fatal(
                format!("the role {role} may not create tables in the schema {schema}"),
                as_owner(&format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")),
            ));
        }
        (!may_use).then(|| {
            let text = format!("the role {role} may not use the schema {schema}");
            Defect::fatal(text, as_owner(&format!("GRANT USAGE ON SCHEMA {schema} TO {role}")))
        })
    }

    /// A migration may change any table of an earlier one, and only its owner may do that.
    fn of_the_tables(&self, usage: StoreUse, tables: &[Table]) -> Option<Defect> {
        let Self { role, schema, .. } = self;
        let of_others: Vec<_> = tables.iter().filter(|table| !table.is_owned).collect();
        if let (StoreUse::Migrate, Some(first)) = (usage, of_others.first()) {
            return Some(Defect::fatal(
                format!("the role {role} does not own {}, and only an owner may migrate a table", listed(&of_others)),
                as_owner(&format!("GRANT {} TO {role}", first.owner)),
            ));
        }
        let closed: Vec<_> = tables.iter().filter(|table| !table.may_write).collect();
        (!closed.is_empty()).then(|| {
            let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}");
            Defect::fatal(format!("the role {role} may not read and write {}", listed(&closed)), as_owner(&grant))
        })
    }
}

/// The first tables by name, and the number of the others.
fn listed(tables: &[&Table]) -> String {
    const NAMED: usize = 3;
    let names: Vec<_> = tables.iter().take(NAMED).map(|table| &*table.name).collect();
    let names = names.join(", ");
    match tables.len().saturating_sub(NAMED) {
        0 => names,
        more => format!("{names} and {more} more tables"),
    }
}
