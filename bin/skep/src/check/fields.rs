//! Checks the keys of sealed fields, and whether values need keys that are lost.

use super::finding::Finding;
use crate::{
    causes::{driver_error, with_causes},
    data_dir::Secrets,
    fields::lost,
};
use skep_application::{Store, kernel::StoreError, operations::field_uses};
use skep_crypto::FieldKeyRing;

const NAME: &str = "fields";

/// Opens the keys that exist. A check makes none.
pub(super) async fn findings(store: &dyn Store, secrets: Option<&Secrets>) -> Vec<Finding> {
    read(store, secrets).await.unwrap_or_else(|error| {
        let text = format!("the keys of sealed fields cannot be read: {}", with_causes(&*driver_error(error), ": "));
        vec![Finding::wrong(NAME, text, "the store answers, but not this: see the cause")]
    })
}

async fn read(store: &dyn Store, secrets: Option<&Secrets>) -> Result<Vec<Finding>, StoreError> {
    let keys = store.list_field_keys().await?;
    // The check of the keys of the deployment has reported a secret that is missing.
    let Some(secrets) = secrets.filter(|_| !keys.is_empty()) else { return Ok(vec![]) };
    let by_previous = keys.iter().filter(|key| secrets.fields.has_sealed_now(&key.wrapped) == Ok(false)).count();
    let ring = match FieldKeyRing::open(keys, &secrets.fields) {
        Ok(ring) => ring,
        Err(error) => {
            let remedy = "give every instance of this store the same secrets, with SKEP_SECRET_FILE and \
                          SKEP_FIELD_SECRET_FILE";
            return Ok(vec![Finding::wrong(NAME, with_causes(&error, ": "), remedy)]);
        }
    };
    let lost = lost(&field_uses(store).await?, &ring.ids()).into_iter().map(|(key_id, values)| {
        let text = format!("sealed values cannot be opened, because the key {key_id} is lost: {values}");
        Finding::wrong(NAME, text, "restore the table field_keys from a backup; without the key, the values are lost")
    });
    let mut findings: Vec<_> = lost.collect();
    if by_previous > 0 {
        findings.push(Finding::note(
            NAME,
            format!("keys of sealed fields that a previous secret wraps: {by_previous}"),
            "once every instance has the new secret, run `skep keys reseal`, and remove the setting of the previous one",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, "the secret opens the keys of sealed fields, and no value needs another key"));
    }
    Ok(findings)
}
