//! Checks the e-mail addresses of accounts that earlier versions have stored.

use super::finding::Finding;
use crate::causes::{driver_error, with_causes};
use skep_application::{identity::UserQueries, kernel::StoreError};
use skep_domain::shared::{Email, EmailLookup, UserId};

const NAME: &str = "accounts";
/// The most accounts that a check shows.
const SHOWN: usize = 20;

/// Accounts whose address has no key.
pub(super) async fn findings(users: &dyn UserQueries) -> Vec<Finding> {
    let mut findings = match read(users).await {
        Ok(findings) => findings,
        Err(error) => {
            let text = format!("cannot be read: {}", with_causes(&*driver_error(error), ": "));
            return vec![Finding::note(NAME, text, "check again; the server can start")];
        }
    };
    if findings.len() > SHOWN {
        findings.truncate(SHOWN);
        findings.push(Finding::note(NAME, "there are more such accounts", "mend these, and check again"));
    }
    findings
}

async fn read(users: &dyn UserQueries) -> Result<Vec<Finding>, StoreError> {
    let mut findings = vec![];
    for (id, email) in users.list_without_key(None, u32::try_from(SHOWN + 1).unwrap_or(u32::MAX)).await? {
        findings.push(finding(users, id, &email).await?);
    }
    Ok(findings)
}

async fn finding(users: &dyn UserQueries, id: UserId, email: &Email) -> Result<Finding, StoreError> {
    let Some(key) = Email::key_of(email.address()) else {
        let text = format!("account {id} has an e-mail address that no new account may have");
        return Ok(Finding::note(NAME, text, "the account works; ask its owner for another address"));
    };
    let Some(other) = users.find_credentials(&EmailLookup::of_key(&key)).await? else {
        let text = format!("account {id} was stored by an older version beside this one");
        return Ok(Finding::note(NAME, text, "run one version of skep on one store; the server adds what is missing"));
    };
    let other = other.user_id;
    let found = match EmailLookup::parse(email.address()) {
        Ok(lookup) => users.find_credentials(&lookup).await?,
        Err(_) => None,
    };
    Ok(if found.is_some_and(|found| found.user_id == id) {
        let text = format!("accounts {other} and {id} have one e-mail address in two spellings");
        Finding::note(NAME, text, "each is found by its own spelling; ask the owner which one is used")
    } else {
        let text = format!(
            "account {id} was stored by an older version beside this one, with the e-mail address of account {other}"
        );
        let remedy = format!("run one version of skep on one store; the address finds {other} only");
        Finding::note(NAME, text, remedy)
    })
}
