//! The commands: their output and their exit codes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

/// The program in this folder, without variables of the test.
fn skep(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skep"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    skep(folder.path(), arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    assert_eq!(code(output), 0, "{}", err(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A server on a free port. Its standard output is closed after the first line. Dropping it kills the process.
struct Server(Child);

impl Server {
    /// Starts it, and returns its port when it listens.
    fn start(folder: &Path) -> (Self, u16) {
        let mut command = skep(folder, &["serve"]);
        let mut child = command.env("PORT", "0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let port = first.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap();
        (Self(child), port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_wrong_call_ends_with_2_and_a_wrong_configuration_with_1() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(code(&run(&folder, &["sevre"])), 2);
    assert_eq!(code(&run(&folder, &["user", "create", "--email", "a@example.com"])), 2);
    std::fs::write(folder.path().join("skep.toml"), "[server]\nprot = 1\n").unwrap();
    let refused = run(&folder, &["serve"]);
    assert_eq!(code(&refused), 1);
    assert!(
        err(&refused).contains("server.prot (skep.toml line 2): there is no such setting; did you mean server.port?")
    );
    // These commands do not read the configuration.
    assert_eq!(code(&run(&folder, &["openapi"])), 0);
    assert_eq!(code(&run(&folder, &["--help"])), 0);
    assert!(!folder.path().join("skep-data").exists(), "nothing was made");
}

#[test]
fn a_named_file_must_exist() {
    let folder = tempfile::tempdir().unwrap();
    let refused = skep(folder.path(), &["migrate", "status"]).env("SKEP_CONFIG", "nowhere.toml").output().unwrap();
    assert_eq!(code(&refused), 1);
    assert!(err(&refused).contains("SKEP_CONFIG (environment): nowhere.toml cannot be read"), "{}", err(&refused));
    std::fs::write(folder.path().join("own.toml"), "[data]\ndir = 'elsewhere'\n").unwrap();
    let done = skep(folder.path(), &["migrate", "up"]).env("SKEP_CONFIG", "own.toml").output().unwrap();
    assert_eq!(code(&done), 0, "{}", err(&done));
    assert!(folder.path().join("elsewhere/skep.db").exists());
}

#[test]
fn check_prints_text_or_json_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fine = run(&folder, &["check"]);
    assert_eq!(code(&fine), 0, "{}", out(&fine));
    assert!(out(&fine).ends_with("nothing is wrong: the server can start\n"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let wrong = skep(folder.path(), &["check", "--json"]).env("PORT", "x").env("SKEP_DOSC", "on").output().unwrap();
    assert_eq!(code(&wrong), 1);
    let answer: Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!((&answer["ok"], answer["checks"].as_array().unwrap().len()), (&Value::Bool(false), 2));
    assert!(answer["checks"][0]["remedy"].is_string() && answer["checks"][0]["level"] == "wrong", "{answer}");
}

#[test]
fn the_server_takes_the_cost_that_calibrate_prints() {
    let folder = tempfile::tempdir().unwrap();
    let printed = out(&run(&folder, &["calibrate", "--target", "1"]));
    let cost = printed.lines().find_map(|line| line.strip_prefix("SKEP_PASSWORD_COST=")).unwrap();
    assert!(printed.contains("logins per second"), "{printed}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no store is needed");
    let check = |cost: &str| skep(folder.path(), &["check"]).env("PORT", "0").env("SKEP_PASSWORD_COST", cost).output();
    assert_eq!(code(&check(cost).unwrap()), 0);
    let wrong = check("m=12287,t=3").unwrap();
    assert_eq!(code(&wrong), 1);
    assert!((out(&wrong) + &err(&wrong)).contains("SKEP_PASSWORD_COST"), "{}", out(&wrong));
}

#[test]
fn commands_work_beside_a_running_server_except_a_second_one() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = Server::start(folder.path());
    let checked = skep(folder.path(), &["check", "--json"]).env("PORT", port.to_string()).output().unwrap();
    let checks = json(&checked);
    let of = |name: &str| checks["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).cloned();
    assert_eq!(of("port").unwrap()["level"], "note", "{checks}");
    assert_eq!(of("keys").unwrap()["level"], "ok", "{checks}");
    let status = json(&run(&folder, &["migrate", "status", "--json"]));
    assert_eq!((&status["store"], status["migrations"][0]["applied_at"].is_string()), (&"sqlite".into(), true));

    let create = ["user", "create", "--email", "a@example.com", "--display-name", "A", "--password-stdin", "--json"];
    let mut child = skep(folder.path(), &create)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"bees build hexagons\n").unwrap();
    let created = json(&child.wait_with_output().unwrap());
    assert_eq!((&created["email"], &created["roles"][0]), (&"a@example.com".into(), &"user".into()));

    let second = skep(folder.path(), &["serve"]).env("PORT", "0").output().unwrap();
    assert_eq!(code(&second), 1);
    assert!(err(&second).contains("another server uses the data folder"), "{}", err(&second));
}

#[test]
fn the_key_of_access_tokens_is_rotated_once_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let early = run(&folder, &["keys", "list"]);
    assert_eq!(code(&early), 1);
    assert!(err(&early).contains("migrations are missing"), "{}", err(&early));
    let (_server, _port) = Server::start(folder.path());
    let rotated = out(&run(&folder, &["keys", "rotate"]));
    assert!(rotated.starts_with("stored the key "), "{rotated}");
    let again = out(&run(&folder, &["keys", "rotate"]));
    assert!(again.contains("waits already; it signs access tokens from "), "{again}");

    let keys = json(&run(&folder, &["keys", "list", "--json"]));
    let keys = keys["keys"].as_array().unwrap();
    let of = |state: &str| keys.iter().filter(|key| key["state"] == state).collect::<Vec<_>>();
    assert_eq!((keys.len(), of("active").len()), (4, 3), "{keys:?}");
    let [next] = of("next")[..] else { panic!("{keys:?}") };
    assert!(next["purpose"] == "access_tokens" && next["activates_at"].is_string() && next["expires_at"].is_null());
    assert!(again.contains(next["id"].as_str().unwrap()));
    assert!(keys.iter().all(|key| key["secret"] == keys[0]["secret"] && key["secret"].as_str().unwrap().len() == 16));
    let lines = out(&run(&folder, &["keys", "list"]));
    assert!(lines.lines().count() == 5 && lines.contains("access_tokens  next"), "{lines}");
}

#[test]
fn workers_alone_need_a_server_of_the_store_and_something_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(&folder, &["worker"]);
    assert_eq!(code(&refused), 1);
    assert!(
        err(&refused).contains("the store is SQLite, so its server runs the jobs (`skep serve`)"),
        "{}",
        err(&refused)
    );
    let mut idle = skep(folder.path(), &["worker"]);
    idle.env("SKEP_WORKERS", "0").env("DATABASE_URL", "postgres://skep@127.0.0.1:1/skep");
    let refused = idle.output().unwrap();
    assert_eq!(code(&refused), 1);
    assert!(err(&refused).contains("SKEP_WORKERS is 0"), "{}", err(&refused));
    assert!(!folder.path().join("skep-data").exists(), "nothing was made");
}

#[test]
fn jobs_are_shown_and_refusals_named() {
    let folder = tempfile::tempdir().unwrap();
    let listed = out(&run(&folder, &["jobs", "list"]));
    assert_eq!(listed.lines().count(), 1, "only the heads of the columns: {listed}");
    let missing = run(&folder, &["jobs", "show", "00000000-0000-0000-0000-000000000000"]);
    assert!(code(&missing) == 1 && err(&missing).contains("job"), "{}", err(&missing));
    for wrong in [["--state", "sleeping"], ["--queue", "A"], ["--limit", "0"], ["--limit", "101"]] {
        assert_eq!(code(&run(&folder, &[&["jobs", "list"], &wrong[..]].concat())), 2, "{wrong:?}");
    }
}

#[test]
fn demo_fills_an_empty_store_once() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["demo", "--products", "3", "--users", "2", "--orders", "5", "--seed", "1", "--json"];
    let made = json(&run(&folder, &small));
    assert_eq!((&made["orders"], made["log_ins"].as_array().unwrap().len()), (&5.into(), 3));
    let again = run(&folder, &small);
    assert_eq!(code(&again), 1);
    assert!(err(&again).contains("the store is in use") && again.stdout.is_empty(), "{}", err(&again));
}

#[test]
fn completions_are_for_every_shell() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let made = run(&folder, &["completions", shell]);
        assert!(code(&made) == 0 && out(&made).contains("migrate"), "{shell}");
    }
}

#[test]
fn the_document_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(json(&run(&folder, &["openapi"])), skep_http::Api::document());
}

#[test]
fn a_mail_without_a_server_is_a_file_in_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&folder, &["mail", "test", "--to", "Ada <ada@example.com>"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("wrote the mail to ada@example.com into ./skep-data/mail"), "{}", out(&output));
    let files: Vec<_> = std::fs::read_dir(folder.path().join("skep-data/mail")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let mail = std::fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
    assert!(mail.contains("\r\nSubject: Test mail from Skep\r\n"), "{mail}");
    let wrong = run(&folder, &["mail", "test", "--to", "ada@example.com\nBcc: eve@example.com"]);
    assert_eq!((code(&wrong), err(&wrong).contains("--to: not an e-mail address")), (1, true), "{}", err(&wrong));
}

#[test]
fn a_bucket_that_cannot_be_used_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let check = |endpoint: &str| {
        let key = [("SKEP_S3_ACCESS_KEY_ID", "key"), ("SKEP_S3_SECRET_ACCESS_KEY", "hunter2")];
        let bucket = [("SKEP_S3_BUCKET", "shop-files"), ("SKEP_S3_ENDPOINT", endpoint), ("PORT", "0")];
        skep(folder.path(), &["check"]).envs(key).envs(bucket).output().unwrap()
    };
    // Nothing listens on this port.
    let away = check("http://127.0.0.1:1");
    assert!(code(&away) == 1 && out(&away).contains("the bucket shop-files cannot be used"), "{}", out(&away));
    assert!(out(&away).contains("SKEP_S3_ENDPOINT") && !out(&away).contains("hunter2"), "{}", out(&away));
    let fault = check("http://s3.example.com");
    assert!(out(&fault).contains("SKEP_S3_ENDPOINT") && out(&fault).contains("not encrypted"), "{}", out(&fault));
}

#[test]
fn a_scanner_that_cannot_be_used_is_named_with_the_reason_and_does_not_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let check = |variables: &[(&str, &str)]| {
        skep(folder.path(), &["check"]).env("PORT", "0").envs(variables.iter().copied()).output().unwrap()
    };
    let none = check(&[]);
    assert!(code(&none) == 0 && !out(&none).contains("scanner"), "{}", out(&none));
    // Nothing listens on this port.
    let scanner = ("SKEP_SCANNER", "tcp://127.0.0.1:1");
    let near = check(&[scanner]);
    assert!(code(&near) == 0 && out(&near).contains("must not be reached"), "{}", out(&near));
    let away = check(&[scanner, ("SKEP_SCANNER_NETWORKS", "127.0.0.1")]);
    assert!(code(&away) == 0 && out(&away).contains("cannot connect to 127.0.0.1:1"), "{}", out(&away));
    assert!(out(&away).contains("stay quarantined"), "{}", out(&away));
    let missing = check(&[("SKEP_SCANNER", "unix:/no/such/socket")]);
    assert!(code(&missing) == 0 && out(&missing).contains("cannot connect to the socket"), "{}", out(&missing));
    for (name, wrong) in [
        ("SKEP_SCANNER", "clamd:3310"),
        ("SKEP_SCANNER", "unix:clamd.ctl"),
        ("SKEP_SCANNER_NETWORKS", "clamd"),
        ("SKEP_SCANNER_SECONDS", "0"),
        ("SKEP_SCANNER_SECONDS", "601"),
    ] {
        let fault = check(&[(name, wrong)]);
        assert!(code(&fault) == 1 && out(&fault).contains(name), "{}", out(&fault));
    }
}

#[test]
fn a_mail_server_that_cannot_be_used_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let with = |arguments: &[&str], variables: &[(&str, &str)]| {
        skep(folder.path(), arguments).envs(variables.iter().copied()).output().unwrap()
    };
    // Nothing listens on this port.
    let (url, from) = (("SKEP_MAIL_URL", "smtp://127.0.0.1:1"), ("SKEP_MAIL_FROM", "shop@example.com"));
    let test = ["mail", "test", "--to", "ada@example.com"];
    let near = with(&test, &[url, from]);
    assert!(code(&near) == 1 && err(&near).contains("must not be reached"), "{}", err(&near));
    let away = with(&test, &[url, from, ("SKEP_MAIL_NETWORKS", "127.0.0.1")]);
    assert!(code(&away) == 1 && err(&away).contains("cannot connect to 127.0.0.1:1"), "{}", err(&away));
    let check = with(&["check"], &[url, from, ("PORT", "0")]);
    assert!(out(&check).contains("127.0.0.1:1 cannot be used"), "{}", out(&check));
    let fault = with(&test, &[url]);
    assert!(code(&fault) == 1 && err(&fault).contains("SKEP_MAIL_FROM"), "{}", err(&fault));
    let exposed = ("SKEP_MAIL_URL", "smtp://shop:hunter2@mail.example.com?starttls=none");
    let fault = with(&test, &[exposed, from]);
    assert!(err(&fault).contains("credentials need TLS") && !err(&fault).contains("hunter2"), "{}", err(&fault));
}
