//! The connection to a Redis server.

use redis::{
    Client, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use skep_application::kernel::StoreError;
use std::time::Duration;

/// The longest wait for a connection and, usually, for an answer.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(300);
/// One more attempt to connect, so that callers do not notice a restart of Redis.
const RETRIES: usize = 1;
const SHORTEST_DELAY: Duration = Duration::from_millis(20);
const LONGEST_DELAY: Duration = Duration::from_millis(100);
/// The limit of a whole call, including every attempt.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// The address is not a valid Redis address. It is not shown, because it may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; expected redis://[user:password@]host[:port][/database], rediss:// for TLS, or unix:///path for a socket"
)]
pub struct InvalidAddress(&'static str);

/// Reads an address. The library ignores parameters that it does not know.
fn client(url: &str) -> Result<Client, InvalidAddress> {
    let (scheme, rest) = url.split_once("://").ok_or(InvalidAddress("it is not a URL"))?;
    // The library would leave out all that follows.
    if rest.contains('#') && !(scheme == "rediss" && rest.ends_with("#insecure")) {
        return Err(InvalidAddress("special characters in the password have to be percent-encoded"));
    }
    let names: &[&str] = match scheme {
        "redis" | "rediss" | "valkey" | "valkeys" => &["protocol"],
        "unix" | "redis+unix" | "valkey+unix" => &["protocol", "db", "user", "pass"],
        _ => return Err(InvalidAddress("it does not start with redis://")),
    };
    let query = rest.split_once('?').map_or("", |(_, query)| query.trim_end_matches("#insecure"));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !names.contains(&name) {
            return Err(InvalidAddress("it has an unknown parameter after the question mark"));
        }
        if name == "protocol" && !["2", "3", "resp2", "resp3"].contains(&value) {
            return Err(InvalidAddress("the parameter protocol must be resp2 or resp3"));
        }
    }
    Client::open(url).map_err(|_| InvalidAddress("its host, port or database is not valid"))
}

/// Opens a connection to the server at this address, at the first use and again after it breaks. Returns it, and host and
/// port of the server. An answer may take as long as `answer`.
pub(crate) fn open(url: &str, answer: Duration) -> Result<(ConnectionManager, String), InvalidAddress> {
    let client = client(url)?;
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(RETRIES)
        .set_min_delay(SHORTEST_DELAY)
        .set_max_delay(LONGEST_DELAY)
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(answer));
    let address = client.get_connection_info().addr().to_string();
    let connection =
        ConnectionManager::new_lazy_with_config(client, config).map_err(|_| InvalidAddress("it cannot be used"))?;
    Ok((connection, address))
}

/// Checks an address. Connects to nothing.
pub(crate) fn check(url: &str) -> Result<(), InvalidAddress> {
    client(url).map(drop)
}

/// Waits for an answer, but not for long.
pub(crate) async fn bounded<T>(answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| StoreError::Unavailable(error.into())),
        Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
    }
}
