//! Checks of the store and its schema, Redis, and the port.

use super::finding::{Finding, Level};
use crate::{
    causes::{driver_error, with_causes},
    config::{Config, StoreChoice},
    data_dir::{DataDir, Secrets},
    listen::{ListenError, listen, listen_for_metrics},
    mail::post,
    scanning, shared,
    stores::{Adapter, OpenStore},
};
use skep_application::{
    kernel::BoxError,
    operations::{Defect, InstanceKeys},
};
use skep_blobs::S3Blobs;
use skep_crypto::{InstanceSecrets, KeyRing, KeyRingError};
use skep_local::system_runtime;
use skep_postgres::Pooling;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const SCHEMA: &str = "schema";
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long all requests of a check of the bucket may take. Each has a limit of its own.
const BUCKET_PATIENCE: Duration = Duration::from_secs(20);

/// Checks the store, its schema, and whether our secret opens its keys.
pub(super) async fn store(config: &Config, secrets: Option<&Secrets>) -> Vec<Finding> {
    const NAME: &str = "store";
    let data = DataDir::at(&config.data_dir);
    if config.store == StoreChoice::Sqlite && !data.database().exists() {
        let text = format!("sqlite: the first start will make {}", data.database().display());
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
        Ok(()) => Finding::ok(NAME, format!("{name} answers{}", pooler(&store))),
        Err(error) => away(config, &*driver_error(error)),
    }];
    if findings[0].level == Level::Ok {
        let inspected = timeout(PATIENCE, store.inspect()).await;
        let defects = match inspected {
            Ok(Ok(defects)) => defects.into_iter().map(|defect| defect_of(NAME, defect, Level::Wrong)).collect(),
            Ok(Err(error)) => vec![away(config, &*driver_error(error))],
            // Another instance changes the schema. What follows says so.
            Err(_) => vec![],
        };
        let is_usable = defects.iter().all(|defect| defect.level != Level::Wrong);
        findings.extend(defects);
        let (schema, is_complete) = schema(&store, is_usable).await;
        findings.extend(schema);
        if is_usable && is_complete {
            findings.extend(super::accounts::findings(&*store.store).await);
        }
        findings.extend(keys(&*store.store, secrets.map(|secrets| &secrets.instances)).await);
        if is_usable && is_complete {
            findings.extend(super::fields::findings(&*store.store, secrets).await);
        }
    }
    store.close().await;
    findings
}

/// `level` is that of a fatal defect.
fn defect_of(name: &'static str, defect: Defect, level: Level) -> Finding {
    let level = if defect.is_fatal { level } else { Level::Note };
    Finding { name, level, text: defect.text, remedy: Some(defect.remedy) }
}

/// What is between us and PostgreSQL.
fn pooler(store: &OpenStore) -> &'static str {
    let Adapter::Postgres(database) = &store.adapter else { return "" };
    match database.pooling() {
        None | Some(Pooling::None) => "",
        Some(Pooling::Sessions) => " through a connection pooler in session mode",
        Some(Pooling::PerhapsSessions) => {
            " through a connection pooler that seems to be in session mode; the server does not rely on it"
        }
        Some(Pooling::Transactions) => {
            " through a connection pooler in transaction mode, which keeps prepared statements"
        }
    }
}

fn away(config: &Config, error: &(dyn std::error::Error + 'static)) -> Finding {
    let name = config.store.name();
    let remedy = match config.store {
        StoreChoice::Sqlite => "check that the file is complete and belongs to the user that runs skep",
        StoreChoice::Postgres(_) => {
            "check that the server runs, and host, port, user, password and database in DATABASE_URL; for a pooler see \
             docs/guides/postgresql.md"
        }
        StoreChoice::Mongodb(_) => "check that the server runs and is a replica set, and the address in MONGODB_URI",
    };
    Finding::wrong("store", format!("{name} cannot be used: {}", with_causes(error, ": ")), remedy)
}

/// The state of the schema, and whether it is complete. Without a usable store, an error of the schema has a reason that is
/// reported already.
async fn schema(store: &OpenStore, is_usable: bool) -> (Option<Finding>, bool) {
    let steps = match timeout(PATIENCE, store.store.status()).await {
        Ok(Ok(steps)) => steps,
        Err(_) => {
            let finding = Finding::wrong(SCHEMA, "another instance is changing it", "wait, and check again");
            return (Some(finding), false);
        }
        Ok(Err(error)) if error.is_newer() => {
            let remedy = "run the version of skep that changed it, or a newer one";
            return (Some(Finding::wrong(SCHEMA, error.to_string(), remedy)), false);
        }
        Ok(Err(error)) => return (is_usable.then(|| unreadable_schema(&error)), false),
    };
    let missing = steps.iter().filter(|step| step.applied_at.is_none()).count();
    let finding = if missing == 0 {
        Finding::ok(SCHEMA, "every migration is applied")
    } else if missing == steps.len() {
        Finding::ok(SCHEMA, "the store is empty; the first start makes the schema")
    } else {
        let to_apply = format!("migrations to apply: {missing} of {}", steps.len());
        Finding::note(SCHEMA, to_apply, "make a backup, then start the server or run `skep migrate up`")
    };
    (Some(finding), missing == 0)
}

fn unreadable_schema(error: &(dyn std::error::Error + 'static)) -> Finding {
    let remedy = "the store answers, but its schema cannot be read: see the cause";
    Finding::wrong(SCHEMA, with_causes(error, ": "), remedy)
}

/// Opens the keys that exist. A check makes none.
async fn keys(store: &dyn InstanceKeys, secrets: Option<&InstanceSecrets>) -> Option<Finding> {
    const NAME: &str = "keys";
    // Without a schema there are no keys. The check of the schema has reported that.
    let keys = store.list_keys().await.ok().filter(|keys| !keys.is_empty())?;
    let remedy = "give every instance of this store the same secret, with SKEP_SECRET_FILE";
    let Some(secrets) = secrets else {
        return Some(Finding::wrong(NAME, "the store has keys, but the secret that opens them is missing", remedy));
    };
    let sealed_before = keys.iter().filter(|key| secrets.has_sealed_now(&key.sealed) == Ok(false)).count();
    Some(match KeyRing::open(keys, secrets) {
        Ok(_) if sealed_before > 0 => Finding::note(
            NAME,
            format!("keys that are sealed with the previous secret: {sealed_before}"),
            "once every instance has the new secret, run `skep keys reseal` and remove SKEP_PREVIOUS_SECRET_FILE",
        ),
        Ok(_) => Finding::ok(NAME, "the secret opens the keys"),
        Err(KeyRingError::Missing { .. }) => Finding::ok(NAME, "some keys are missing; the next start makes them"),
        Err(error) => Finding::wrong(NAME, with_causes(&error, ": "), remedy),
    })
}

/// The server works without Redis, so nothing here is wrong.
pub(super) async fn redis(config: &Config) -> Vec<Finding> {
    const NAME: &str = "redis";
    const ALONE: &str = "until then, each instance counts rate limits by itself";
    let Some(redis) = shared::redis(config) else { return vec![] };
    let answer = async { redis?.inspect().await.map_err(driver_error) };
    match answer.await {
        Ok(defects) if defects.is_empty() => vec![Finding::ok(NAME, "answers and counts")],
        Ok(defects) => {
            let of = |mut defect: Defect| {
                if defect.is_fatal {
                    defect.remedy = format!("{}; {ALONE}", defect.remedy);
                }
                defect_of(NAME, defect, Level::Note)
            };
            defects.into_iter().map(of).collect()
        }
        Err(error) => vec![Finding::note(
            NAME,
            format!("cannot be used: {}", with_causes(&*error, ": ")),
            format!("check that the server runs, and REDIS_URL; {ALONE}"),
        )],
    }
}

/// Workers claim the jobs in the store if Redis does not give them, so nothing here is wrong.
pub(super) async fn tickets(config: &Config) -> Vec<Finding> {
    const NAME: &str = "redis queues";
    const INSTEAD: &str = "until then, workers claim the jobs in the store";
    let answer = async {
        let Some(tickets) = shared::redis_tickets(config, "")? else { return Ok::<_, BoxError>(None) };
        tickets.inspect().await.map(Some).map_err(driver_error)
    };
    match answer.await {
        Ok(None) => vec![],
        Ok(Some(defects)) if defects.is_empty() => {
            let queues: Vec<_> = config.policies.tickets.queues.iter().map(ToString::to_string).collect();
            vec![Finding::ok(NAME, format!("gives the jobs of {}", queues.join(", ")))]
        }
        Ok(Some(defects)) => {
            let of = |defect: Defect| {
                let remedy = format!("{}; {INSTEAD}", defect.remedy);
                defect_of(NAME, Defect { remedy, ..defect }, Level::Note)
            };
            defects.into_iter().map(of).collect()
        }
        Err(error) => vec![Finding::note(
            NAME,
            format!("cannot be used: {}", with_causes(&*error, ": ")),
            format!("check that the server runs, and REDIS_URL; {INSTEAD}"),
        )],
    }
}

/// Checks the bucket of the contents of files, if there is one.
pub(crate) async fn bucket(config: &Config) -> Vec<Finding> {
    const NAME: &str = "files";
    let Some(options) = &config.s3 else { return vec![] };
    let away = |cause: String| {
        let text = format!("the bucket {} cannot be used: {cause}", options.bucket);
        vec![Finding::wrong(NAME, text, "check that the S3 server runs, and SKEP_S3_ENDPOINT")]
    };
    let answer = async { S3Blobs::new(options, system_runtime())?.inspect().await.map_err(driver_error) };
    match timeout(BUCKET_PATIENCE, answer).await {
        Ok(Ok(defects)) if defects.is_empty() => {
            vec![Finding::ok(NAME, format!("the bucket {} can be listed, read and written", options.bucket))]
        }
        Ok(Ok(defects)) => {
            let of = |defect: Defect| {
                let text = format!("the bucket {} cannot be used: {}", options.bucket, defect.text);
                let (level, remedy) = (Level::Wrong, Some(defect.remedy));
                Finding { name: NAME, level, text, remedy }
            };
            defects.into_iter().map(of).collect()
        }
        Ok(Err(error)) => away(with_causes(&*error, ": ")),
        Err(error) => away(error.to_string()),
    }
}

/// Mails wait for their server, so nothing here is wrong.
pub(super) async fn mail(config: &Config) -> Finding {
    const NAME: &str = "mail";
    let remedy = "check that the server runs, and SKEP_MAIL_URL and SKEP_MAIL_NETWORKS; until then, mails wait";
    let post = match post(config, &DataDir::at(&config.data_dir), system_runtime()) {
        Ok(post) => post,
        Err(error) => return Finding::wrong(NAME, with_causes(&*error, ": "), "correct SKEP_MAIL_CA_FILE"),
    };
    if !post.is_sent {
        return Finding::ok(NAME, format!("mails are written to {}; SKEP_MAIL_URL is not set", post.place));
    }
    match timeout(PATIENCE, post.mailer.check()).await {
        Ok(Ok(())) => Finding::ok(NAME, format!("{} answers", post.place)),
        Ok(Err(error)) => Finding::note(NAME, format!("{} cannot be used: {}", post.place, error.words()), remedy),
        Err(_) => Finding::note(NAME, format!("{} does not answer", post.place), remedy),
    }
}

/// Files wait for their scanner, so nothing here is wrong.
pub(super) async fn scanner(config: &Config) -> Option<Finding> {
    const NAME: &str = "scanner";
    let remedy = "check that clamd runs and listens there, and SKEP_SCANNER and SKEP_SCANNER_NETWORKS; until then, new \
                  files stay quarantined";
    let scanning::NamedScanner { scanner, place } = match scanning::scanner(config, system_runtime()) {
        Ok(scanner) => scanner?,
        Err(error) => return Some(Finding::wrong(NAME, with_causes(&*error, ": "), remedy)),
    };
    Some(match timeout(PATIENCE, scanner.check()).await {
        Ok(Ok(())) => Finding::ok(NAME, format!("{place} answers")),
        Ok(Err(error)) => Finding::note(NAME, format!("{place} cannot be used: {}", with_causes(&error, ": ")), remedy),
        Err(_) => Finding::note(NAME, format!("{place} does not answer"), remedy),
    })
}

/// Checks the address of the metrics, if they have one.
pub(super) async fn metrics_port(config: &Config) -> Option<Finding> {
    const NAME: &str = "metrics port";
    let address = config.metrics_address?;
    Some(match listen_for_metrics(address).await {
        Ok(_) => Finding::ok(NAME, format!("{address} is free")),
        // The check can run beside the server.
        Err(error) if error.is_in_use() => {
            let remedy =
                "nothing, if it is the server that you mean; otherwise set SKEP_METRICS_ADDRESS to another port";
            Finding::note(NAME, error.problem, remedy)
        }
        Err(ListenError { problem, remedy, .. }) => Finding::wrong(NAME, problem, remedy),
    })
}

pub(super) async fn port(config: &Config) -> Finding {
    const NAME: &str = "port";
    let address = SocketAddr::new(config.host, config.port);
    match listen(config).await {
        Ok(_) if config.port == 0 => Finding::ok(NAME, "the server will listen on a free port"),
        Ok(_) => Finding::ok(NAME, format!("{address} is free")),
        Err(error) if error.is_in_use() && matches!(timeout(PATIENCE, is_skep(address)).await, Ok(Ok(true))) => {
            Finding::note(
                NAME,
                format!("a skep server runs on {address}"),
                "nothing, if it is the server that you mean; a second server needs another PORT",
            )
        }
        Err(ListenError { problem, remedy, .. }) => Finding::wrong(NAME, problem, remedy),
    }
}

/// Whether the program that listens there answers as our health endpoint does.
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
