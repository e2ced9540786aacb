//! Servers that do not exist, refuse us or do not answer. Operators read these errors.

use crate::support::{begin, declared, everything, patient, with_database};
use skep_application::kernel::{StoreError, TxMode};
use skep_postgres::{PostgresDatabase, PostgresOptions};
use skep_sql::SqlDatabase;
use std::time::Duration;
use tokio::net::TcpListener;

/// The errors of every way to use the database.
async fn complaints(url: &str) -> Vec<String> {
    let mut options = PostgresOptions::new(url);
    options.acquire_timeout = Duration::from_secs(3);
    let database = PostgresDatabase::connect(&options).unwrap();
    let declared = declared();
    let (checks, begins, schema) =
        tokio::join!(database.check(), database.begin(TxMode::Write, &[], &declared), database.schema());
    let errors = [checks.unwrap_err(), begins.err().unwrap(), schema.err().unwrap()];
    assert!(!format!("{database:?}{options:?}").contains("secret"));
    let mut texts = Vec::new();
    for error in &errors {
        let StoreError::Unavailable(why) = error else { panic!("{error:?}") };
        assert!(!everything(error).contains("secret"), "{error:?}");
        texts.push(why.to_string());
    }
    assert_eq!(database.pool_stats().size, 0);
    texts
}

fn with_password(url: &str, password: &str) -> String {
    let mut url = url::Url::parse(url).unwrap();
    url.set_password(Some(password)).unwrap();
    url.to_string()
}

/// A port on which no server listens.
async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn wrong_password_and_wrong_database_are_reported() {
    with_database(async |test| {
        for text in complaints(&with_password(&test.url, "secret")).await {
            assert!(text.contains("password authentication failed") && text.contains("28P01"), "{text}");
        }
        for text in complaints(&format!("{}_not", test.url)).await {
            assert!(text.contains("does not exist") && text.contains("3D000"), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn server_without_tls_is_refused_where_tls_is_required() {
    with_database(async |test| {
        for text in complaints(&format!("{}?sslmode=require", test.url)).await {
            assert!(text.contains("TLS: server does not support TLS"), "{text}");
        }
        let database = PostgresDatabase::connect(&patient(&format!("{}?sslmode=prefer", test.url))).unwrap();
        begin(&database).await.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn unreachable_servers_are_reported_by_host_and_port() {
    let port = closed_port().await;
    for text in complaints(&format!("postgres://me:secret@127.0.0.1:{port}/shop")).await {
        assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("refused"), "{text}");
    }
    for text in complaints("postgres://me:secret@nowhere.invalid/shop").await {
        assert!(text.contains("nowhere.invalid:5432"), "{text}");
    }
    for text in complaints("postgres://me:secret@%2Fnowhere/shop").await {
        assert!(text.contains("/nowhere"), "{text}");
    }
}

#[tokio::test]
async fn silent_server_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let texts = complaints(&format!("postgres://me:secret@{address}/shop")).await;
    drop(listener);
    for text in texts {
        assert!(text.contains("no answer within"), "{text}");
    }
}

#[tokio::test]
async fn server_that_comes_up_while_begin_waits_is_used() {
    with_database(async |test| {
        let port = closed_port().await;
        let (user, rest) = test.url.rsplit_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let options = patient(&format!("{user}@127.0.0.1:{port}/{name}"));
        let database = PostgresDatabase::connect(&options).unwrap();
        let begins = tokio::spawn(async move { database.begin(TxMode::Write, &[], &declared()).await?.commit().await });
        tokio::task::yield_now().await;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let server = server.to_owned();
        tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut upstream = tokio::net::TcpStream::connect(server).await.unwrap();
            drop(tokio::io::copy_bidirectional(&mut client, &mut upstream).await);
        });
        begins.await.unwrap().unwrap();
    })
    .await;
}
