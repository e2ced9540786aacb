//! The rights that a role needs to apply migrations.

use crate::PostgresDatabase;
use skep_application::kernel::StoreError;
use skep_sql::{
    Kind::{Bool, Text},
    SqlDatabase as _, Statement,
};

/// There is no current schema if the search path names none that the role may use.
const RIGHTS: &str = "SELECT quote_ident(current_user), quote_ident(coalesce(current_schema(), 'public')), \
     coalesce(has_schema_privilege(current_schema(), 'CREATE'), FALSE)";
static READ: Statement = Statement::both("operations.migration.rights", RIGHTS, &[], &[Text, Text, Bool]);

/// A right that the role needs to apply migrations, and does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRight {
    /// What the role may not do.
    pub text: String,
    /// The statement that gives it the right.
    pub grant: String,
}

impl PostgresDatabase {
    /// Returns a right that the role of the address needs to apply migrations, if it does not have it. Changes nothing.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn missing_right(&self) -> Result<Option<MissingRight>, StoreError> {
        let rows = self.read(&READ, vec![]).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        let (role, schema, may_create) = (row.text()?, row.text()?, row.bool()?);
        Ok((!may_create).then(|| MissingRight {
            text: format!("the role {role} may not create tables in the schema {schema}"),
            grant: format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"),
        }))
    }
}
