use super::*;
use crate::Skep;
use std::{fs, os::unix::fs::PermissionsExt as _};

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
    assert_eq!(worst(&everything(Ok(config)).await), ["keys"]);
}
