//! `skep check` says "the server can start" only where it can, and `serve` refuses with the same words.

use crate::{Journey, Needs};
use mongodb::bson::doc;
use skep_journeys::{Deployment, Output, OwnMongod, OwnPostgres, OwnRedis, Store, wait_for};
use std::{fs, os::unix::fs::PermissionsExt as _};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("check::postgres_encoding", a_database_that_is_not_utf8).needing(Needs::Postgres),
    Journey::new("check::postgres_read_only", sessions_that_only_read).needing(Needs::Postgres),
    Journey::new("check::postgres_owner", a_role_that_does_not_own_the_tables).needing(Needs::Postgres),
    Journey::new("check::postgres_tables", a_role_that_may_not_write).needing(Needs::Postgres),
    Journey::new("check::postgres_two_roles", a_role_that_works_and_a_role_that_migrates).needing(Needs::Postgres),
    Journey::new("check::postgres_schemas", a_role_that_may_not_use_the_schema_of_the_other).needing(Needs::Postgres),
    Journey::new("check::postgres_search_paths", roles_with_different_search_paths).needing(Needs::Postgres),
    Journey::new("check::postgres_standby", a_standby_is_refused_until_it_is_promoted).needing(Needs::OwnPostgres),
    Journey::new("check::mongodb_roles", a_user_with_too_few_roles).needing(Needs::OwnMongod),
    Journey::new("check::mongodb_secondary", a_member_that_is_not_the_primary).needing(Needs::OwnMongod),
    Journey::new("check::redis_scripts", a_redis_that_runs_no_scripts).needing(Needs::OwnRedis),
    Journey::new("check::redis_memory", a_redis_that_deletes_counts).needing(Needs::OwnRedis),
    Journey::new("check::empty_store", a_store_before_its_first_start),
    Journey::new("check::data_folder", a_folder_that_cannot_be_written).needing(Needs::NoServer),
    Journey::new("check::files_of_others", a_lock_of_another_user).needing(Needs::Root),
    Journey::new("check::loose_modes", files_that_others_can_read).needing(Needs::NoServer),
    Journey::new("check::secrets", a_weak_secret_and_a_text).needing(Needs::NoServer),
];

/// What the check finds wrong. Its exit code fits.
fn wrong(deployment: &Deployment) -> Vec<String> {
    let Output { code, out, err } = deployment.run(&["check"], "", &[]);
    let found: Vec<_> = out.lines().filter(|line| line.starts_with("wrong")).map(str::to_owned).collect();
    assert_eq!(code, Some(i32::from(!found.is_empty())), "{out}{err}");
    assert_eq!(out.contains("the server can start"), found.is_empty(), "{out}");
    found
}

/// The check and the start both refuse, with these words.
#[track_caller]
fn refused(deployment: &Deployment, texts: &[&str]) {
    let found = wrong(deployment).join("\n");
    assert!(texts.iter().all(|text| found.contains(text)), "{texts:?}: {found}");
    deployment.run(&["serve"], "", &[]).refused(texts);
}

/// The check finds nothing wrong, and the server starts.
#[track_caller]
fn starts(deployment: &Deployment) {
    assert_eq!(wrong(deployment), Vec::<String>::new());
    deployment.start().stop();
}

fn a_store_before_its_first_start(store: &Store) {
    let deployment = Deployment::new(store);
    let out = deployment.run(&["check"], "", &[]).ok();
    assert!(!out.contains("cannot be read"), "{out}");
    deployment.start().stop();
    let out = deployment.run(&["check"], "", &[]).ok();
    assert!(out.contains("every migration is applied"), "{out}");
}

/// The statement that the check names as the remedy.
fn remedy(deployment: &Deployment) -> String {
    let out = deployment.run(&["check"], "", &[]).out;
    let (_, statement) = out.split_once("run this as the owner: ").expect("a remedy");
    statement.lines().next().expect("a statement").to_owned()
}

fn a_database_that_is_not_utf8(store: &Store) {
    let deployment = Deployment::new(store);
    deployment.recreate_database("ENCODING 'LATIN1' LOCALE 'C'");
    refused(&deployment, &["has the encoding LATIN1, which cannot store every text"]);
    let status = deployment.run(&["migrate", "status"], "", &[]).ok();
    assert!(status.lines().all(|line| line.contains("missing")), "nothing is made: {status}");
    deployment.run(&["migrate", "up"], "", &[]).refused(&["has the encoding LATIN1"]);
    deployment.recreate_database("ENCODING 'UTF8'");
    starts(&deployment);
}

fn sessions_that_only_read(store: &Store) {
    let deployment = Deployment::new(store);
    let switch = |to: &str| {
        let set =
            format!("EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {to}', current_database())");
        deployment.sql(&format!("BEGIN READ WRITE; DO $$ BEGIN {set}; END $$; COMMIT"));
    };
    starts(&deployment);
    switch("on");
    refused(&deployment, &["default_transaction_read_only is on"]);
    switch("off");
    starts(&deployment);
}

fn a_role_that_does_not_own_the_tables(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.run(&["migrate", "up"], "", &[]).ok();
    deployment.run(&["migrate", "down", "--yes"], "", &[]).ok();
    deployment.connect_as_guest();
    // First the right to create, and then the tables of the owner.
    deployment.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC");
    assert!(wrong(&deployment)[0].contains("may not create tables"), "{:?}", wrong(&deployment));
    deployment.sql(&remedy(&deployment));
    refused(&deployment, &["does not own", "and only an owner may migrate a table"]);
    deployment.sql(&remedy(&deployment));
    starts(&deployment);
}

fn a_role_that_may_not_write(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.start().stop();
    deployment.connect_as_guest();
    refused(&deployment, &["may not read and write", "more tables"]);
    deployment.sql(&remedy(&deployment));
    starts(&deployment);
}

const DIRECT: &str = "SKEP_DATABASE_DIRECT_URL";
const WORK: &str = "DATABASE_URL";

fn address(deployment: &Deployment) -> String {
    deployment.settings().find(|(name, _)| name == WORK).expect("an address").1
}

fn role_of(address: &str) -> String {
    address.split(['/', ':']).nth(3).expect("a user").to_owned()
}

fn a_role_that_works_and_a_role_that_migrates(store: &Store) {
    let mut deployment = Deployment::new(store);
    let owner = address(&deployment);
    deployment.connect_as_guest();
    let guest = address(&deployment);
    let role = role_of(&guest);
    // The guest migrates, and may not.
    deployment.set(DIRECT, &guest);
    deployment.set(WORK, &owner);
    refused(&deployment, &[&format!("the role {role} may not create tables")]);
    // The guest works, and the owner migrates. What the guest may not do is known when there are tables.
    deployment.set(DIRECT, &owner);
    deployment.set(WORK, &guest);
    assert_eq!(wrong(&deployment), Vec::<String>::new());
    let closed = format!("the role {role} may not read and write");
    deployment.run(&["serve"], "", &[]).refused(&[&closed]);
    deployment.run(&["migrate", "down", "--set", "notifications", "--yes"], "", &[]).ok();
    refused(&deployment, &[&closed]);
    deployment.sql(&remedy(&deployment));
    // The step that is applied again makes a table, which the guest may not use yet.
    deployment.run(&["serve"], "", &[]).refused(&[&closed]);
    deployment.sql(&remedy(&deployment));
    starts(&deployment);
}

/// A schema that one of the roles may not use is passed over in its search path.
fn a_role_that_may_not_use_the_schema_of_the_other(store: &Store) {
    for path in ["shop, public", "\"$user\", \"shop\"", "shop"] {
        for guest_works in [true, false] {
            let mut deployment = Deployment::new(store);
            let owner = address(&deployment);
            deployment.connect_as_guest();
            let guest = address(&deployment);
            let role = role_of(&guest);
            deployment.sql(&format!("CREATE SCHEMA shop; ALTER DATABASE {role} SET search_path = {path}"));
            let (work, direct) = if guest_works { (guest, owner) } else { (owner, guest) };
            deployment.set(WORK, work);
            deployment.set(DIRECT, direct);
            let missing = if guest_works { "use the schema shop" } else { "create tables in the schema shop" };
            assert_eq!(wrong(&deployment).len(), 1, "{:?}", wrong(&deployment));
            refused(&deployment, &[&format!("the role {role} may not {missing}")]);
            deployment.sql(&remedy(&deployment));
            assert_eq!(wrong(&deployment), Vec::<String>::new());
        }
    }
}

fn roles_with_different_search_paths(store: &Store) {
    let mut deployment = Deployment::new(store);
    let owner = address(&deployment);
    deployment.connect_as_guest();
    let role = role_of(&address(&deployment));
    deployment.set(DIRECT, owner);
    deployment.sql(&format!("CREATE SCHEMA shop; ALTER ROLE {role} SET search_path = shop"));
    deployment.sql(&format!("GRANT USAGE ON SCHEMA shop TO {role}"));
    refused(&deployment, &["migrates the schema public", "works in the schema shop"]);
    let out = deployment.run(&["check"], "", &[]).out;
    assert!(out.contains("give both one schema: ALTER ROLE") && !out.contains("GRANT"), "{out}");
}

fn a_standby_is_refused_until_it_is_promoted(store: &Store) {
    let primary = OwnPostgres::start();
    let mut deployment = Deployment::new(store);
    deployment.set("DATABASE_URL", primary.address());
    starts(&deployment);
    for reverted in [false, true] {
        if reverted {
            deployment.run(&["migrate", "down", "--yes"], "", &[]).ok();
        }
        let standby = primary.standby();
        let replica = "the server is a replica, which takes no writes";
        let asked = |command: &[&str]| deployment.run(command, "", &[("DATABASE_URL", &standby.address())]);
        asked(&["serve"]).refused(&[replica, "name the primary in the address"]);
        asked(&["migrate", "up"]).refused(&[replica]);
        let found = asked(&["check"]);
        assert!(found.code == Some(1) && found.out.contains(replica), "{found:?}");
        standby.promote();
        asked(&["check"]).ok();
        asked(&["migrate", "up"]).ok();
    }
}

fn a_user_with_too_few_roles(store: &Store) {
    let server = OwnMongod::start();
    let mut deployment = Deployment::new(store);
    let mut connect = |user: &str| deployment.set("MONGODB_URI", server.address(user, "hive", "&replicaSet=rs0"));
    connect("");
    refused(&deployment, &["the server has users, and the address names none"]);
    let mut deployment = Deployment::new(store);
    server.make_user("bee", "read", "hive");
    deployment.set("MONGODB_URI", server.address("bee:bee@", "hive", "&replicaSet=rs0"));
    refused(&deployment, &["the user admin.bee may not insert in the database hive"]);
    // What the remedy says.
    let grant = |role: &str| {
        let roles = [doc! { "role": role, "db": "hive" }];
        server.run("admin", doc! { "grantRolesToUser": "bee", "roles": &roles[..] });
    };
    let out = deployment.run(&["check"], "", &[]).out;
    assert!(out.contains("use admin, db.grantRolesToUser(\"bee\", [{ role: \"readWrite\", db: \"hive\" }])"), "{out}");
    grant("readWrite");
    let out = deployment.run(&["check"], "", &[]).ok();
    assert!(out.contains("note") && out.contains("may not collMod"), "{out}");
    starts(&deployment);
    grant("dbAdmin");
    assert!(!deployment.run(&["check"], "", &[]).ok().contains("collMod"));
}

fn a_member_that_is_not_the_primary(store: &Store) {
    let server = OwnMongod::start();
    let mut deployment = Deployment::new(store);
    let keeper = server.address("keeper:keeper@", "hive", "&directConnection=true");
    deployment.set("MONGODB_URI", keeper);
    deployment.set("SKEP_START_TIMEOUT", "1");
    starts(&deployment);
    // The connection may be closed by it.
    server.run("admin", doc! { "replSetStepDown": 600, "force": true });
    let found = wait_for("the member to be a secondary", || wrong(&deployment).into_iter().next());
    assert!(found.contains("not the primary"), "{found}");
    deployment.run(&["serve"], "", &[]).refused(&["not the primary"]);
}

fn a_redis_that_runs_no_scripts(store: &Store) {
    let redis = OwnRedis::start(&["user bee on >hunter2 ~skep:* +ping +info +get +set"]);
    let mut deployment = Deployment::new(store);
    deployment.set("REDIS_URL", format!("redis://bee:hunter2@{}", redis.address()));
    let out = deployment.run(&["check"], "", &[]).ok();
    assert!(out.contains("may not run our script") && out.contains("ACL SETUSER"), "{out}");
    assert!(out.contains("each instance counts rate limits by itself") && !out.contains("hunter2"), "{out}");
    let server = deployment.start();
    wait_for("a warning", || server.log().contains("may not run our script").then_some(()));
    server.stop();
}

fn a_redis_that_deletes_counts(store: &Store) {
    let mut deployment = Deployment::new(store);
    for (policy, is_told) in [("allkeys-lru", true), ("volatile-ttl", true), ("noeviction", false)] {
        let redis = OwnRedis::start(&["maxmemory 64mb", &format!("maxmemory-policy {policy}")]);
        deployment.set("REDIS_URL", format!("redis://{}", redis.address()));
        let out = deployment.run(&["check"], "", &[]).ok();
        assert_eq!(out.contains(&format!("maxmemory-policy is {policy}")), is_told, "{out}");
    }
    let redis = OwnRedis::start(&["maxmemory 1mb", "maxmemory-policy noeviction", "replicaof 127.0.0.1 1"]);
    deployment.set("REDIS_URL", format!("redis://{}", redis.address()));
    let out = deployment.run(&["check"], "", &[]).ok();
    assert!(out.contains("note") && out.contains("is a replica"), "{out}");
}

/// A user that owns nothing.
const STRANGER: u32 = 65534;

fn a_folder_that_cannot_be_written(store: &Store) {
    let mut deployment = Deployment::new(store);
    let data = deployment.path("data");
    fs::create_dir(&data).expect("a folder");
    let is_root = deployment.become_user(STRANGER);
    fs::set_permissions(&data, fs::Permissions::from_mode(if is_root { 0o755 } else { 0o500 })).expect("ours");
    refused(&deployment, &["data cannot be used: Permission denied"]);
    fs::set_permissions(&data, fs::Permissions::from_mode(if is_root { 0o777 } else { 0o700 })).expect("ours");
    starts(&deployment);
}

fn a_lock_of_another_user(store: &Store) {
    let mut deployment = Deployment::new(store);
    // Started once as root, for example by hand in the container.
    deployment.start().stop();
    assert!(deployment.become_user(STRANGER), "this journey needs root");
    let data = deployment.path("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).expect("ours");
    std::os::unix::fs::chown(data.join("instance.secret"), Some(STRANGER), None).expect("ours");
    let found = wrong(&deployment).join("\n");
    assert!(
        ["skep.db cannot be used", "server.lock cannot be used"].iter().all(|text| found.contains(text)),
        "{found}"
    );
    deployment.run(&["serve"], "", &[]).refused(&["the sqlite store cannot be used"]);
    for file in fs::read_dir(&data).expect("a folder") {
        std::os::unix::fs::chown(file.expect("a file").path(), Some(STRANGER), None).expect("ours");
    }
    starts(&deployment);
}

fn files_that_others_can_read(store: &Store) {
    let deployment = Deployment::new(store);
    deployment.start().stop();
    let data = deployment.path("data");
    let names = ["", "skep.db", "server.lock"];
    for name in names {
        fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o755)).expect("ours");
    }
    let out = deployment.run(&["check"], "", &[]).ok();
    for name in names {
        assert!(out.contains(&format!("other users can use {}", data.join(name).display())), "{name:?}: {out}");
    }
    let server = deployment.start();
    let mode = |name: &str| fs::metadata(data.join(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!(names.map(mode), [0o700; 3]);
    assert!(server.log().contains("other users could use"), "{}", server.log());
    server.stop();
    // A secret that everyone can read may be known by now.
    fs::set_permissions(deployment.secret_file(), fs::Permissions::from_mode(0o644)).expect("ours");
    refused(&deployment, &["other users can use", "instance.secret", "chmod 600"]);
}

fn a_weak_secret_and_a_text(store: &Store) {
    let mut deployment = Deployment::new(store);
    let secret = deployment.path("secret");
    deployment.set("SKEP_SECRET_FILE", secret.display().to_string());
    let refuses = |content: &str, text: &str| {
        fs::write(&secret, content).expect("a file");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("ours");
        refused(&deployment, &[text]);
    };
    refuses(&"ab".repeat(32), "the instance secret is not random");
    refuses("hunter2", "64 hexadecimal digits");
    assert!(!deployment.path("data").exists(), "nothing is made");
}
