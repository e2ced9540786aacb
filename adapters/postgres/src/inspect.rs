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

/// The schema is the first one of the search path that the role may use. If the role may use no schema of it, it is the
/// first one that exists.
const SESSION: &str = "SELECT quote_ident(current_user), \
     coalesce(quote_ident(current_schema()), closed, 'public'), closed, \
     coalesce(has_schema_privilege(current_schema(), 'USAGE'), FALSE), \
     coalesce(has_schema_privilege(current_schema(), 'CREATE'), FALSE), \
     pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on', \
     quote_ident(current_database()), current_setting('server_encoding') \
     FROM (SELECT (SELECT CASE WHEN has_schema_privilege(oid, 'USAGE') THEN NULL ELSE quote_ident(nspname) END \
     FROM unnest(string_to_array(current_setting('search_path'), ',')) WITH ORDINALITY AS path (item, place) \
     JOIN pg_namespace ON lower(btrim(item)) = nspname OR btrim(item) = '\"' || nspname || '\"' \
     OR (btrim(item) IN ('$user', '\"$user\"') AND nspname = current_user) \
     ORDER BY place LIMIT 1) AS closed) AS first";
static READ_SESSION: Statement = Statement::both(
    "operations.inspect.session",
    SESSION,
    &[],
    &[Text, Text, Text, Bool, Bool, Bool, Bool, Text, Text],
);

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
    /// The first schema of the search path that exists, if the role may not use it.
    closed: Option<String>,
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

/// What a role finds.
struct Found {
    session: Session,
    tables: Vec<Table>,
}

impl PostgresDatabase {
    /// Asks as the role that works and, before a migration, as the role that migrates.
    pub(crate) async fn defects(&self, usage: StoreUse, tables: &[&'static str]) -> Result<Vec<Defect>, StoreError> {
        let worker = found(self.read(&READ_SESSION, vec![]).await?, self.read(&READ_TABLES, vec![]).await?, tables)?;
        let Some(mut worker) = worker else { return Ok(vec![]) };
        let migrator = match &self.direct {
            Some(direct) if usage == StoreUse::Migrate => {
                let mut raw = self.open_direct(direct).await?;
                let mut ask = async |statement| self.ask_direct(&mut raw, statement).await;
                found(ask(&READ_SESSION).await?, ask(&READ_TABLES).await?, tables)?
            }
            _ => None,
        };
        let Some(mut migrator) = migrator else { return Ok(worker.defects(usage)) };
        worker.expect_in(&migrator.session.schema);
        migrator.expect_in(&worker.session.schema);
        let mut defects = migrator.session.of_the_server();
        let others = worker.session.of_the_server();
        let others: Vec<_> = others.into_iter().filter(|defect| !defects.contains(defect)).collect();
        defects.extend(others);
        defects.extend(migrator.session.of_another_schema(&worker.session));
        defects.extend(migrator.of_migrations());
        defects.extend(worker.of_work());
        Ok(defects)
    }
}

fn found(session_rows: Vec<Row>, table_rows: Vec<Row>, ours: &[&'static str]) -> Result<Option<Found>, StoreError> {
    let Some(session) = session_rows.into_iter().next().map(session).transpose()? else { return Ok(None) };
    let mut tables: Vec<Table> = table_rows.into_iter().map(table).collect::<Result<_, _>>()?;
    tables.retain(|table| ours.contains(&&*table.name));
    Ok(Some(Found { session, tables }))
}

impl Found {
    /// If the search path has passed over this schema of the other role, it is the one to work in, and a right is missing.
    fn expect_in(&mut self, schema: &str) {
        if self.session.closed.as_deref() == Some(schema) {
            let session = &mut self.session;
            (session.may_use, session.may_create) = (false, false);
            schema.clone_into(&mut session.schema);
            self.tables.clear();
        }
    }

    /// The defects for a role that works and migrates. What a migration lacks includes what work lacks.
    fn defects(&self, usage: StoreUse) -> Vec<Defect> {
        let migrates = usage == StoreUse::Migrate;
        let mut defects = self.session.of_the_server();
        defects.extend(self.session.cannot_create().filter(|_| migrates).or_else(|| self.session.cannot_use()));
        defects.extend(self.cannot_change().filter(|_| migrates).or_else(|| self.cannot_write()));
        defects
    }

    fn of_migrations(&self) -> impl Iterator<Item = Defect> {
        self.session.cannot_create().into_iter().chain(self.cannot_change())
    }

    fn of_work(&self) -> impl Iterator<Item = Defect> {
        self.session.cannot_use().into_iter().chain(self.cannot_write())
    }

    /// A migration may change any table of an earlier one, and only its owner may do that.
    fn cannot_change(&self) -> Option<Defect> {
        let role = &self.session.role;
        let of_others: Vec<_> = self.tables.iter().filter(|table| !table.is_owned).collect();
        let first = of_others.first()?;
        Some(Defect::fatal(
            format!("the role {role} does not own {}, and only an owner may migrate a table", listed(&of_others)),
            as_owner(&format!("GRANT {} TO {role}", first.owner)),
        ))
    }

    fn cannot_write(&self) -> Option<Defect> {
        let Session { role, schema, .. } = &self.session;
        let closed: Vec<_> = self.tables.iter().filter(|table| !table.may_write).collect();
        (!closed.is_empty()).then(|| {
            let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}");
            Defect::fatal(format!("the role {role} may not read and write {}", listed(&closed)), as_owner(&grant))
        })
    }
}

fn session(mut row: Row) -> Result<Session, StoreError> {
    Ok(Session {
        role: row.text()?,
        schema: row.text()?,
        closed: row.optional_text()?,
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

    /// Two roles may have different search paths, and each would have its own tables.
    fn of_another_schema(&self, worker: &Self) -> Option<Defect> {
        let Self { role, schema, .. } = self;
        (*schema != worker.schema).then(|| {
            Defect::fatal(
                format!(
                    "the role {role} of SKEP_DATABASE_DIRECT_URL migrates the schema {schema}, and the role {} of \
                     DATABASE_URL works in the schema {}",
                    worker.role, worker.schema
                ),
                format!("give both one schema: ALTER ROLE {role} SET search_path = {}", worker.schema),
            )
        })
    }

    fn cannot_create(&self) -> Option<Defect> {
        let Self { role, schema, .. } = self;
        (!self.may_create).then(|| {
            Defect::fatal(
                format!("the role {role} may not create tables in the schema {schema}"),
                as_owner(&format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")),
            )
        })
    }

    fn cannot_use(&self) -> Option<Defect> {
        let Self { role, schema, .. } = self;
        (!self.may_use).then(|| {
            let text = format!("the role {role} may not use the schema {schema}");
            Defect::fatal(text, as_owner(&format!("GRANT USAGE ON SCHEMA {schema} TO {role}")))
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
