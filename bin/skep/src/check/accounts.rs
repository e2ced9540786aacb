//! Checks the e-mail addresses of accounts that earlier versions have stored.

use super::finding::Finding;
use crate::causes::{driver_error, with_causes};
use skep_application::{identity::UserQueries, kernel::StoreError};
use skep_domain::shared::{Email, EmailLookup, UserId};

const NAME: &str = "accounts";
/// The most accounts that a check shows.
const SHOWN: usize = 20;

/// Accounts whose address has no key. Each is still found by the address that it was registered with.
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
    for (id, email) in users.list_without_key(u32::try_from(SHOWN + 1).unwrap_or(u32::MAX)).await? {
        findings.push(finding(users, id, &email).await?);
    }
    Ok(findings)
}

async fn finding(users: &dyn UserQueries, id: UserId, email: &Email) -> Result<Finding, StoreError> {
    let Some(key) = Email::key_of(email.address()) else {
        let text = format!("account {id} has an e-mail address that no new account may have");
        return Ok(Finding::note(NAME, text, "the account works; ask its owner for another address"));
    };
    // No account has an empty address.
    let other = users.find_credentials(&EmailLookup::of(key, String::new())).await?;
    let remedy = "each is found by the spelling that it was registered with; ask the owner which one is used";
    Ok(match other {
        Some(other) => {
            let text = format!("accounts {} and {id} have one e-mail address in two spellings", other.user_id);
            Finding::note(NAME, text, remedy)
        }
        None => {
            let text = format!("account {id} was stored by an older version beside this one");
            Finding::note(NAME, text, "run one version of skep on one store")
        }
    })
}
