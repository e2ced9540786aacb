//! How to reach the server.

use mongodb::{
    error::ErrorKind,
    event::{EventHandler, command::CommandEvent},
    options::{ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern},
};
use std::{sync::Arc, time::Duration};

/// How to reach the server and how patient to be.
#[derive(Clone)]
#[non_exhaustive]
pub struct MongoOptions {
    /// `mongodb://…` or `mongodb+srv://…`. May hold a password, which no error shows.
    pub uri: String,
    /// The database; from the address, or else `skep`.
    pub database: Option<String>,
    /// The name under which the server's log knows this client.
    pub app_name: String,
    /// The greatest number of connections to each server.
    pub max_pool_size: u32,
    /// How long to look for a server that can be written to.
    pub selection_timeout: Duration,
    /// How long to wait for one answer, or for other writers of the same thing.
    pub answer_timeout: Duration,
    /// How long a starter that moves the schema keeps others out without giving a sign of life.
    pub migration_lease: Duration,
    /// How long to wait for another starter that moves the schema.
    pub migration_patience: Duration,
    /// Is told the name of every command that is sent to a server, handshakes and heartbeats left out.
    pub on_command: Option<CommandObserver>,
}

/// Is told the names of commands.
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
            migration_lease: Duration::from_secs(15),
            migration_patience: Duration::from_secs(60),
            on_command: None,
        }
    }
}

impl std::fmt::Debug for MongoOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MongoOptions").field("database", &self.database).finish_non_exhaustive()
    }
}

/// Why a store cannot be had at this address. A server that is merely away is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be read, or its name cannot be resolved.
    #[error("the mongodb address cannot be used: {0}")]
    Address(String),
    /// The server is alone, so it has no transactions.
    #[error(
        "mongodb at {0} is a standalone server, which has no transactions: start it with --replSet and initiate the set"
    )]
    Standalone(String),
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const DEFAULT_DATABASE: &str = "skep";

/// The driver's options and the name of the database. Whatever the address says: reads and writes go to the primary
/// with majority concerns, or commits would not be what the contract says they are.
pub(crate) async fn read(options: &MongoOptions) -> Result<(ClientOptions, String), ConnectError> {
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

fn reason(error: &mongodb::error::Error) -> String {
    match error.kind.as_ref() {
        ErrorKind::InvalidArgument { message, .. } | ErrorKind::DnsResolve { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

/// The text without what stands between `://` and the last `@` of the address, or any part of it.
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
