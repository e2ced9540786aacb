use super::*;
use crate::Skep;
use skep_application::{
    identity::IdentityTx,
    kernel::{Begin, TxMode},
};
use skep_domain::{
    identity::User,
    shared::{Email, Text, Timestamp, UserId},
};
use std::{fs, os::unix::fs::PermissionsExt as _};
use uuid::Uuid;

fn config(folder: &tempfile::TempDir) -> Config {
    Config { data_dir: folder.path().join("data"), port: 0, ..Config::default() }
}

fn worst(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().filter(|finding| finding.level == Level::Wrong).map(|finding| finding.name).collect()
}

#[tokio::test]
async fn an_empty_place_is_fine_and_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let findings = everything(Ok(config(&folder))).await;
    assert_eq!(worst(&findings), Vec::<&str>::new(), "{findings:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_place_that_was_served_from_is_fine_too() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    let skep = Skep::builder().config(config.clone()).exclusive().start().await.unwrap();
    // Beside a server that runs.
    let findings = everything(Ok(config)).await;
    assert_eq!(worst(&findings), Vec::<&str>::new(), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.name == "keys"), "{findings:?}");
    skep.close().await;
}

#[test]
fn files_beside_a_shared_store_need_a_folder_of_their_own() {
    let noted = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        local_files(&Config::from_variables(variables).unwrap()).is_some()
    };
    let store = ("DATABASE_URL", "postgres://skep@127.0.0.1/skep");
    assert!(noted(&[store]));
    assert!(!noted(&[store, ("SKEP_FILES_DIR", "/srv/files")]));
    let bucket =
        [("SKEP_S3_BUCKET", "shop"), ("SKEP_S3_ACCESS_KEY_ID", "key"), ("SKEP_S3_SECRET_ACCESS_KEY", "secret")];
    assert!(!noted(&[&[store], &bucket[..]].concat()));
    assert!(!noted(&[]), "with SQLite, the data folder has everything");
}

#[tokio::test]
async fn accounts_of_one_address_are_reported_and_do_not_stop_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    let skep = Skep::builder().config(config.clone()).start().await.unwrap();
    let id = |number| UserId::new(Uuid::from_u128(number));
    let key = "x@xn--bcher-kva.example";
    let mut unit = Begin::<dyn IdentityTx>::begin(&*skep.app.ports.store, TxMode::Write, &[]).await.unwrap();
    let shadowed = Email::stored("z@b\u{fc}cher.example".to_owned(), None, None);
    let mut accounts = vec![(5, Email::parse("z@B\u{fc}cher.example").unwrap()), (6, shadowed)];
    for (number, address, key) in [
        (1, "x@b\u{fc}cher.example", Some(key)),
        (2, key, None),
        (3, "x@127.0.0.1", None),
        (4, "y@b\u{fc}cher.example", None),
    ] {
        accounts.push((number, Email::stored(address.to_owned(), key.map(str::to_owned), None)));
    }
    for (number, email) in accounts {
        let name = Text::line("Bea", 9).unwrap();
        let user = User::register(id(number), email, name, &[], "hash".to_owned(), Timestamp::MIN);
        unit.users().insert(&user).await.unwrap();
    }
    unit.commit().await.unwrap();
    skep.close().await;

    let findings = everything(Ok(config)).await;
    assert_eq!(worst(&findings), Vec::<&str>::new(), "{findings:?}");
    let found: Vec<_> = findings.iter().filter(|finding| finding.name == "accounts").collect();
    assert_eq!(found.len(), 4, "{findings:?}");
    for (finding, text) in found.iter().zip([
        format!("accounts {} and {} have one e-mail address in two spellings", id(1), id(2)),
        format!("account {} has an e-mail address that no new account may have", id(3)),
        format!("account {} was stored by an older version beside this one", id(4)),
        format!(
            "account {} was stored by an older version beside this one, with the e-mail address of account {}",
            id(6),
            id(5)
        ),
    ]) {
        assert_eq!((finding.level, &finding.text), (Level::Note, &text));
    }
    assert!(!format!("{findings:?}").contains("cher"), "no address is shown");
}

#[tokio::test]
async fn a_wrong_configuration_is_reported_fault_by_fault() {
    let wrong = [("PORT", "x"), ("SKEP_DOCS", "maybe")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let findings = everything(Config::from_variables(wrong)).await;
    assert_eq!(worst(&findings), ["configuration", "configuration"]);
}

#[tokio::test]
async fn every_wrong_thing_names_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = config(&folder);
    Skep::builder().config(served.clone()).start().await.unwrap().close().await;
    let secret = served.data_dir.join("instance.secret");
    let mut other = served.clone();
    other.port = taken.local_addr().unwrap().port();
    other.redis_url = Some(crate::config::Secret("redis://127.0.0.1:1".to_owned()));
    // Closes each connection, as a program that does not speak HTTP would.
    tokio::spawn(async move { while taken.accept().await.is_ok() {} });

    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let findings = everything(Ok(other.clone())).await;
    assert_eq!(worst(&findings), ["secret", "keys", "port"], "{findings:?}");

    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&secret, "0".repeat(64)).unwrap();
    fs::write(served.data_dir.join("skep.db"), "no database, and long enough to be looked at as one").unwrap();
    let _ = fs::remove_file(served.data_dir.join("skep.db-wal"));
    let findings = everything(Ok(served)).await;
    assert_eq!(worst(&findings), ["secret", "store"], "{findings:?}");
    let found = findings.iter().filter(|finding| finding.level != Level::Ok);
    assert!(found.clone().count() > 0 && found.clone().all(|finding| finding.remedy.is_some()), "{findings:?}");
}

#[tokio::test]
async fn the_keys_of_another_secret_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    Skep::builder().config(config.clone()).start().await.unwrap().close().await;
    fs::write(
        config.data_dir.join("instance.secret"),
        "8f1c3b5a97d2e4060718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e",
    )
    .unwrap();
    assert_eq!(worst(&everything(Ok(config)).await), ["keys", "fields"]);
}

#[tokio::test]
async fn a_key_of_fields_that_does_not_open_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder);
    let skep = Skep::builder().config(config.clone()).start().await.unwrap();
    let mut keys = skep.store.store.list_field_keys().await.unwrap();
    let findings = everything(Ok(config.clone())).await;
    let of_fields = |findings: &[Finding]| {
        let found: Vec<_> = findings.iter().filter(|finding| finding.name == "fields").cloned().collect();
        assert_eq!(found.len(), 1, "{findings:?}");
        found[0].clone()
    };
    assert_eq!(of_fields(&findings).level, Level::Ok);
    let damaged = skep.store.store.rewrap_field_key(&keys[0].id, &keys[0].wrapped, b"\x01damaged").await.unwrap();
    assert!(damaged);
    let found = of_fields(&everything(Ok(config.clone())).await);
    assert!(found.level == Level::Wrong && found.text.contains(&keys[0].id), "{found:?}");
    skep.close().await;
    let Err(error) = Skep::builder().config(config).start().await else { panic!("it starts") };
    let causes = crate::causes::with_causes(&error, ": ");
    assert!(causes.contains(&keys.remove(0).id), "{causes}");
}
