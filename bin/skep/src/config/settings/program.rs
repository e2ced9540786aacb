//! The settings that belong to no context: the server, logs, traces, the store, limits of requests.

use crate::config::setting::{A_MINUTE, Setting, Shape};

const TIMEOUT: &str = "seconds from 1 to 3600";
const SECRET_FILE: &str = "a file with 64 hexadecimal digits that other users cannot read";
const TIMES: &str = "a number from 1 to 65536";

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("SKEP_CONFIG", "", Shape::Text)
        .form("the path of an existing file", "/etc/skep/skep.toml")
        .doc("The configuration file. The default is `skep.toml` in the working directory, which may be missing."),
    Setting::new("HOST", "server.host", Shape::Text)
        .default("127.0.0.1")
        .form("an IP address", "0.0.0.0")
        .doc("The address to listen on. Every address except the loopback needs PUBLIC_URL."),
    Setting::new("PORT", "server.port", Shape::Number)
        .default("8080")
        .form("a number from 0 to 65535", "8080")
        .doc("The port to listen on. 0 is any free port."),
    Setting::new("PUBLIC_URL", "server.public_url", Shape::Text)
        .form("an http or https address without a path", "https://api.example.com")
        .doc("The address at which clients reach the server. Access tokens have it as their issuer; the issuer is `skep` if it is not set. With https, answers tell browsers to use https alone."),
    Setting::new("SKEP_TRUSTED_PROXIES", "server.trusted_proxies", Shape::List)
        .form("networks like 10.0.0.0/8", "10.0.0.0/8,fd00::/8")
        .doc("The networks of proxies that may set `X-Forwarded-For`."),
    Setting::new("SKEP_CORS_ORIGINS", "server.cors_origins", Shape::List)
        .form("origins like https://shop.example.com", "https://shop.example.com")
        .doc("The browser origins that may call the API."),
    Setting::new("SKEP_CORS_HEADERS", "server.cors_headers", Shape::List)
        .form("names of headers like sentry-trace", "sentry-trace,x-datadog-trace-id")
        .doc("Request headers that scripts of SKEP_CORS_ORIGINS may set beside those of the API and `traceparent`, `tracestate` and `baggage`."),
    Setting::new("SKEP_MAX_CONNECTIONS", "server.max_connections", Shape::Number)
        .default("10000")
        .form("a number from 1 to 1000000", "10000")
        .doc("The most connections of clients. For one more, the connection that has been idle longest is closed. If none is idle, the new one is answered 503 after a second. The process needs as many file descriptors."),
    Setting::new("SKEP_MAX_RECEIVED_MIB", "server.max_received_mib", Shape::Number)
        .default("64")
        .form("a number from 4 to 1048576", "64")
        .doc("The most memory for the bodies of requests that are not answered yet, in MiB. One network, which is an IPv4 address or an IPv6 network of 48 bits, may have a quarter. A request above it is answered 503."),
    Setting::new("SKEP_BODY_PIECES", "server.body_pieces", Shape::Number)
        .default("4096")
        .form("a number from 16 to 1000000", "4096")
        .doc("How many pieces of a request body may be smaller than 256 bytes, beyond the number of larger ones. A body in more small pieces is answered 400."),
    Setting::new("SKEP_HEADER_TIMEOUT", "server.header_timeout", Shape::Number)
        .default("10")
        .form(TIMEOUT, "10")
        .doc("How long a client may take to send the head of a request. Then the connection is closed."),
    Setting::new("SKEP_BODY_TIMEOUT", "server.body_timeout", Shape::Number)
        .default("30")
        .form("seconds from 1 to 30", "30")
        .doc("How long a client may take to send the body of a request, and at most 10 s without any byte. After that, the answer is 408, and the connection is closed. Operations with small bodies allow 10 s. More than 30 s is not possible, because a request must be answered within 30 s."),
    Setting::new("SKEP_IDLE_TIMEOUT", "server.idle_timeout", Shape::Number)
        .default("75")
        .form(TIMEOUT, "75")
        .doc("How long a connection may stay open without a request. Set it higher than the same limit of a proxy in front, so that the proxy closes first."),
    Setting::new("SKEP_STALL_TIMEOUT", "server.stall_timeout", Shape::Number)
        .default("60")
        .form(TIMEOUT, "60")
        .doc("How long a client may take to read the next 16 KiB of an answer, or its rest. Then the connection is closed, whatever else the client does on it."),
    Setting::new("SKEP_DRAIN_TIMEOUT", "server.drain_timeout", Shape::Number)
        .default("20")
        .form(TIMEOUT, "20")
        .doc("How long running requests may continue after SIGTERM or SIGINT. Set it at least 6 s lower than the time after which the service manager kills the process: after the cut, the server stores what requests have begun."),
    Setting::new("SKEP_DOCS", "server.docs", Shape::Switch)
        .default("on")
        .form("on or off", "off")
        .doc("Whether the server has the page `/api-docs`."),
    Setting::secret("SKEP_METRICS_TOKEN", "server.metrics_token")
        .form("16 characters or more", "a-long-random-text")
        .doc("The bearer token for `/metrics`. Without a token, `/metrics` is served only if HOST is the loopback and neither PUBLIC_URL nor SKEP_TRUSTED_PROXIES is set, or at SKEP_METRICS_ADDRESS."),
    Setting::new("SKEP_METRICS_ADDRESS", "server.metrics_address", Shape::Text)
        .form("an IP address with a port, like 127.0.0.1:9464", "127.0.0.1:9464")
        .doc("An address of its own for `/metrics`. Then PORT does not serve it. Without SKEP_METRICS_TOKEN, everyone who can reach this address can read the metrics."),
    Setting::new("LOG_LEVEL", "log.level", Shape::Text)
        .default("info")
        .form("error, warn, info, debug, trace, or directives like info,skep_http=debug", "info,skep_http=debug")
        .doc("The lowest level that is logged."),
    Setting::new("SKEP_LOG_FORMAT", "log.format", Shape::Text)
        .default("human")
        .form("human or json", "json")
        .doc("The format of log lines."),
    Setting::new("OTEL_EXPORTER_OTLP_ENDPOINT", "traces.otlp_endpoint", Shape::Text)
        .form("an http address without a path", "http://127.0.0.1:4318")
        .doc("The OpenTelemetry collector of traces. They are sent by OTLP over HTTP without TLS, to `/v1/traces`. Without a collector, nothing is recorded."),
    Setting::new("OTEL_SERVICE_NAME", "traces.service_name", Shape::Text)
        .default("skep")
        .form("a name of at most 255 bytes", "shop")
        .doc("The name of this deployment in traces."),
    Setting::new("SKEP_TRACES_PERCENT", "traces.percent", Shape::Number)
        .default("100")
        .form("a number from 0 to 100", "10")
        .doc("The percentage of traces that are recorded. A caller that sends its own trace decides for that trace."),
    Setting::new("SKEP_STORE", "store.kind", Shape::Text)
        .form("sqlite, postgres or mongodb", "postgres")
        .doc("The store of the data. The default is the store with an address, or sqlite without any."),
    Setting::secret("DATABASE_URL", "store.database_url")
        .form("postgres://user:password@host:port/database", "postgres://skep:secret@db.internal:5432/skep")
        .doc("The address of the PostgreSQL server, in the form that libpq reads (`docs/guides/postgresql.md`). SQLite needs no address: its file is in SKEP_DATA_DIR."),
    Setting::secret("SKEP_DATABASE_DIRECT_URL", "store.database_direct_url")
        .form("postgres://user:password@host:port/database", "postgres://skep:secret@db.internal:5432/skep")
        .doc("The address of the same database without a connection pooler. Migrations use it. A pooler in transaction mode needs it."),
    Setting::secret("MONGODB_URI", "store.mongodb_uri")
        .form(
            "mongodb://user:password@host:port/database?replicaSet=name, or mongodb+srv://",
            "mongodb://skep:secret@db.internal:27017/skep?replicaSet=rs0",
        )
        .doc("The address of the MongoDB replica set. One member is enough."),
    Setting::new("SKEP_STORE_CONNECTIONS", "store.connections", Shape::Number)
        .default("32")
        .form("a number from 2 to 1000", "32")
        .doc("The most connections to the PostgreSQL or MongoDB server. Changes use three quarters of them at most, so that reads go on."),
    Setting::new("SKEP_START_TIMEOUT", "store.start_timeout", Shape::Number)
        .default("30")
        .form(TIMEOUT, "30")
        .doc("How long a start waits for a PostgreSQL or MongoDB server that does not answer. Then it ends with exit code 1."),
    Setting::new("SKEP_SQLITE_SYNCHRONOUS", "store.sqlite_synchronous", Shape::Text)
        .default("full")
        .form("full or normal", "full")
        .doc("With `full`, an acknowledged write survives a power cut. With `normal`, it survives a crash of the program."),
    Setting::secret("REDIS_URL", "redis.url")
        .form("redis://user:password@host:port, rediss:// for TLS, or unix:///path for a socket", "redis://:secret@cache.internal:6379")
        .doc("The Redis server that shares rate limits between instances. While it does not answer, each instance counts by itself. `?protocol=resp3` selects the newer protocol. A socket has its password in `?pass=`."),
    Setting::new("SKEP_DATA_DIR", "data.dir", Shape::Text)
        .default("./skep-data")
        .form("a folder", "/var/lib/skep")
        .doc("The folder of the SQLite file, the secret and the lock. The start makes it if it is missing."),
    Setting::new("SKEP_SECRET_FILE", "data.secret_file", Shape::Text)
        .form(SECRET_FILE, "/run/secrets/skep")
        .doc("The file with the secret that seals the keys in the store. Every instance of a store needs the same secret. Without this setting, the start makes a secret in the data folder. The mode of the file is 0600 or less; a file of root may also be readable by its group (0440 or 0640)."),
    Setting::new("SKEP_PREVIOUS_SECRET_FILE", "data.previous_secret_file", Shape::Text)
        .form(SECRET_FILE, "/run/secrets/skep-previous")
        .doc("The file with the secret that was replaced. Keys that it seals can still be opened; `skep keys reseal` seals them with the new one."),
    Setting::new("SKEP_FIELD_SECRET_FILE", "data.field_secret_file", Shape::Text)
        .form(SECRET_FILE, "/run/secrets/skep-fields")
        .doc("The file with a secret of its own for the keys of sealed fields. Without it, the secret of the instances wraps these keys. Every instance of a store needs the same secret."),
    Setting::secret("SKEP_FIELD_SECRET", "data.field_secret")
        .form("64 random hexadecimal digits", "8f0d2c5be6a1974e35d8b20c7f49a613e0c4d7825a9b1f6e83d05c27b4f91a6d")
        .doc("The same secret as a value, for places that pass secrets in the environment. A file is safer: other programs of the user can read the environment."),
    Setting::new("SKEP_PREVIOUS_FIELD_SECRET_FILE", "data.previous_field_secret_file", Shape::Text)
        .form(SECRET_FILE, "/run/secrets/skep-fields-previous")
        .doc("The file with the secret of the keys of sealed fields that was replaced. Keys that it wraps can still be opened; `skep keys reseal` wraps them with the new one."),
    Setting::new("SKEP_LIMIT_ADDRESS", "limits.address", Shape::Number)
        .default("1200")
        .form(A_MINUTE, "1200")
        .doc("The most units per minute for the requests from one address. A request takes one unit. A page of a list takes one for each 50 items of `limit`, 4 more with `count=exact`, 4 more with a text to search for (`q`), and 2 more for each of its `facets`. An order takes one for each 10 lines."),
    Setting::new("SKEP_LIMIT_USER", "limits.user", Shape::Number)
        .default("3000")
        .form(A_MINUTE, "3000")
        .doc("The most units per minute for the requests of one user. The units are those of `SKEP_LIMIT_ADDRESS`."),
    Setting::new("SKEP_LIMIT_CREDENTIALS", "limits.credentials", Shape::Number)
        .default("10")
        .form(A_MINUTE, "10")
        .doc("The most registrations, logins and setups per minute from one address."),
    Setting::new("SKEP_LIMIT_IN_FLIGHT", "limits.in_flight", Shape::Number)
        .default("16")
        .form("a number, at least 1", "16")
        .doc("The most requests of one user that an instance works on at the same time. Others wait, up to 16 times as many, and are then answered 429. A request counts when its body has arrived."),
    Setting::new("SKEP_LIMIT_NETWORK_IN_FLIGHT", "limits.network_in_flight", Shape::Number)
        .form("a number, at least 1", "16")
        .doc("The most requests of one network that an instance works on at the same time: of an IPv4 address or an IPv6 network of 48 bits. Others wait, up to 32 times as many, and are answered 503 after 30 s. The default is half of SKEP_STORE_CONNECTIONS, and 64 with SQLite, which is as many changes as one commit has. Networks in SKEP_UNCOUNTED_NETWORKS are not limited. All networks together have three quarters of the connections for reads, as many for changes (128 with SQLite), and for lists four for each processor; when these are taken, networks take turns. One network may have the same part of the places for lists as of those for reads."),
    Setting::new("SKEP_LIMIT_NETWORK_56", "limits.network_56", Shape::Number)
        .default("4")
        .form(TIMES, "4")
        .doc("How many times the limits of one address all addresses of an IPv6 network of 56 bits have together. An address means a network of 64 bits for IPv6."),
    Setting::new("SKEP_LIMIT_NETWORK_48", "limits.network_48", Shape::Number)
        .default("16")
        .form(TIMES, "16")
        .doc("How many times the limits of one address all addresses of an IPv6 network of 48 bits have together."),
    Setting::new("SKEP_OPERATION_LIMITS", "limits.operations", Shape::List)
        .form("limits like place_order=10/m,log_in=5/m per address,create_product=100/h fixed", "place_order=10/m,register_user=20/h")
        .doc("Limits of single operations, which hold beside the other limits. A part has the `operationId` of the API, the most requests, and after a slash the time in which they are available again: `s`, `m`, `h` or `d`. A request counts for its user, and for its address if the caller is not signed in. With `per address` it always counts for its address, and with `per user` only for its user. A limit `per address` also counts requests that are answered with 401, so strangers behind the same address can use it up. `smooth` (the default) makes requests available again one after the other, at an even pace. `fixed` counts in windows of the time, aligned to the epoch (a day begins at midnight UTC), and around the edge of a window up to twice the number can pass. `sliding` adds the count of the window before by the share of it that the last period still covers. The kind and the clients stand in any order. At most 64 operations have a limit, each one."),
    Setting::new("SKEP_LIMIT_EXEMPT_NETWORKS", "limits.exempt_networks", Shape::List)
        .form("networks like 10.0.0.0/8", "10.0.0.0/8,fd00::/8")
        .doc("The networks whose requests do not count for their address, neither in SKEP_LIMIT_ADDRESS nor in SKEP_OPERATION_LIMITS. The limits of users, SKEP_LIMIT_CREDENTIALS and the limits of login attempts hold for them too. Without SKEP_TRUSTED_PROXIES, all clients behind a proxy have the address of the proxy, so do not list its network."),
    Setting::new("SKEP_PASSWORD_COST", "identity.password_cost", Shape::Text)
        .default("m=19456,t=2")
        .form("m=KIB,t=PASSES, at least m=47104,t=1, m=19456,t=2 or m=12288,t=3, and at most m=262144,t=10", "m=65536,t=3")
        .doc("The memory in KiB and the passes of an Argon2id hash of a password. `skep calibrate` suggests a value for this machine. Each hash that is computed at the same time needs the memory, one for each core but one. A login replaces a hash of another cost."),
    Setting::new("SKEP_HASH_WAIT", "limits.hash_wait", Shape::Number)
        .default("5")
        .form("seconds from 1 to 30", "5")
        .doc("How long a login or a registration may wait until its password is hashed. As many may wait as can be hashed in this time. Further ones are answered 503."),
];
