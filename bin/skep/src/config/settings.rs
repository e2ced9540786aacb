//! Every setting there is.

/// A setting: an environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it is if nothing is said; empty if it is then not set.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Whether its value must not be shown.
    pub secret: bool,
}

const fn setting(name: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { name, default, doc, secret: false }
}

const fn secret(name: &'static str, doc: &'static str) -> Setting {
    Setting { name, default: "", doc, secret: true }
}

/// Every setting, in the order in which they are documented.
pub const SETTINGS: &[Setting] = &[
    setting("HOST", "127.0.0.1", "The address to listen on. Any but the loopback needs PUBLIC_URL."),
    setting("PORT", "8080", "The port to listen on; 0 takes a free one."),
    setting("PUBLIC_URL", "", "Where clients reach the server, for example https://api.example.com."),
    setting(
        "LOG_LEVEL",
        "info",
        "What to log: error, warn, info, debug, trace, or directives like info,skep_http=debug.",
    ),
    setting("SKEP_LOG_FORMAT", "human", "How log lines look: human or json."),
    setting(
        "SKEP_STORE",
        "",
        "Which store holds the data: sqlite, postgres or mongodb. Inferred from the one address that is set.",
    ),
    secret("DATABASE_URL", "The PostgreSQL server: postgres://user:password@host:port/database."),
    secret("MONGODB_URI", "The MongoDB replica set: mongodb://user:password@host:port/database?replicaSet=rs0."),
    setting("SKEP_STORE_CONNECTIONS", "32", "Connections to a store server."),
    setting(
        "SKEP_SQLITE_SYNCHRONOUS",
        "full",
        "full: an acknowledged write survives a power cut; normal: a crash of the program.",
    ),
    secret("REDIS_URL", "Shares rate limits between instances: redis://:password@host:port."),
    setting("SKEP_DATA_DIR", "./skep-data", "The folder of the database, the secret and the lock."),
    setting(
        "SKEP_SECRET_FILE",
        "",
        "The file with the secret of the instances (64 hexadecimal digits); the same on every instance. In the data folder if not named.",
    ),
    setting("SKEP_TRUSTED_PROXIES", "", "Networks whose X-Forwarded-For is believed, for example 10.0.0.0/8,fd00::/8."),
    setting("SKEP_CORS_ORIGINS", "", "Browser origins that may call, for example https://shop.example.com."),
    setting("SKEP_DOCS", "on", "Whether /api-docs is served: on or off."),
    secret(
        "SKEP_METRICS_TOKEN",
        "The bearer token that /metrics asks for. Without it /metrics is served on the loopback only.",
    ),
    setting("SKEP_LIMIT_ADDRESS", "1200", "Requests a minute from one address."),
    setting("SKEP_LIMIT_USER", "3000", "Requests a minute by one user."),
    setting("SKEP_LIMIT_CREDENTIALS", "10", "Registrations, log-ins and set-ups a minute from one address."),
    setting("SKEP_LOGIN_ATTEMPTS", "10", "Log-ins a minute to one account."),
    setting("SKEP_PASSWORD_MIN_LENGTH", "15", "The least number of characters of a password, 8 to 64."),
    setting("SKEP_TOKEN_LIFETIME", "3600", "How long an access token is good, in seconds."),
    setting("SKEP_SESSION_LIFETIME", "2592000", "How long a session is good, in seconds."),
    setting(
        "SKEP_MINIMUM_ORDERS",
        "",
        "The smallest total of an order per currency in minor units, for example EUR:1000,JPY:500.",
    ),
];
