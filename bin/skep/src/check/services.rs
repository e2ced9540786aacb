//! The store and its schema, Redis, and the port.

use super::finding::{Finding, Level};
use crate::{
    causes::with_causes,
    config::{Config, StoreChoice},
    data_dir::DataDir,
    stores::OpenStore,
};
use skep_application::{
    kernel::BoxError,
    operations::{InstanceKeys, KeyPurpose},
};
use skep_crypto::{InstanceSecret, KeyRing};
use skep_local::system_runtime;
use skep_redis::RedisLimits;
use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// How long a server may take to say anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// The store, its schema, and whether its keys are sealed with our secret.
pub(super) async fn store(config: &Config, secret: Option<&InstanceSecret>) -> Vec<Finding> {
    const NAME: &str = "store";
    let data = DataDir::at(&config.data_dir);
    if config.store == StoreChoice::Sqlite && !data.database().exists() {
        let text = format!("sqlite: {} will be made by the first start", data.database().display());
        return vec![Finding::ok(NAME, text)];
    }
    let name = config.store.name();
    let opened = timeout(PATIENCE, OpenStore::open(config, &data, system_runtime().clock)).await;
    let store = match opened {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => return vec![away(config, &*error)],
        Err(error) => return vec![away(config, &error)],
    };
    let mut findings = vec![match store.store.check().await {
        Ok(()) => Finding::ok(NAME, format!("{name} answers")),
        Err(error) => away(config, &error),
    }];
    if findings[0].level == Level::Ok {
        findings.push(schema(&store).await);
        findings.extend(keys(&*store.store, secret).await);
    }
    store.close().await;
    findings
}

fn away(config: &Config, error: &(dyn std::error::Error + 'static)) -> Finding {
    let name = config.store.name();
    let remedy = match config.store {
        StoreChoice::Sqlite => "is the file whole, and does it belong to the user that runs skep?",
        StoreChoice::Postgres(_) => {
            "is the server up, and do host, port, user, password and database of DATABASE_URL fit?"
        }
        StoreChoice::Mongodb(_) => "is the server up and a replica set, and does MONGODB_URI fit?",
    };
    Finding::wrong("store", format!("{name} cannot be used: {}", with_causes(error, ": ")), remedy)
}

async fn schema(store: &OpenStore) -> Finding {
    const NAME: &str = "schema";
    let status = match timeout(PATIENCE, store.store.status()).await {
        Ok(status) => status,
        Err(_) => return Finding::wrong(NAME, "is locked: another instance moves it", "wait, and check again"),
    };
    match status {
        Ok(steps) => match steps.iter().filter(|step| step.applied_at.is_none()).count() {
            0 => Finding::ok(NAME, format!("all {} migrations are applied", steps.len())),
            missing if missing == steps.len() => Finding::ok(NAME, "empty; the first start makes it"),
            missing => Finding::note(
                NAME,
                format!("{missing} of {} migrations are missing", steps.len()),
                "the next start applies them, or `skep migrate up`; make a backup first",
            ),
        },
        Err(error) if error.is_newer() => {
            Finding::wrong(NAME, error.to_string(), "run the program that moved it, or a newer one")
        }
        Err(error) => Finding::wrong(NAME, with_causes(&error, ": "), "the store answers, but not about its schema"),
    }
}

/// Only if all keys are there: whoever opens some makes the rest, and nothing is to be changed.
async fn keys(store: &dyn InstanceKeys, secret: Option<&InstanceSecret>) -> Option<Finding> {
    const NAME: &str = "keys";
    // Without a schema there are none, and the schema has been told.
    let keys = store.list_keys().await.ok()?;
    let purposes: BTreeSet<_> = keys.iter().map(|key| key.purpose.name()).collect();
    if purposes.is_empty() {
        return None;
    }
    let remedy = "give every instance of this store the same secret, with SKEP_SECRET_FILE";
    let Some(secret) = secret else {
        return Some(Finding::wrong(NAME, "the store has keys, and the secret that opens them is not here", remedy));
    };
    if purposes.len() < KeyPurpose::ALL.len() {
        return Some(Finding::ok(NAME, "some are missing; the next start makes them"));
    }
    Some(match KeyRing::load_or_create(store, secret, &system_runtime()).await {
        Ok(_) => Finding::ok(NAME, "the secret opens them"),
        Err(error) => Finding::wrong(NAME, with_causes(&error, ": "), remedy),
    })
}

pub(super) async fn redis(config: &Config) -> Option<Finding> {
    const NAME: &str = "redis";
    let url = config.redis_url.as_ref()?;
    let answer = async { Ok::<_, BoxError>(RedisLimits::connect(&url.0, "skep:limits:")?.check().await?) };
    Some(match answer.await {
        Ok(()) => Finding::ok(NAME, "answers"),
        Err(error) => Finding::wrong(
            NAME,
            format!("cannot be used: {}", with_causes(&*error, ": ")),
            "is the server up, and does REDIS_URL fit? Without it each instance counts rate limits by itself",
        ),
    })
}

pub(super) async fn port(config: &Config) -> Finding {
    const NAME: &str = "port";
    let address = SocketAddr::new(config.host, config.port);
    match TcpListener::bind(address).await {
        Ok(_) if config.port == 0 => Finding::ok(NAME, "a free one will be taken"),
        Ok(_) => Finding::ok(NAME, format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match timeout(PATIENCE, is_skep(address)).await {
            Ok(Ok(true)) => Finding::note(
                NAME,
                format!("a skep server runs on {address} already"),
                "nothing, if it is the one you mean; a second one needs another PORT",
            ),
            _ => Finding::wrong(NAME, format!("{address} is taken by another program"), "stop that, or set PORT"),
        },
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            Finding::wrong(NAME, format!("this machine has no address {}", config.host), "set HOST to one that it has")
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let remedy =
                "set PORT to 1024 or above, or allow lower ones: setcap cap_net_bind_service=+ep on the program";
            Finding::wrong(NAME, format!("may not listen on {address}"), remedy)
        }
        Err(error) => Finding::wrong(NAME, format!("cannot listen on {address}: {error}"), "set HOST and PORT"),
    }
}

/// Whether what listens there answers as our health endpoint does.
async fn is_skep(address: SocketAddr) -> io::Result<bool> {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let mut stream = TcpStream::connect((ip, address.port())).await?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = vec![];
    stream.take(16 * 1024).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    Ok(answer.starts_with("http/1.1 200") && answer.contains("x-request-id:") && answer.contains("\"status\":\"ok\""))
}
