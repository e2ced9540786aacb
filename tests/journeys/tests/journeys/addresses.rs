//! Addresses of stores that providers give: parameters that work, and those that are refused by their name.

use crate::{
    Journey, Needs,
    shop::{LOGIN, Shop, credentials},
};
use skep_journeys::{Deployment, Store, wait_for};
use std::{
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("addresses::providers", addresses_of_providers_work).needing(Needs::Postgres),
    Journey::new("addresses::postgres", parameters_that_cannot_be_kept_are_named).needing(Needs::Postgres),
    Journey::new("addresses::read_only", a_read_only_server_is_refused).needing(Needs::Postgres),
    Journey::new("addresses::mongodb", options_that_are_not_built_in_are_named).needing(Needs::Mongodb),
    Journey::new("addresses::redis", addresses_of_redis_are_read).needing(Needs::NoServer),
    Journey::new("addresses::redis_socket", limits_are_shared_through_a_socket).needing(Needs::ServerAndRedis),
];

/// The address of the deployment, with these parameters.
fn with(deployment: &Deployment, parameters: &str) -> String {
    let (_, address) = deployment.settings().find(|(name, _)| name == "DATABASE_URL").expect("an address");
    format!("{address}?{parameters}")
}

fn addresses_of_providers_work(store: &Store) {
    let mut deployment = Deployment::new(store);
    let address = with(
        &deployment,
        "sslmode=prefer&channel_binding=prefer&connect_timeout=10&application_name=corner%20shop&gssencmode=disable&\
         target_session_attrs=read-write&options=-c%20geqo%3Doff",
    );
    // The first host does not answer.
    let (user, rest) = address.rsplit_once('@').expect("a user");
    deployment.set("DATABASE_URL", format!("{user}@127.0.0.1:1,{rest}"));
    let shop = Shop::open_on(deployment);
    shop.product("HONEY", 100, 10);
    let named = "DO $$ BEGIN ASSERT (SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND \
                 application_name = 'corner shop'); END $$";
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shop.deployment.sql(named))).expect("the name is sent");
    shop.server.stop();
}

fn parameters_that_cannot_be_kept_are_named(store: &Store) {
    let deployment = Deployment::new(store);
    for (parameters, text) in [
        ("channel_binding=require", "channel_binding must be disable or prefer"),
        ("keepalives_idle=30", "the parameter keepalives_idle is not supported"),
        ("target_session_attrs=standby", "target_session_attrs must be"),
        ("sslmode=verify-full&sslrootcert=/nowhere.pem", "the file of the parameter sslrootcert cannot be read"),
        ("hunter2=1", "unknown parameter"),
        ("sslmode=hunter2", "sslmode must be"),
    ] {
        let output = deployment.run(&["serve"], "", &[("DATABASE_URL", &with(&deployment, parameters))]);
        assert!(!output.err.contains("hunter2"), "{output:?}");
        output.refused(&["DATABASE_URL", text]);
    }
}

fn a_read_only_server_is_refused(store: &Store) {
    let deployment = Deployment::new(store);
    let (_, address) = deployment.settings().find(|(name, _)| name == "DATABASE_URL").expect("an address");
    let database = address.rsplit_once('/').expect("a database").1;
    deployment.sql(&format!("ALTER DATABASE {database} SET default_transaction_read_only = on"));
    let address = with(&deployment, "target_session_attrs=read-write");
    let settings = [("DATABASE_URL", &*address), ("SKEP_START_TIMEOUT", "1")];
    deployment.run(&["serve"], "", &settings).refused(&["is read-only", "target_session_attrs is read-write"]);
}

fn options_that_are_not_built_in_are_named(store: &Store) {
    let deployment = Deployment::new(store);
    let (_, address) = deployment.settings().find(|(name, _)| name == "MONGODB_URI").expect("an address");
    for (option, text) in [
        ("compressors=zstd,snappy", "the option compressors is not built in"),
        ("authMechanism=MONGODB-AWS", "authMechanism must be one that is built in"),
        ("tlsCAFile=/nowhere.pem", "the file of the option tlsCAFile cannot be read"),
    ] {
        let separator = if address.contains('?') { '&' } else { '?' };
        let address = format!("{address}{separator}{option}");
        deployment.run(&["serve"], "", &[("MONGODB_URI", &address)]).refused(&["MONGODB_URI", text]);
    }
}

fn addresses_of_redis_are_read(store: &Store) {
    let deployment = Deployment::new(store);
    for (address, text) in [
        ("redis://:hunter2@h/?ssl_cert_reqs=none", "unknown parameter"),
        ("redis://:hunter2@h/?protocol=9", "the parameter protocol must be resp2 or resp3"),
        ("rediss://:hunter2#x@h/", "percent-encoded"),
        ("redis://:hunter2@h:port/", "not valid"),
        ("redis://:hunter2@h/first", "not valid"),
        ("http://:hunter2@h/", "expected redis://"),
    ] {
        let output = deployment.run(&["serve"], "", &[("REDIS_URL", address)]);
        assert!(!output.err.contains("hunter2"), "{output:?}");
        output.refused(&["REDIS_URL", text]);
    }
}

/// A Redis that listens on a socket only. It ends when this is dropped.
struct OnSocket(Child);

impl Drop for OnSocket {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn limits_are_shared_through_a_socket(store: &Store) {
    let mut deployment = Deployment::new(store);
    let socket = deployment.path("redis.sock");
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--save", "", "--requirepass", "hunter2", "--unixsocket"]).arg(&socket);
    let redis = command.current_dir(deployment.path("")).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let _redis = OnSocket(redis.expect("redis-server is installed"));
    wait_for("Redis", || UnixStream::connect(&socket).ok());
    deployment.set("REDIS_URL", format!("unix://{}?protocol=resp3&pass=hunter2", socket.display()));
    deployment.set("SKEP_LIMIT_CREDENTIALS", "3");
    let found = deployment.run(&["check"], "", &[]);
    assert!(found.out.contains("redis") && !found.out.contains("cannot be used: "), "{found:?}");
    let first = deployment.start();
    let second = deployment.start_second();
    let log_in = |n: usize| {
        if n.is_multiple_of(2) { &first } else { &second }.visitor().post(LOGIN).json(credentials("ada")).send()
    };
    let answers: Vec<u16> = (0..6).map(|n| log_in(n).status).collect();
    assert_eq!(answers.iter().filter(|status| **status != 429).count(), 3, "both count together: {answers:?}");
    second.stop();
    first.stop();
}
