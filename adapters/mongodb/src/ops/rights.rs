//! Asks the server what the user of the address may do.

use super::executor::bounded;
use crate::error;
use bson::{Bson, Document, doc};
use mongodb::Database;
use skep_application::kernel::StoreError;
use std::{collections::BTreeSet, time::Duration};

/// What the user may do in the database.
pub(crate) enum Rights {
    /// Everything: the server has no users.
    All,
    /// Nothing: the server has users, and the address names none.
    NoLogin,
    /// Actions on the database or on some of its collections.
    Of {
        /// The user and its database.
        user: String,
        actions: BTreeSet<String>,
    },
}

impl Rights {
    /// The first of these actions that is not allowed, with the user.
    pub(crate) fn lacks(&self, wanted: &[&'static str]) -> Option<(&str, &'static str)> {
        let Self::Of { user, actions } = self else { return None };
        wanted.iter().find(|action| !actions.contains(**action)).map(|action| (&**user, *action))
    }
}

/// Not authorized. The server answers so to a client without a login, too.
const UNAUTHORIZED: i32 = 13;

pub(crate) async fn rights(database: &Database, patience: Duration) -> Result<Rights, StoreError> {
    let call = database.run_command(doc! { "connectionStatus": 1, "showPrivileges": true });
    let answer = bounded(patience, call).await?.map_err(error::of_statement)?;
    let status = answer.get_document("authInfo").cloned().unwrap_or_default();
    let documents = |name: &str| -> Vec<Document> {
        let all = status.get_array(name).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter_map(Bson::as_document).cloned().collect()
    };
    let Some(user) = documents("authenticatedUsers").into_iter().next() else {
        return without_a_user(database, patience).await;
    };
    let text = |document: &Document, key: &str| document.get_str(key).unwrap_or_default().to_owned();
    let privileges = documents("authenticatedUserPrivileges").into_iter();
    let here = privileges.filter(|privilege| {
        privilege.get_document("resource").is_ok_and(|resource| {
            let of = resource.get_str("db");
            resource.get_bool("anyResource").unwrap_or(false)
                || of.is_ok_and(|of| of.is_empty() || of == database.name())
        })
    });
    let actions = here.flat_map(|privilege| privilege.get_array("actions").cloned().unwrap_or_default());
    Ok(Rights::Of {
        user: format!("{}.{}", text(&user, "db"), text(&user, "user")),
        actions: actions.filter_map(|action| action.as_str().map(str::to_owned)).collect(),
    })
}

async fn without_a_user(database: &Database, patience: Duration) -> Result<Rights, StoreError> {
    match bounded(patience, database.run_command(doc! { "listCollections": 1, "nameOnly": true })).await? {
        Ok(_) => Ok(Rights::All),
        Err(failed) => match error::code_of(&failed) {
            Some((UNAUTHORIZED, _)) => Ok(Rights::NoLogin),
            _ => Err(error::of_statement(failed)),
        },
    }
}
