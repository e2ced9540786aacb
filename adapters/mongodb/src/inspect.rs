//! Looks for reasons why a server that answers cannot be used.

use crate::{
    ops::{Rights, rights},
    store::{CHECK_PATIENCE, MongoStore},
};
use skep_application::{
    kernel::StoreError,
    operations::{Defect, StoreHealth as _, StoreUse},
};

/// What units of work and queries do.
const SERVING: &[&str] = &["find", "insert", "update", "remove"];
/// What migrations do, too.
const MIGRATING: &[&str] = &["createCollection", "createIndex", "dropIndex"];
/// What a migration does that was interrupted. The role `readWrite` does not include it.
const FINISHING: &[&str] = &["collMod"];

impl MongoStore {
    pub(crate) async fn defects(&self, usage: StoreUse) -> Result<Vec<Defect>, StoreError> {
        self.check().await?;
        let rights = rights(self.bson_database(), CHECK_PATIENCE).await?;
        let database = self.database();
        if let Rights::NoLogin = rights {
            let text = "the server has users, and the address names none";
            return Ok(vec![Defect::fatal(text, "put the user and the password into the address")]);
        }
        let remedy = |user: &str, role: &str| {
            let (of, user) = user.split_once('.').unwrap_or(("admin", user));
            format!(
                "as an admin of the server: use {of}, db.grantRolesToUser(\"{user}\", [{{ role: \"{role}\", db: \"{database}\" }}])"
            )
        };
        let fatal = |wanted: &[&'static str]| {
            rights.lacks(wanted).map(|(user, action)| {
                let text = format!("the user {user} may not {action} in the database {database}");
                Defect::fatal(text, remedy(user, "readWrite"))
            })
        };
        let mut defects: Vec<_> = fatal(SERVING).into_iter().collect();
        if usage == StoreUse::Migrate && defects.is_empty() {
            defects.extend(fatal(MIGRATING));
            defects.extend(rights.lacks(FINISHING).map(|(user, action)| {
                let text = format!(
                    "the user {user} may not {action} in the database {database}, which a migration needs after it was \
                     interrupted"
                );
                Defect::minor(text, remedy(user, "dbAdmin"))
            }));
        }
        Ok(defects)
    }
}
