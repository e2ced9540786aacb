//! The options of the connection to the server.

use mongodb::{
    error::ErrorKind,
    event::{EventHandler, command::CommandEvent},
    options::{ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern},
};
use std::{sync::Arc, time::Duration};

/// The address of the server, and the time limits.
#[derive(Clone)]
#[non_exhaustive]
pub struct MongoOptions {
    /// `mongodb://…` or `mongodb+srv://…`. May contain a password, which no error shows.
    pub uri: String,
    /// The database. Default: the one in the address, or else `skep`.
    pub database: Option<String>,
    /// The client's name in the server's log.
    pub app_name: String,
    /// The most connections to each server. At most three quarters as many units of work write at the same time, so
    /// that reads go on while changes wait.
    pub max_pool_size: u32,
    /// How long to look for a server that accepts writes.
    pub selection_timeout: Duration,
    /// How long to wait for an answer, or for other writers of the same ids.
    pub answer_timeout: Duration,
    /// How long the lease for a migration lasts without renewal.
    pub migration_lease: Duration,
    /// How long to wait for another instance that is migrating the schema.
    pub migration_patience: Duration,
    /// Receives the name of every command that is sent to a server, except handshakes and heartbeats.
    pub on_command: Option<CommandObserver>,
}

/// A callback that receives the names of commands.
pub type CommandObserver = Arc<dyn Fn(&str) + Send + Sync>;

impl MongoOptions {
    /// The defaults, for this address.
    #[must_use]
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            database: None,
            app_name: "skep".to_owned(),
            max_pool_size: 64,
            selection_timeout: Duration::from_secs(2),
            answer_timeout: Duration::from_secs(5),
            migration_lease: Duration::from_secs(10),
            migration_patience: Duration::from_secs(120),
            on_command: None,
        }
    }
}

impl std::fmt::Debug for MongoOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MongoOptions").field("database", &self.database).finish_non_exhaustive()
    }
}

/// Why a store cannot use this address. A server that cannot be reached is not an error here.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not valid, or its name cannot be resolved.
    #[error("the mongodb address cannot be used: {0}")]
    Address(String),
    /// The server does not belong to a replica set, so it has no transactions.
    #[error(
        "mongodb at {0} is a standalone server, which has no transactions: start it with --replSet and initiate the set"
    )]
    Standalone(String),
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const DEFAULT_DATABASE: &str = "skep";

/// Returns the driver's options and the name of the database. Reads and writes always go to the primary with majority
/// concerns, whatever the address says, because the contract of commits depends on it.
pub(crate) async fn read(options: &MongoOptions) -> Result<(ClientOptions, String), ConnectError> {
    built_in(&options.uri).map_err(ConnectError::Address)?;
    let mut client = ClientOptions::parse(&options.uri)
        .await
        .map_err(|error| ConnectError::Address(without_credentials(&reason(&error), &options.uri)))?;
    client.app_name = Some(options.app_name.clone());
    client.max_pool_size = Some(options.max_pool_size);
    client.max_connecting = Some(8);
    client.connect_timeout = Some(CONNECT_TIMEOUT);
    client.server_selection_timeout = Some(options.selection_timeout);
    client.read_concern = Some(ReadConcern::majority());
    client.write_concern = Some(WriteConcern::majority());
    client.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    client.retry_reads = Some(true);
    client.retry_writes = Some(true);
    client.command_event_handler = options.on_command.clone().map(|observer| {
        EventHandler::callback(move |event| {
            if let CommandEvent::Started(started) = event {
                observer(&started.command_name);
            }
        })
    });
    let path = client.default_database.clone();
    let database = options.database.clone().or(path).unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
    Ok((client, database))
}

/// Options of MongoDB's addresses that this driver is built without. The driver itself says that they do not exist.
const NOT_BUILT_IN: &[(&str, &str)] = &[
    ("compressors", "connections are not compressed"),
    ("zlibCompressionLevel", "connections are not compressed"),
    ("gssapiServiceName", "there is no login with Kerberos"),
    ("proxyHost", "there is no SOCKS proxy"),
    ("proxyPort", "there is no SOCKS proxy"),
    ("proxyUsername", "there is no SOCKS proxy"),
    ("proxyPassword", "there is no SOCKS proxy"),
    ("tlsAllowInvalidHostnames", "the name in a certificate is always checked; tlsInsecure=true checks nothing"),
    ("tlsCertificateKeyFilePassword", "the file must not be encrypted"),
    ("tlsDisableCertificateRevocationCheck", "revocation is never checked"),
    ("tlsDisableOCSPEndpointCheck", "revocation is never checked"),
];
const LOGINS: &[&str] = &["SCRAM-SHA-1", "SCRAM-SHA-256", "MONGODB-X509", "PLAIN"];

/// Refuses options that are not built in and files that cannot be read, by the option's name. Other faults are left to
/// the driver.
fn built_in(uri: &str) -> Result<(), String> {
    // With an `@`, what follows the question mark belongs to the password.
    let query = uri.split_once('?').map(|(_, query)| query).filter(|query| !query.contains('@'));
    for (name, value) in query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
        if let Some((name, reason)) = NOT_BUILT_IN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Err(format!("the option {name} is not built in: {reason}, so remove it"));
        }
        let is_login = LOGINS.contains(&value);
        if name.eq_ignore_ascii_case("authMechanism") && !is_login {
            return Err(format!("the option authMechanism must be one that is built in: {}", LOGINS.join(", ")));
        }
        let file = ["tlsCAFile", "tlsCertificateKeyFile"].into_iter().find(|known| known.eq_ignore_ascii_case(name));
        if let Some(name) = file {
            std::fs::read(decoded(value))
                .map_err(|error| format!("the file of the option {name} cannot be read: {error}"))?;
        }
    }
    Ok(())
}

/// A value without its percent-encoding, as the driver decodes it.
fn decoded(value: &str) -> String {
    let mut bytes = vec![];
    let mut rest = value.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = others.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn reason(error: &mongodb::error::Error) -> String {
    match error.kind.as_ref() {
        ErrorKind::InvalidArgument { message, .. } | ErrorKind::DnsResolve { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

/// Removes the credentials of the address from the text: the part between `://` and the last `@`, and the password
/// alone.
fn without_credentials(text: &str, uri: &str) -> String {
    let Some((_, rest)) = uri.split_once("://") else { return text.to_owned() };
    let Some((credentials, _)) = rest.rsplit_once('@') else { return text.to_owned() };
    let mut parts = vec![credentials];
    parts.extend(credentials.split_once(':').map(|(_, password)| password));
    parts.retain(|part| !part.is_empty());
    parts.iter().fold(text.to_owned(), |text, part| text.replace(part, "…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn errors_never_show_the_password() {
        for (password, rest) in [("zz/qq", ""), ("zz%qq", ""), ("zz@qq", ":1:2"), ("zzqq", ":port"), ("zzqq", "/?w=-1")]
        {
            let error =
                read(&MongoOptions::new(format!("mongodb://bee:{password}@localhost{rest}"))).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("zz") && !shown.contains("qq"), "{shown}");
        }
        assert!(!format!("{:?}", MongoOptions::new("mongodb://bee:zzqq@localhost")).contains("zzqq"));
    }

    #[tokio::test]
    async fn an_option_that_is_not_built_in_is_named() {
        for (query, text) in [
            ("compressors=zstd", "the option compressors is not built in"),
            ("COMPRESSORS=snappy,zlib", "the option compressors is not built in"),
            ("zlibCompressionLevel=3", "the option zlibCompressionLevel is not built in"),
            ("proxyHost=zzqq", "the option proxyHost is not built in"),
            ("tlsAllowInvalidHostnames=true", "the option tlsAllowInvalidHostnames is not built in"),
            ("authMechanism=MONGODB-AWS", "authMechanism must be one that is built in: SCRAM-SHA-1"),
            ("tlsCAFile=/zz%2Fqq.pem", "the file of the option tlsCAFile cannot be read"),
            ("tls=true&tlsCertificateKeyFile=/zzqq", "the file of the option tlsCertificateKeyFile cannot be read"),
        ] {
            let error = read(&MongoOptions::new(format!("mongodb://bee:zz@localhost/?{query}"))).await.unwrap_err();
            let shown = error.to_string();
            assert!(shown.contains(text) && !shown.contains("zz"), "{shown}");
        }
        let whole = "mongodb://bee:zz@localhost/?authMechanism=SCRAM-SHA-256&authSource=admin&tls=true";
        read(&MongoOptions::new(whole)).await.unwrap();
    }

    #[test]
    fn values_are_decoded() {
        assert_eq!(decoded("%2Fa%20b%zz%2"), "/a b%zz%2");
    }

    #[tokio::test]
    async fn the_address_cannot_weaken_reads_and_writes() {
        let uri = "mongodb://localhost/hive?readPreference=secondary&w=1&readConcernLevel=local&retryWrites=false";
        let (client, database) = read(&MongoOptions::new(uri)).await.unwrap();
        assert_eq!(database, "hive");
        assert_eq!(client.write_concern, Some(WriteConcern::majority()));
        assert_eq!(client.read_concern, Some(ReadConcern::majority()));
        assert_eq!(client.selection_criteria, Some(SelectionCriteria::ReadPreference(ReadPreference::Primary)));
        assert_eq!(client.retry_writes, Some(true));
    }

    #[tokio::test]
    async fn the_database_is_named_by_option_address_or_default() {
        let (_, default) = read(&MongoOptions::new("mongodb://localhost")).await.unwrap();
        assert_eq!(default, "skep");
        let options =
            MongoOptions { database: Some("own".to_owned()), ..MongoOptions::new("mongodb://localhost/hive") };
        assert_eq!(read(&options).await.unwrap().1, "own");
    }
}
