//! Implements the traits of `skep-sql` for both kinds of units.

use crate::{readers::ReadUnit, writer::WriteUnit};
use async_trait::async_trait;
use skep_application::kernel::StoreError;
use skep_sql::{Row, SqlConnection, SqlTransaction, Statement, Value};

macro_rules! sql_connection {
    ($unit:ty) => {
        #[async_trait]
        impl SqlConnection for $unit {
            async fn execute(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
                self.change(|session, declared| session.execute(statement, &args, declared))
            }

            async fn execute_many(
                &mut self,
                statement: &'static Statement,
                rows: Vec<Vec<Value>>,
            ) -> Result<u64, StoreError> {
                self.change(|session, declared| session.execute_many(statement, &rows, declared))
            }

            async fn query(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
                self.run(|session| session.query(statement, &args))
            }
        }
    };
}

sql_connection!(WriteUnit);
sql_connection!(ReadUnit);

#[async_trait]
impl SqlTransaction for WriteUnit {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        (*self).commit().await
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        (*self).rollback().await
    }
}

#[async_trait]
impl SqlTransaction for ReadUnit {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        (*self).commit()
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        (*self).end()
    }
}
