//! An operator at the command line.

use crate::{
    Journey, Needs,
    shop::{PASSWORD, PRODUCTS, PROFILE, Shop, all, log_in, product},
};
use serde_json::{Value, json};
use skep_journeys::{Deployment, Output, Store};
use std::{fs, os::unix::fs::PermissionsExt as _};

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("operator::makes_users", users_are_created_beside_a_running_server),
    Journey::new("operator::migrates", the_schema_is_moved),
    Journey::new("operator::second_server", one_server_per_data_folder),
    Journey::new("operator::configuration", every_fault_of_the_configuration_is_reported),
    Journey::new("operator::incomplete_address", an_incomplete_address_is_a_fault_of_the_configuration)
        .needing(Needs::NoServer),
    Journey::new("operator::missing_right", a_role_that_may_not_migrate_is_reported).needing(Needs::Postgres),
    Journey::new("operator::missing_secret", a_named_secret_is_looked_for_before_anything_is_made),
    Journey::new("operator::lost_secret", a_lost_secret_is_reported),
    Journey::new("operator::rotates_keys", the_key_of_access_tokens_is_rotated),
    Journey::new("operator::rotates_keys_of_fields", the_key_of_fields_is_rotated_and_has_a_secret_of_its_own),
    Journey::new("operator::replaces_the_secret", the_secret_is_replaced),
    Journey::new("operator::other_secret", an_instance_with_another_secret_refuses).needing(Needs::Server),
];

fn users_are_created_beside_a_running_server(store: &Store) {
    let deployment = Deployment::new(store);
    let server = deployment.start();
    let create = |name: &str, role: &str, password: &str| -> Output {
        let email = format!("{name}@example.com");
        let arguments =
            ["user", "create", "--email", &email, "--display-name", name, "--role", role, "--password-stdin"];
        deployment.run(&arguments, &format!("{password}\n"), &[])
    };
    assert!(create("grace", "admin", PASSWORD).ok().contains("grace@example.com"));
    create("ada", "user", PASSWORD).ok();
    create("ada", "user", PASSWORD).refused(&["already exists"]);
    create("bob", "user", "short").refused(&["password: must have at least 15"]);
    create("bob", "user", "").refused(&["no password"]);
    let (grace, ada) = (log_in(&server, "grace"), log_in(&server, "ada"));
    assert_eq!(ada.get(PROFILE).send().ok().json()["roles"], json!(["user"]));
    grace.post(PRODUCTS).json(product("HONEY", 1, 1)).send().expect(201);
    ada.post(PRODUCTS).json(product("WAX", 1, 1)).send().refused(403, "forbidden");
    server.stop();
}

fn the_schema_is_moved(store: &Store) {
    let deployment = Deployment::new(store);
    let migrate = |arguments: &[&str]| deployment.run(&[&["migrate"], arguments].concat(), "", &[]);
    let missing = migrate(&["status"]).ok();
    let count = missing.lines().count();
    assert!(count > 0 && missing.lines().all(|line| line.contains("missing")), "{missing}");
    assert_eq!(migrate(&["up"]).ok().matches("applied").count(), count);
    assert!(migrate(&["up"]).ok().contains("up to date"));
    assert!(migrate(&["status"]).ok().lines().all(|line| line.contains("applied")));

    let shop = Shop::open_on(deployment);
    shop.product("HONEY", 1, 1);
    let Shop { server, deployment, .. } = shop;
    server.stop();
    let migrate = |arguments: &[&str]| deployment.run(&[&["migrate"], arguments].concat(), "", &[]);
    let steps = count.to_string();
    migrate(&["down", "--steps", &steps]).refused(&["--yes"]);
    migrate(&["down", "--set", "foundation"]).refused(&["--yes", "foundation"]);
    migrate(&["down", "--set", "cellar", "--yes"]).refused(&["cellar", "the sets are foundation"]);
    assert!(migrate(&["status"]).ok().lines().all(|line| line.contains("applied")), "nothing is reverted yet");
    assert_eq!(migrate(&["down", "--steps", &steps, "--yes"]).ok().matches("reverted").count(), count);
    assert!(migrate(&["status"]).ok().lines().all(|line| line.contains("missing")));
    let server = deployment.start();
    assert!(server.setup_token().is_some() && all(&server.visitor(), PRODUCTS).is_empty(), "the store is empty again");
    server.stop();
}

fn one_server_per_data_folder(store: &Store) {
    let shop = Shop::open(store);
    let data = shop.deployment.path("data");
    let mode = |name: &str| fs::metadata(data.join(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("instance.secret")), (0o700, 0o600));
    let second = shop.deployment.run(&["serve"], "", &[]);
    second.refused(&["another server uses the data folder", &data.display().to_string()]);
    shop.product("HONEY", 1, 1);
    shop.server.stop();
    shop.deployment.start().stop();
}

fn every_fault_of_the_configuration_is_reported(store: &Store) {
    let deployment = Deployment::new(store);
    let wrong = [
        ("PORT", "eighty"),
        ("HOST", "localhost"),
        ("LOG_LEVEL", "loud=very"),
        ("SKEP_LIMIT_USER", "0"),
        ("SKEP_LIMIT_ADDRES", "5"),
        ("SKEP_METRICS_TOKEN", "hunter2"),
        ("REDIS_URL", "http://u:hunter2@h"),
    ];
    let output = deployment.run(&[], "", &wrong);
    assert!(!output.err.contains("hunter2"), "{output:?}");
    assert!(output.err.contains("did you mean SKEP_LIMIT_ADDRESS?"), "{output:?}");
    output.refused(&wrong.map(|(name, _)| name));
    deployment.run(&[], "", &[("HOST", "0.0.0.0"), ("PUBLIC_URL", "")]).refused(&["PUBLIC_URL"]);
    let two = [("DATABASE_URL", "postgres://u@h/d"), ("MONGODB_URI", "mongodb://h/d"), ("SKEP_STORE", "")];
    deployment.run(&["migrate", "status"], "", &two).refused(&["SKEP_STORE", "DATABASE_URL", "MONGODB_URI"]);
    assert!(!deployment.path("data").exists(), "no data folder is created");
    let usage = deployment.run(&["serve", "--prot", "1"], "", &[]);
    assert_eq!(usage.code, Some(2), "{usage:?}");
}

fn an_incomplete_address_is_a_fault_of_the_configuration(store: &Store) {
    let deployment = Deployment::new(store);
    for (address, missing) in [
        ("postgres://h", "no user and no database"),
        ("postgres://h/d", "no user"),
        ("postgres://u:hunter2@h", "no database"),
    ] {
        let texts = ["DATABASE_URL (environment): it names ", missing];
        let settings = [("DATABASE_URL", address)];
        deployment.run(&["serve"], "", &settings).refused(&texts);
        let Output { code, out, err } = deployment.run(&["check"], "", &settings);
        assert!(code == Some(1) && texts.iter().all(|text| out.contains(text)), "{out}");
        assert!(out.contains("configuration") && !out.contains("hunter2") && err.is_empty(), "{out}{err}");
    }
    assert!(!deployment.path("data").exists(), "no data folder is created");
}

fn a_role_that_may_not_migrate_is_reported(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.connect_as_guest();
    deployment.run(&["serve"], "", &[]).refused(&["schema", "may not create tables", "GRANT USAGE, CREATE"]);
    let checked = || deployment.run(&["check"], "", &[]);
    let refused = checked();
    assert!(refused.code == Some(1) && refused.out.contains("may not create tables"), "{refused:?}");
    // The statement that the check names is the remedy.
    let (_, grant) = refused.out.split_once("run this as the owner: ").expect("a remedy");
    deployment.sql(grant.lines().next().expect("a statement"));
    checked().ok();
    let server = deployment.start();
    server.stop();
}

fn a_named_secret_is_looked_for_before_anything_is_made(store: &Store) {
    let deployment = Deployment::new(store);
    let missing = deployment.path("missing.secret").display().to_string();
    for setting in ["SKEP_SECRET_FILE", "SKEP_PREVIOUS_SECRET_FILE"] {
        let settings = [(setting, missing.as_str())];
        deployment.run(&["serve"], "", &settings).refused(&[setting, &missing]);
        let Output { code, out, .. } = deployment.run(&["check"], "", &settings);
        assert!(code == Some(1) && out.contains(&format!("{setting} names {missing}")), "{out}");
    }
    assert!(!deployment.path("data").exists(), "no data folder is created");
    let status = deployment.run(&["migrate", "status"], "", &[]).ok();
    assert!(status.lines().all(|line| line.contains("missing")), "no schema is made: {status}");
}

fn a_lost_secret_is_reported(store: &Store) {
    let shop = Shop::open(store);
    let Shop { server, deployment, .. } = shop;
    server.stop();
    let (secret, kept) = (deployment.secret_file(), deployment.path("kept"));
    fs::rename(&secret, &kept).expect("moved");
    deployment.run(&["serve"], "", &[]).refused(&["secret"]);
    fs::rename(&kept, &secret).expect("moved back");
    let server = deployment.start();
    log_in(&server, "grace");
    server.stop();
}

fn the_key_of_access_tokens_is_rotated(store: &Store) {
    let shop = Shop::open(store);
    let rotate = || shop.deployment.run(&["keys", "rotate"], "", &[]).ok();
    assert!(rotate().starts_with("stored the key "));
    assert!(rotate().contains("waits already"), "one key at a time");
    let listed = shop.deployment.run(&["keys", "list"], "", &[]).ok();
    assert_eq!((listed.lines().count(), listed.matches("  next  ").count()), (5, 1), "{listed}");
    shop.admin.get(PROFILE).send().expect(200);
    let Shop { server, deployment, admin, .. } = shop;
    server.stop();

    let server = deployment.start();
    let jwks = server.visitor().get("/.well-known/jwks.json").send().ok().json();
    assert_eq!(jwks["keys"].as_array().expect("keys").len(), 2, "the next key is published");
    // Tokens from before the restart, and new ones.
    server.visitor().with_token(admin.token()).get(PROFILE).send().expect(200);
    log_in(&server, "grace").get(PROFILE).send().expect(200);
    server.stop();
}

fn the_secret_is_replaced(store: &Store) {
    let Shop { server, deployment, admin, .. } = Shop::open(store);
    let token = admin.token().to_owned();
    let new = deployment.path("new.secret");
    fs::write(&new, "0123456789abcdeffedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f0").expect("a file");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("a file of its own");
    let (new, old) = (new.display().to_string(), deployment.secret_file().display().to_string());
    let alone = [("SKEP_SECRET_FILE", new.as_str())];
    let both = [("SKEP_SECRET_FILE", new.as_str()), ("SKEP_PREVIOUS_SECRET_FILE", old.as_str())];
    deployment.run(&["keys", "reseal"], "", &alone).refused(&["another instance secret"]);
    server.stop();

    let server = deployment.start_with(&both);
    assert!(deployment.run(&["check"], "", &both).out.contains("run `skep keys reseal`"));
    assert!(deployment.run(&["keys", "reseal"], "", &both).ok().contains("now: 4"));
    assert!(deployment.run(&["keys", "reseal"], "", &both).ok().contains("already"));
    server.visitor().with_token(&token).get(PROFILE).send().expect(200);
    server.stop();

    deployment.run(&["serve"], "", &[]).refused(&["another instance secret"]);
    let server = deployment.start_with(&alone);
    server.visitor().with_token(&token).get(PROFILE).send().expect(200);
    server.stop();
}

fn an_instance_with_another_secret_refuses(store: &Store) {
    let shop = Shop::open(store);
    let other = shop.deployment.path("other").display().to_string();
    let refused = shop.deployment.run(&["serve"], "", &[("SKEP_DATA_DIR", &other)]);
    refused.refused(&["keys", "another instance secret"]);
    shop.admin.get(PROFILE).send().expect(200);
    shop.server.stop();
}

/// The id of the key that seals fields, and the number of keys of fields.
fn field_keys(deployment: &Deployment, settings: &[(&str, &str)]) -> (String, usize) {
    let listed: Value =
        serde_json::from_str(&deployment.run(&["keys", "list", "--json"], "", settings).ok()).expect("JSON");
    let keys = listed["field_keys"].as_array().expect("keys");
    let active: Vec<_> = keys.iter().filter(|key| key["state"] == "active").collect();
    assert_eq!(active.len(), 1, "{listed}");
    (active[0]["id"].as_str().expect("an id").to_owned(), keys.len())
}

fn the_key_of_fields_is_rotated_and_has_a_secret_of_its_own(store: &Store) {
    let Shop { server, deployment, .. } = Shop::open(store);
    let (first, count) = field_keys(&deployment, &[]);
    assert_eq!(count, 1);
    // Beside the server, which goes on.
    let rotated = deployment.run(&["keys", "rotate", "--fields"], "", &[]).ok();
    let (second, count) = field_keys(&deployment, &[]);
    assert!(count == 2 && second != first && rotated.contains(&second), "{rotated}");
    log_in(&server, "grace");
    server.stop();

    let own = "8f0d2c5be6a1974e35d8b20c7f49a613e0c4d7825a9b1f6e83d05c27b4f91a6d";
    let file = deployment.path("fields.secret");
    fs::write(&file, own).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a file of its own");
    let file = file.display().to_string();
    let (by_file, by_value) = ([("SKEP_FIELD_SECRET_FILE", file.as_str())], [("SKEP_FIELD_SECRET", own)]);
    deployment.run(&["keys", "rotate", "--fields"], "", &by_file).refused(&["run `skep keys reseal` first"]);
    assert!(deployment.run(&["check"], "", &by_file).out.contains("run `skep keys reseal`"));
    assert!(deployment.run(&["keys", "reseal"], "", &by_file).ok().contains("now: 2"));
    assert_eq!(field_keys(&deployment, &by_value), (second.clone(), 2), "the keys are the same");
    deployment.start_with(&by_value).stop();

    // Without it, or with another one, nothing is made, and the fault is named.
    let wrong = [("SKEP_FIELD_SECRET", "0123456789abcdeffedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f0")];
    for settings in [&[][..], &wrong[..]] {
        deployment.run(&["serve"], "", settings).refused(&[first.as_str(), "SKEP_FIELD_SECRET_FILE"]);
        let Output { code, out, .. } = deployment.run(&["check"], "", settings);
        assert!(code == Some(1) && out.contains("wrapped with another secret"), "{out}");
    }
    let back = [("SKEP_PREVIOUS_FIELD_SECRET_FILE", file.as_str())];
    assert!(deployment.run(&["keys", "reseal"], "", &back).ok().contains("now: 2"));
    deployment.start_with(&[]).stop();
    assert_eq!(field_keys(&deployment, &[]), (second, 2));
}
