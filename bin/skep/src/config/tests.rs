use super::*;
use skep_application::{files::DeliveryPolicy, identity::SessionPolicy};
use skep_http::{
    api::{ITEMS_PER_UNIT, LINES_PER_UNIT, UNITS_OF_FACET, UNITS_OF_QUERY, UNITS_OF_TOTAL},
    edge::{ClientLimits, WorkLimits},
};
use std::time::Duration;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn read_file(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Config::from_sources(Some(("skep.toml", text)), variables)
}

/// Every fault as the program prints it.
fn printed(error: &ConfigError) -> Vec<String> {
    error.faults.iter().map(ToString::to_string).collect()
}

fn faults(variables: &[(&str, &str)]) -> Vec<String> {
    read(variables).unwrap_err().faults.into_iter().map(|fault| fault.name).collect()
}

#[test]
fn nothing_is_needed() {
    let config = read(&[]).unwrap();
    assert_eq!((config.host.is_loopback(), config.port, config.store), (true, 8080, StoreChoice::Sqlite));
    assert_eq!(config.policies.sessions.token_lifetime, Duration::from_secs(600));
    assert_eq!(config.limits, RequestLimits::default());
    assert_eq!(config.policies.sessions, SessionPolicy::default());
    assert_eq!((config.timeouts, config.bodies), (Timeouts::default(), BodyLimits::default()));
    let limits = skep_http::edge::Limits::default();
    assert_eq!((config.max_connections, config.http2_streams), (limits.max_connections, limits.http2_max_streams));
    assert_eq!(config.clients, ClientLimits::default());
}

#[test]
fn all_faults_are_reported_together() {
    let wrong = [("PORT", "eighty"), ("SKEP_PORT", "1"), ("SKEP_DOCS", "maybe"), ("HOST", "localhost")];
    let mut names = faults(&wrong);
    names.sort();
    assert_eq!(names, ["HOST", "PORT", "SKEP_DOCS", "SKEP_PORT"]);
}

#[test]
fn an_unknown_setting_is_reported_with_the_nearest_name() {
    let error = read(&[("SKEP_DATADIR", "x")]).unwrap_err();
    assert!(error.to_string().contains("did you mean SKEP_DATA_DIR?"), "{error}");
}

#[test]
fn a_secret_is_never_shown() {
    let variables =
        [("DATABASE_URL", "mysql://u:hunter2@h/d"), ("SKEP_METRICS_TOKEN", "short"), ("REDIS_URL", "hunter2")];
    let error = read(&variables).unwrap_err();
    assert_eq!(error.faults.len(), 3);
    assert!(!error.to_string().contains("hunter2") && !error.to_string().contains("short"), "{error}");
    let config = read(&[("DATABASE_URL", "postgres://u:hunter2@h/d")]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_store_follows_from_the_address() {
    let (postgres, mongodb) = (("DATABASE_URL", "postgres://u@h/d"), ("MONGODB_URI", "mongodb://h/d"));
    let store = |variables: &[(&str, &str)]| read(variables).unwrap().store;
    assert!(matches!(store(&[postgres]), StoreChoice::Postgres(_)));
    assert!(matches!(store(&[mongodb]), StoreChoice::Mongodb(_)));
    assert!(matches!(store(&[postgres, mongodb, ("SKEP_STORE", "mongodb")]), StoreChoice::Mongodb(_)));
    assert!(matches!(store(&[postgres, ("SKEP_STORE", "sqlite")]), StoreChoice::Sqlite));
    assert_eq!(faults(&[postgres, mongodb]), ["SKEP_STORE"]);
    assert_eq!(faults(&[("SKEP_STORE", "postgres")]), ["SKEP_STORE"]);
    assert_eq!(faults(&[mongodb, ("SKEP_STORE", "postgres")]), ["SKEP_STORE"]);
}

#[test]
fn an_incomplete_address_is_reported_with_what_is_missing() {
    for (url, missing) in [
        ("postgres://h/d", "names no user;"),
        ("postgres://u:hunter2@h:5432", "names no database;"),
        ("postgres://h", "names no user and no database;"),
        ("postgres://u:hunter2@h/d?sslmode=hunter2", "sslmode must be"),
    ] {
        let faults = printed(&read(&[("DATABASE_URL", url)]).unwrap_err());
        let [fault] = &faults[..] else { panic!("{faults:?}") };
        assert!(fault.starts_with("DATABASE_URL (environment): ") && fault.contains(missing), "{fault}");
        assert!(!fault.contains("hunter2"), "{fault}");
    }
    let faults = printed(&read_file("store.database_url = 'postgres://h/d'", &[]).unwrap_err());
    assert!(faults[0].starts_with("store.database_url (skep.toml line 1): it names no user"), "{faults:?}");
}

#[test]
fn the_world_outside_needs_a_public_url() {
    assert_eq!(faults(&[("HOST", "0.0.0.0")]), ["PUBLIC_URL"]);
    let config = read(&[("HOST", "0.0.0.0"), ("PUBLIC_URL", "https://api.example.com/")]).unwrap();
    assert_eq!(config.base_url(80), "https://api.example.com");
    assert_eq!(faults(&[("PUBLIC_URL", "https://api.example.com/path")]), ["PUBLIC_URL"]);
}

#[test]
fn contents_are_at_an_https_address_or_on_this_machine() {
    let url = |text: &str| read(&[("SKEP_FILES_URL", text)]).map(|config| config.policies.delivery.files_url);
    for text in [
        "https://cdn.example.com",
        "https://cdn.example.com/shop",
        "http://127.0.0.1:9",
        "http://[::1]",
        "http://localhost:81",
    ] {
        assert_eq!(url(&format!("{text}/")).unwrap().as_deref(), Some(text));
    }
    let long = format!("https://{}.example.com", "a".repeat(200));
    for text in [
        "http://cdn.example.com",
        "cdn.example.com",
        "https://",
        "https://a?b",
        "https://a#b",
        "https://u@a",
        "ftp://a",
        &long,
    ] {
        assert_eq!(faults(&[("SKEP_FILES_URL", text)]), ["SKEP_FILES_URL"], "{text}");
    }
    assert_eq!(read(&[]).unwrap().policies.delivery, DeliveryPolicy::default());
}

#[test]
fn clients_are_given_the_time_that_is_set() {
    let config = read(&[("SKEP_HEADER_TIMEOUT", "3"), ("SKEP_BODY_TIMEOUT", "5"), ("SKEP_IDLE_TIMEOUT", "7")]).unwrap();
    let seconds = |timeout: Duration| timeout.as_secs();
    let Timeouts { first_request, header_read, keep_alive, body_gap, body_total, .. } = config.timeouts;
    assert_eq!([first_request, header_read, body_gap, body_total, keep_alive].map(seconds), [3, 3, 5, 5, 7]);
    for name in ["SKEP_HEADER_TIMEOUT", "SKEP_STALL_TIMEOUT", "SKEP_DRAIN_TIMEOUT", "SKEP_MAX_CONNECTIONS"] {
        assert_eq!(faults(&[(name, "0")]), [name]);
    }
}

#[test]
fn the_time_for_a_body_is_at_most_that_for_a_request() {
    let longest = Timeouts::default().request.as_secs();
    let fits = read(&[("SKEP_BODY_TIMEOUT", &longest.to_string())]).unwrap();
    assert_eq!(fits.timeouts.body_total, fits.timeouts.request);
    assert_eq!(faults(&[("SKEP_BODY_TIMEOUT", &(longest + 1).to_string())]), ["SKEP_BODY_TIMEOUT"]);
    let form = setting::setting(&SETTINGS, "SKEP_BODY_TIMEOUT").form;
    assert_eq!(form, format!("seconds from 1 to {longest}"));
}

#[test]
fn a_network_may_use_half_of_the_connections_to_the_store() {
    let work = |variables: &[(&str, &str)]| {
        let WorkLimits { per_network, reads, lists, changes } = read(variables).unwrap().clients.work;
        assert!((1..=WorkLimits::default().lists.min(reads)).contains(&lists));
        [per_network, reads, changes]
    };
    let postgres = ("DATABASE_URL", "postgres://skep:secret@db.internal/skep");
    assert_eq!(work(&[]), [64, 128, 128]);
    assert_eq!(work(&[postgres]), [16, 24, 24]);
    assert_eq!(work(&[postgres, ("SKEP_STORE_CONNECTIONS", "2")]), [1, 1, 1]);
    assert_eq!(work(&[postgres, ("SKEP_LIMIT_NETWORK_IN_FLIGHT", "3")]), [3, 24, 24]);
    assert_eq!(faults(&[("SKEP_LIMIT_NETWORK_IN_FLIGHT", "0")]), ["SKEP_LIMIT_NETWORK_IN_FLIGHT"]);
}

#[test]
fn the_settings_say_what_requests_cost() {
    let doc = setting::setting(&SETTINGS, "SKEP_LIMIT_ADDRESS").doc;
    for sentence in [
        format!("one for each {ITEMS_PER_UNIT} items of `limit`, {UNITS_OF_TOTAL} more with `count=exact`,"),
        format!(
            "{UNITS_OF_QUERY} more with a text to search for (`q`), and {UNITS_OF_FACET} more for each of its `facets`"
        ),
        format!("An order takes one for each {LINES_PER_UNIT} lines"),
    ] {
        assert!(doc.contains(&sentence), "{sentence}");
    }
}

#[test]
fn a_client_may_take_what_is_set() {
    let config = read(&[
        ("SKEP_MAX_CONNECTIONS_PER_NETWORK", "7"),
        ("SKEP_UNCOUNTED_NETWORKS", "127.0.0.0/8,::1"),
        ("SKEP_HTTP2_STREAMS", "9"),
        ("SKEP_MAX_UNSENT_MIB", "3"),
        ("SKEP_ACCESS_LOG_SAMPLE", "0"),
    ])
    .unwrap();
    let clients = &config.clients;
    assert_eq!((clients.connections_per_network, clients.uncounted_networks.len(), config.http2_streams), (7, 2, 9));
    assert_eq!((clients.unsent_bytes, clients.access_lines), (3 << 20, 0));
    for name in ["SKEP_MAX_CONNECTIONS_PER_NETWORK", "SKEP_HTTP2_STREAMS", "SKEP_MAX_UNSENT_MIB"] {
        assert_eq!(faults(&[(name, "0")]), [name]);
    }
    assert_eq!(faults(&[("SKEP_UNCOUNTED_NETWORKS", "10.0.0.0/33")]), ["SKEP_UNCOUNTED_NETWORKS"]);
}

#[test]
fn limits_of_operations_and_exempt_networks_are_read_from_both_sources() {
    let file =
        "[limits]\noperations = ['place_order=10/m', 'log_in=5/m per address']\nexempt_networks = ['fd00::/8']\n";
    let of_file = read_file(file, &[]).unwrap().limits;
    assert_eq!((of_file.operations.len(), of_file.exempt_networks.len()), (2, 1));
    let variables = [
        ("SKEP_OPERATION_LIMITS", "place_order=10/m,log_in=5/m per address"),
        ("SKEP_LIMIT_EXEMPT_NETWORKS", "fd00::/8"),
    ];
    assert_eq!(read(&variables).unwrap().limits, of_file);
    let wrong =
        [("SKEP_OPERATION_LIMITS", "log_in=0/m,place_orders=1/m"), ("SKEP_LIMIT_EXEMPT_NETWORKS", "10.0.0.0/33")];
    let mut faults = printed(&read(&wrong).unwrap_err());
    faults.sort();
    assert_eq!(
        faults,
        [
            "SKEP_LIMIT_EXEMPT_NETWORKS (environment): expected networks like 10.0.0.0/8, found \"10.0.0.0/33\"",
            "SKEP_OPERATION_LIMITS (environment): part 1: log_in: expected a number from 1 to 1000000 before the slash",
            "SKEP_OPERATION_LIMITS (environment): part 2: there is no operation place_orders; did you mean place_order?",
        ]
    );
    let faults = printed(&read_file("limits.operations = ['zzz=1/m']\n", &[]).unwrap_err());
    assert_eq!(
        faults,
        [
            "limits.operations (skep.toml line 1): part 1: expected the operationId of an operation before the equals sign"
        ]
    );
}

#[test]
fn bodies_are_given_the_memory_that_is_set() {
    let config = read(&[("SKEP_MAX_RECEIVED_MIB", "128"), ("SKEP_BODY_PIECES", "16")]).unwrap();
    assert_eq!((config.bodies.memory_bytes, config.bodies.small_pieces), (128 << 20, 16));
    // Below that, the share of a network would be less than the largest body.
    assert!(u64::from(4_u8) << 20 >= 4 * skep_http::edge::Limits::default().max_body_bytes);
    assert_eq!(faults(&[("SKEP_MAX_RECEIVED_MIB", "3"), ("SKEP_BODY_PIECES", "15")]).len(), 2);
}

#[test]
fn metrics_that_others_could_read_need_a_token_or_an_address_of_their_own() {
    let with_api = |variables: &[(&str, &str)]| read(variables).unwrap().serves_metrics_with_api();
    assert!(with_api(&[]));
    let (url, token) = (("PUBLIC_URL", "https://api.example.com"), ("SKEP_METRICS_TOKEN", "sixteen-letters!"));
    for public in [&[url][..], &[("SKEP_TRUSTED_PROXIES", "127.0.0.1")], &[("HOST", "0.0.0.0"), url]] {
        assert!(!with_api(public), "{public:?}");
        assert!(with_api(&[public, &[token]].concat()), "{public:?}");
    }
    let address = ("SKEP_METRICS_ADDRESS", "[::1]:9464");
    assert!(!with_api(&[address]) && !with_api(&[address, url, token]), "they are at their own address alone");
    assert_eq!(read(&[address]).unwrap().metrics_address.map(|address| address.port()), Some(9464));
    assert_eq!(faults(&[("SKEP_METRICS_ADDRESS", "9464")]), ["SKEP_METRICS_ADDRESS"]);
}

#[test]
fn set_to_nothing_is_not_set() {
    assert_eq!(read(&[("PORT", ""), ("DATABASE_URL", "")]).unwrap().port, 8080);
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "[server]\nport = 9000\ndocs = false\n[store]\ndatabase_url = 'postgres://u@h/d'\n";
    let config = read_file(file, &[("PORT", "9001")]).unwrap();
    assert_eq!((config.port, config.docs), (9001, false));
    assert!(matches!(config.store, StoreChoice::Postgres(_)));
    // An empty variable counts as not set, so the value of the file holds.
    assert_eq!(read_file(file, &[("PORT", "")]).unwrap().port, 9000);
}

#[test]
fn the_file_has_arrays_tables_and_switches() {
    let file = "server.trusted_proxies = ['10.0.0.0/8', 'fd00::/8']\nserver.docs = true\n\
                ordering.minimum_orders = { EUR = 1_000, JPY = 500 }\n";
    let config = read_file(file, &[]).unwrap();
    assert_eq!((config.trusted_proxies.len(), config.docs), (2, true));
    let minimums: Vec<_> = config.policies.orders.minimums.iter().map(ToString::to_string).collect();
    assert_eq!(minimums.len(), 2, "{minimums:?}");
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_line() {
    let file = "[server]\nprot = 9000\nport = true\n\n[store]\nconnections = 1\n[serve]\nhost = 'x'\n";
    let faults = printed(&read_file(file, &[("SKEP_DOCS", "maybe")]).unwrap_err());
    assert_eq!(
        faults,
        [
            "serve (skep.toml line 7): there is no such setting; did you mean server?",
            "server.port (skep.toml line 3): expected a number from 0 to 65535, found a boolean",
            "server.prot (skep.toml line 2): there is no such setting; did you mean server.port?",
            "store.connections (skep.toml line 6): expected a number from 2 to 1000, found \"1\"",
            "SKEP_DOCS (environment): expected on or off, found \"maybe\"",
        ]
    );
}

#[test]
fn a_variable_in_the_file_and_a_key_without_its_section_are_recognized() {
    let faults = printed(&read_file("DATABASE_URL = 'postgres://u@h/d'\nport = 1\nserver = 2\n", &[]).unwrap_err());
    assert!(faults[0].ends_with("did you mean store.database_url?"), "{faults:?}");
    assert!(faults[1].ends_with("did you mean server.port?"), "{faults:?}");
    assert!(faults[2].ends_with("expected a section, written [server]"), "{faults:?}");
}

#[test]
fn a_file_that_is_no_toml_is_told_without_what_stands_there() {
    let error = read_file("[redis]\nurl = 'redis://:hunter2@h\n", &[("PORT", "x")]).unwrap_err();
    let faults = printed(&error);
    assert!(faults[0].starts_with("the file (skep.toml line 2): is not TOML"), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("PORT (environment)")), "{faults:?}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn two_addresses_are_told_with_where_each_is() {
    let error = read_file("[store]\nmongodb_uri = 'mongodb://h/d'\n", &[("DATABASE_URL", "postgres://u@h/d")]);
    let text = error.unwrap_err().to_string();
    assert!(text.contains("both DATABASE_URL (environment) and store.mongodb_uri (skep.toml line 2) are"), "{text}");
}

#[test]
fn an_address_at_the_wrong_place_does_not_show_its_password() {
    for name in ["PUBLIC_URL", "OTEL_EXPORTER_OTLP_ENDPOINT", "PORT", "SKEP_STORE"] {
        let text = read(&[(name, "redis://:hunter2@h:6379")]).unwrap_err().to_string();
        assert!(text.contains("found an address of redis:") && !text.contains("hunter2"), "{text}");
        let settings = read(&[(name, "host=h user=skep Password=hunter2")]).unwrap_err().to_string();
        assert!(settings.contains(name) && !settings.contains("hunter2"), "{settings}");
    }
}

#[test]
fn traces_go_where_it_is_said() {
    assert_eq!(read(&[]).unwrap().traces, None);
    let traces = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://10.0.0.9:4318/"), ("SKEP_TRACES_PERCENT", "10")]);
    let wanted = Traces { endpoint: "http://10.0.0.9:4318".into(), service_name: "skep".into(), percent: 10 };
    assert_eq!(traces.unwrap().traces, Some(wanted));
    assert_eq!(faults(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h:4318")]), ["OTEL_EXPORTER_OTLP_ENDPOINT"]);
    assert_eq!(faults(&[("SKEP_TRACES_PERCENT", "101")]), ["SKEP_TRACES_PERCENT"]);
}

#[test]
fn sqlite_has_no_address() {
    let text = read(&[("DATABASE_URL", "sqlite:///var/hunter2.db")]).unwrap_err().to_string();
    assert!(text.contains("found an address of sqlite:") && text.contains("SKEP_DATA_DIR"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_prefix_too_many_is_recognized() {
    for (wrong, right) in [("SKEP_PORT", "PORT"), ("SKEP_DATABASE_URL", "DATABASE_URL"), ("SKEP_LOG_LEVL", "LOG_LEVEL")]
    {
        let text = read(&[(wrong, "1")]).unwrap_err().to_string();
        assert!(text.contains(&format!("did you mean {right}?")), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_of_ours_that_is_not_utf8_is_reported() {
    use std::os::unix::ffi::OsStringExt as _;
    let bad = || OsString::from_vec(vec![0xff]);
    let variables =
        [("PORT".into(), bad()), ("LANG".into(), bad()), (OsString::from_vec(b"SKEP_\xff".to_vec()), bad())];
    let error = Config::from_sources(None, variables).unwrap_err();
    let names: Vec<_> = error.faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names, ["PORT", "SKEP_\u{fffd}"]);
}

#[test]
fn every_default_and_every_example_can_be_read() {
    for setting in SETTINGS.iter().filter(|setting| setting.name != "SKEP_CONFIG") {
        assert!(!setting.doc.is_empty() && !setting.form.is_empty(), "{}", setting.name);
        let mut variables = vec![(setting.name, setting.example), ("PUBLIC_URL", "https://api.example.com")];
        if ["SKEP_STORE", "SKEP_DATABASE_DIRECT_URL"].contains(&setting.name) {
            variables.push(("DATABASE_URL", "postgres://u@h/d"));
        }
        if setting.name == "SKEP_MAIL_URL" {
            variables.push(("SKEP_MAIL_FROM", "shop@example.com"));
        }
        if setting.name == "SKEP_REDIS_QUEUES" {
            variables.push(("REDIS_URL", "redis://h"));
        }
        if setting.name.starts_with("SKEP_S3_") {
            let others = BUCKET.into_iter().filter(|(name, _)| *name != setting.name);
            variables.extend(others);
        }
        read(&variables).unwrap_or_else(|error| panic!("{error}"));
        read(&[(setting.name, setting.default)]).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_slip_in_the_log_level_is_no_target() {
    for valid in ["off", "WARN", "info,skep_http=debug", "warn,skep_http::edge=trace"] {
        assert_eq!(read(&[("LOG_LEVEL", valid)]).unwrap().log_level, valid);
    }
    for bad in ["inof", "info,skep_http", "debug=", "info;debug", "skep_http=loud", "3"] {
        assert_eq!(faults(&[("LOG_LEVEL", bad)]), ["LOG_LEVEL"], "{bad}");
    }
}

#[test]
fn every_setting_is_read() {
    let takes_any_text = [
        "SKEP_CONFIG",
        "SKEP_DATA_DIR",
        "SKEP_SECRET_FILE",
        "SKEP_PREVIOUS_SECRET_FILE",
        "SKEP_FIELD_SECRET_FILE",
        "SKEP_PREVIOUS_FIELD_SECRET_FILE",
        "SKEP_MAIL_CA_FILE",
        "SKEP_FILES_DIR",
    ];
    for setting in SETTINGS.iter().filter(|setting| !takes_any_text.contains(&setting.name)) {
        assert_eq!(faults(&[(setting.name, "\u{1}")]), [setting.name]);
    }
}

#[test]
fn a_mail_server_needs_a_sender_and_credentials_need_tls() {
    let (url, from) =
        (("SKEP_MAIL_URL", "smtps://shop:secret@mail.example.com"), ("SKEP_MAIL_FROM", "shop@example.com"));
    let config = read(&[url, from]).unwrap();
    assert_eq!(config.mail.smtp.map(|server| server.place()).as_deref(), Some("mail.example.com:465"));
    assert_eq!(config.policies.mail.from.to_string(), "shop@example.com");
    assert_eq!(faults(&[url]), ["SKEP_MAIL_FROM"]);
    let error = read(&[("SKEP_MAIL_URL", "smtp://shop:secret@mail.example.com?starttls=none"), from]).unwrap_err();
    assert!(error.to_string().contains("credentials need TLS") && !error.to_string().contains("secret"), "{error}");
}

#[test]
fn the_defaults_of_mails_files_and_leases_are_those_of_the_policies() {
    let policies = read(&[]).unwrap().policies;
    assert_eq!(policies.mail, skep_application::notifications::MailPolicy::default());
    assert_eq!(policies.files, skep_application::files::FilePolicy::default());
    assert_eq!(policies.leases, skep_application::jobs::LeasePolicy::default());
}

const BUCKET: [(&str, &str); 3] =
    [("SKEP_S3_BUCKET", "shop-files"), ("SKEP_S3_ACCESS_KEY_ID", "key"), ("SKEP_S3_SECRET_ACCESS_KEY", "hunter2")];

#[test]
fn a_bucket_needs_a_key_and_its_server_tls() {
    let with = |others: &[(&'static str, &'static str)]| [&BUCKET[..], others].concat();
    let config = read(&with(&[("SKEP_S3_ENDPOINT", "http://127.0.0.1:9000/")])).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let bucket = config.s3.unwrap();
    assert_eq!((bucket.endpoint.as_deref(), &*bucket.region), (Some("http://127.0.0.1:9000"), "us-east-1"));
    assert!(read(&[]).unwrap().s3.is_none());
    assert_eq!(bucket.memory, 64 << 20);
    assert_eq!(read(&with(&[("SKEP_S3_MEMORY_MIB", "16")])).unwrap().s3.unwrap().memory, 16 << 20);
    assert_eq!(faults(&with(&[("SKEP_S3_MEMORY_MIB", "15")])), ["SKEP_S3_MEMORY_MIB"]);
    for (name, _) in BUCKET {
        let others: Vec<_> = BUCKET.into_iter().filter(|(other, _)| *other != name).collect();
        let expected = if name == BUCKET[0].0 { vec![BUCKET[1].0, BUCKET[2].0] } else { vec![name] };
        assert_eq!(faults(&others), expected);
    }
    assert_eq!(faults(&with(&[("SKEP_FILES_DIR", "/srv/files")])), ["SKEP_S3_BUCKET"]);
    let plain = ("SKEP_S3_ENDPOINT", "http://s3.example.com");
    assert_eq!(faults(&with(&[plain])), ["SKEP_S3_ENDPOINT"]);
    assert!(read(&with(&[plain, ("SKEP_S3_PLAIN_HTTP", "on")])).is_ok());
    for wrong in ["ftp://h", "https://", "https://h/path", "https://key:secret@h", "h:9000"] {
        assert_eq!(faults(&with(&[("SKEP_S3_ENDPOINT", wrong)])), ["SKEP_S3_ENDPOINT"], "{wrong}");
    }
    for wrong in ["/", "a//b", "/a", "a b"] {
        assert_eq!(faults(&with(&[("SKEP_S3_PREFIX", wrong)])), ["SKEP_S3_PREFIX"], "{wrong}");
    }
}

#[test]
fn queues_in_redis_need_redis() {
    let redis = ("REDIS_URL", "redis://h");
    assert_eq!(read(&[]).unwrap().policies.tickets.queues.len(), 0);
    let tickets = read(&[redis, ("SKEP_REDIS_QUEUES", "mails, default,mails")]).unwrap().policies.tickets;
    let names: Vec<_> = tickets.queues.iter().map(ToString::to_string).collect();
    assert_eq!((names, tickets.most), (vec!["default".to_owned(), "mails".to_owned()], 1_000));
    let many: Vec<_> = (0..17).map(|number| format!("q{number}")).collect();
    for variables in [
        &[("SKEP_REDIS_QUEUES", "mails")][..],
        &[redis, ("SKEP_REDIS_QUEUES", "no name!")],
        &[redis, ("SKEP_REDIS_QUEUES", &many.join(","))],
    ] {
        assert_eq!(faults(variables), ["SKEP_REDIS_QUEUES"]);
    }
    for number in ["99", "5001", "some"] {
        assert_eq!(faults(&[("SKEP_REDIS_QUEUE_JOBS", number)]), ["SKEP_REDIS_QUEUE_JOBS"]);
    }
}

#[test]
fn a_secret_of_fields_is_a_file_or_a_value_that_is_random() {
    let value = ("SKEP_FIELD_SECRET", "8f0d2c5be6a1974e35d8b20c7f49a613e0c4d7825a9b1f6e83d05c27b4f91a6d");
    let config = read(&[value]).unwrap();
    assert!(config.field_secret.is_some() && !format!("{config:?}").contains("8f0d2c5b"));
    assert_eq!(faults(&[value, ("SKEP_FIELD_SECRET_FILE", "/run/fields")]), ["SKEP_FIELD_SECRET"]);
    let zeros = "0".repeat(64);
    for weak in ["hunter2", &value.1[2..], &zeros] {
        let error = read(&[("SKEP_FIELD_SECRET", weak)]).unwrap_err();
        assert!(error.to_string().contains("SKEP_FIELD_SECRET") && !error.to_string().contains(weak), "{error}");
    }
}
