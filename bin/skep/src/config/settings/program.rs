//! The settings that belong to no context: the server, logs, traces, the store, limits of requests.

use crate::config::setting::{A_MINUTE, Setting, Shape};

const TIMEOUT: &str = "seconds from 1 to 3600";

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("SKEP_CONFIG", "", Shape::Text)
        .form("the path of a file that is there", "/etc/skep/skep.toml")
        .doc("The configuration file. Unless named, `skep.toml` in the working directory, if there is one."),
    Setting::new("HOST", "server.host", Shape::Text)
        .default("127.0.0.1")
        .form("an IP address", "0.0.0.0")
        .doc("The address to listen on. Any but the loopback needs PUBLIC_URL."),
    Setting::new("PORT", "server.port", Shape::Number)
        .default("8080")
        .form("a number from 0 to 65535", "8080")
        .doc("The port to listen on; 0 takes a free one."),
    Setting::new("PUBLIC_URL", "server.public_url", Shape::Text)
        .form("an http or https address without a path", "https://api.example.com")
        .doc("Where clients reach the server; access tokens name it as their issuer, or skep without it. With https, browsers are told to insist on it."),
    Setting::new("SKEP_TRUSTED_PROXIES", "server.trusted_proxies", Shape::List)
        .form("networks like 10.0.0.0/8", "10.0.0.0/8,fd00::/8")
        .doc("Networks whose `X-Forwarded-For` is believed."),
    Setting::new("SKEP_CORS_ORIGINS", "server.cors_origins", Shape::List)
        .form("origins like https://shop.example.com", "https://shop.example.com")
        .doc("Browser origins that may call."),
    Setting::new("SKEP_MAX_CONNECTIONS", "server.max_connections", Shape::Number)
        .default("10000")
        .form("a number from 1 to 1000000", "10000")
        .doc("How many connections may be open. One more is answered 503 and closed. The process needs as many file descriptors."),
    Setting::new("SKEP_HEADER_TIMEOUT", "server.header_timeout", Shape::Number)
        .default("10")
        .form(TIMEOUT, "10")
        .doc("How long a client may take for the head of a request; then it is cut."),
    Setting::new("SKEP_BODY_TIMEOUT", "server.body_timeout", Shape::Number)
        .default("30")
        .form(TIMEOUT, "30")
        .doc("How long a client may take for the body of a request, at most 10 s of them in silence; then it is answered 408 and cut."),
    Setting::new("SKEP_IDLE_TIMEOUT", "server.idle_timeout", Shape::Number)
        .default("75")
        .form(TIMEOUT, "75")
        .doc("How long a connection may be without a request. More than that of a proxy in front, so that it is the proxy that closes."),
    Setting::new("SKEP_STALL_TIMEOUT", "server.stall_timeout", Shape::Number)
        .default("60")
        .form(TIMEOUT, "60")
        .doc("How long a client may take nothing of its answer; then it is cut."),
    Setting::new("SKEP_DRAIN_TIMEOUT", "server.drain_timeout", Shape::Number)
        .default("20")
        .form(TIMEOUT, "20")
        .doc("How long running requests may go on after SIGTERM or SIGINT. Less than the service manager waits before it kills."),
    Setting::new("SKEP_DOCS", "server.docs", Shape::Switch)
        .default("on")
        .form("on or off", "off")
        .doc("Whether `/api-docs` is served."),
    Setting::secret("SKEP_METRICS_TOKEN", "server.metrics_token")
        .form("16 characters or more", "a-long-random-text")
        .doc("The bearer token that `/metrics` asks for. Without it `/metrics` is served only while HOST is the loopback."),
    Setting::new("LOG_LEVEL", "log.level", Shape::Text)
        .default("info")
        .form("error, warn, info, debug, trace, or directives like info,skep_http=debug", "info,skep_http=debug")
        .doc("What to log."),
    Setting::new("SKEP_LOG_FORMAT", "log.format", Shape::Text)
        .default("human")
        .form("human or json", "json")
        .doc("How log lines look."),
    Setting::new("OTEL_EXPORTER_OTLP_ENDPOINT", "traces.otlp_endpoint", Shape::Text)
        .form("an http address without a path", "http://127.0.0.1:4318")
        .doc("The OpenTelemetry collector that traces are sent to, by OTLP over HTTP without TLS, at `/v1/traces`. Unless named, nothing is recorded."),
    Setting::new("OTEL_SERVICE_NAME", "traces.service_name", Shape::Text)
        .default("skep")
        .form("a name of at most 255 bytes", "shop")
        .doc("What this deployment is called in traces."),
    Setting::new("SKEP_TRACES_PERCENT", "traces.percent", Shape::Number)
        .default("100")
        .form("a number from 0 to 100", "10")
        .doc("How many of a hundred traces that begin here are recorded. Of those that a caller began, the caller has decided."),
    Setting::new("SKEP_STORE", "store.kind", Shape::Text)
        .form("sqlite, postgres or mongodb", "postgres")
        .doc("Which store holds the data. Unless named, the one whose address is set, else sqlite."),
    Setting::secret("DATABASE_URL", "store.database_url")
        .form("postgres://user:password@host:port/database", "postgres://skep:secret@db.internal:5432/skep")
        .doc("The PostgreSQL server. SQLite has no address: it is the default, and SKEP_DATA_DIR says where its file is."),
    Setting::secret("MONGODB_URI", "store.mongodb_uri")
        .form(
            "mongodb://user:password@host:port/database?replicaSet=name, or mongodb+srv://",
            "mongodb://skep:secret@db.internal:27017/skep?replicaSet=rs0",
        )
        .doc("The MongoDB replica set; one member is enough."),
    Setting::new("SKEP_STORE_CONNECTIONS", "store.connections", Shape::Number)
        .default("32")
        .form("a number from 2 to 1000", "32")
        .doc("How many connections to a PostgreSQL or MongoDB server are open at most."),
    Setting::new("SKEP_SQLITE_SYNCHRONOUS", "store.sqlite_synchronous", Shape::Text)
        .default("full")
        .form("full or normal", "full")
        .doc("full: an acknowledged write survives a power cut; normal: it survives a crash of the program."),
    Setting::secret("REDIS_URL", "redis.url")
        .form("redis://user:password@host:port, or rediss:// for TLS", "redis://:secret@cache.internal:6379")
        .doc("Shares rate limits between instances. While it is away each instance counts by itself."),
    Setting::new("SKEP_DATA_DIR", "data.dir", Shape::Text)
        .default("./skep-data")
        .form("a folder", "/var/lib/skep")
        .doc("The folder of the SQLite database, the secret and the lock; made if it is missing."),
    Setting::new("SKEP_SECRET_FILE", "data.secret_file", Shape::Text)
        .form("a file with 64 hexadecimal digits that only its owner can read", "/run/secrets/skep")
        .doc("The secret that seals the keys in the store; the same on every instance. Unless named, made in the data folder."),
    Setting::new("SKEP_LIMIT_ADDRESS", "limits.address", Shape::Number)
        .default("1200")
        .form(A_MINUTE, "1200")
        .doc("Requests a minute from one address."),
    Setting::new("SKEP_LIMIT_USER", "limits.user", Shape::Number)
        .default("3000")
        .form(A_MINUTE, "3000")
        .doc("Requests a minute by one user."),
    Setting::new("SKEP_LIMIT_CREDENTIALS", "limits.credentials", Shape::Number)
        .default("10")
        .form(A_MINUTE, "10")
        .doc("Registrations, log-ins and set-ups a minute from one address."),
];
