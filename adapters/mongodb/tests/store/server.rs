//! The servers that are accepted.

use crate::support::{OwnServer, with_empty_db};
use skep_application::{kernel::StoreError, operations::StoreHealth as _, testing::FixedClock};
use skep_mongodb::{ConnectError, MongoOptions, MongoStore};
use std::{net::TcpListener, sync::Arc};

async fn connect(uri: String) -> Result<MongoStore, ConnectError> {
    MongoStore::connect(MongoOptions::new(uri), Arc::new(FixedClock::default())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_server_is_refused() {
    let Some(server) = OwnServer::standalone().await else { return };
    for query in ["", "?replicaSet=rs0", "?directConnection=true"] {
        let uri = format!("mongodb://127.0.0.1:{}/{query}", server.port);
        let Err(error) = connect(uri).await else { panic!("{query} is accepted") };
        assert!(matches!(error, ConnectError::Standalone(_)), "{error}");
        assert!(error.to_string().contains("--replSet"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_is_accepted() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = connect(format!("mongodb://bee:secret@127.0.0.1:{port}/hive?replicaSet=rs0")).await.unwrap();
    assert_eq!(store.database(), "hive");
    let error = store.check().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_set_is_healthy() {
    with_empty_db(|db| async move { db.store.check().await.unwrap() }).await;
}
