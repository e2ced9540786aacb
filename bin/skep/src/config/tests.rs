use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn faults(variables: &[(&str, &str)]) -> Vec<String> {
    read(variables).unwrap_err().faults.into_iter().map(|fault| fault.name).collect()
}

#[test]
fn nothing_is_needed() {
    let config = read(&[]).unwrap();
    assert_eq!((config.host.is_loopback(), config.port, config.store), (true, 8080, StoreChoice::Sqlite));
    assert_eq!(config.policies.sessions.token_lifetime, Duration::from_secs(3600));
    assert_eq!(config.limits, RequestLimits::default());
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let wrong = [("PORT", "eighty"), ("SKEP_PORT", "1"), ("SKEP_DOCS", "maybe"), ("HOST", "localhost")];
    let mut names = faults(&wrong);
    names.sort();
    assert_eq!(names, ["HOST", "PORT", "SKEP_DOCS", "SKEP_PORT"]);
}

#[test]
fn an_unknown_setting_is_told_with_the_nearest_name() {
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
    let (postgres, mongodb) = (("DATABASE_URL", "postgres://h/d"), ("MONGODB_URI", "mongodb://h/d"));
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
fn the_world_outside_needs_a_public_url() {
    assert_eq!(faults(&[("HOST", "0.0.0.0")]), ["PUBLIC_URL"]);
    let config = read(&[("HOST", "0.0.0.0"), ("PUBLIC_URL", "https://api.example.com/")]).unwrap();
    assert_eq!(config.base_url(80), "https://api.example.com");
    assert_eq!(faults(&[("PUBLIC_URL", "https://api.example.com/path")]), ["PUBLIC_URL"]);
}

#[test]
fn set_to_nothing_is_not_set() {
    assert_eq!(read(&[("PORT", ""), ("DATABASE_URL", "")]).unwrap().port, 8080);
}
