//! schemathesis makes requests from the OpenAPI document, valid and invalid ones, and sends them to the built binary:
//! `cargo test -p skep-clients --test schemathesis`.
//!
//! It must find no answer that the document does not describe, no valid request that is refused, and no invalid one that
//! is accepted. The number of cases is limited, and they are the same in each run. `scripts/services` installs the
//! program and sets `SKEP_TEST_SCHEMATHESIS`. If it is missing, the tests are ignored, with the reason.

use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use skep_journeys::{Client, Deployment, Server, Store};
use std::{
    env,
    path::Path,
    process::{Command, ExitCode},
};

const VARIABLE: &str = "SKEP_TEST_SCHEMATHESIS";
const FOLDER: &str = concat!(env!("SKEP_ROOT"), "/tests/clients/schemathesis");
const PASSWORD: &str = "bees build hexagons";

/// The greatest number of generated cases of an operation, beside the examples and the fixed cases.
const CASES: &str = "15";

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      positive_data_acceptance,negative_data_rejection,unsupported_method";

/// The operation that would end the session of all other requests.
const LOG_OUT: &str = "log_out";

/// A server with an admin and one thing of each kind.
struct Scene {
    server: Server,
    admin: Client,
    product: String,
    category: String,
    order: String,
    _deployment: Deployment,
}

impl Scene {
    fn new() -> Self {
        let mut deployment = Deployment::new(&Store::Sqlite);
        // Orders are placed without end.
        deployment.set("SKEP_OPEN_ORDER_LINES", "0");
        let server = deployment.start();
        let visitor = server.visitor();
        let token = server.setup_token().expect("a token for the setup is printed");
        let (email, name) = ("grace@example.com", "Grace");
        let account = json!({ "token": token, "email": email, "password": PASSWORD, "display_name": name });
        visitor.post("/api/v1/setup").json(account).send().expect(201);
        let login = json!({ "email": email, "password": PASSWORD });
        let login = visitor.post("/api/v1/auth/login").json(login).send().expect(200);
        let admin = visitor.with_token(login.text("/access_token"));
        let made = |path: &str, body: Value| admin.post(path).json(body).send().expect(201).text("/id");
        let price = json!({ "amount": 1999, "currency": "EUR" });
        let stock = 1_000_000_000;
        let product = json!({ "sku": "KNOWN", "name": "Honey", "price": price, "stock": stock });
        let product = made("/api/v1/products", product);
        let category = made("/api/v1/categories", json!({ "name": "Honey", "slug": "known" }));
        let line = json!({ "product_id": product, "quantity": 1 });
        let order = made("/api/v1/orders", json!({ "lines": [line] }));
        Self { server, admin, product, category, order, _deployment: deployment }
    }

    /// Runs schemathesis and returns what it printed.
    fn run(&self, program: &str, token: Option<&str>) -> String {
        let url = format!("http://{}", self.server.address());
        let mut command = Command::new(program);
        command.args(["--config-file", &format!("{FOLDER}/schemathesis.toml"), "run", &format!("{url}/openapi.json")]);
        command.args(["--url", &url, "--checks", CHECKS, "--max-examples", CASES, "--no-color"]);
        // Without `stateful`, whose length depends on the answers.
        command.args(["--phases", "examples,coverage,fuzzing", "--warnings", "off", "--output-truncate", "false"]);
        command.args(["--exclude-operation-id", LOG_OUT]);
        if let Some(token) = token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        command.env("PYTHONPATH", FOLDER).env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs([("SKEP_PRODUCT", &self.product), ("SKEP_CATEGORY", &self.category), ("SKEP_ORDER", &self.order)]);
        // It writes caches into its working directory.
        let output = command.current_dir(env!("CARGO_TARGET_TMPDIR")).output().expect("schemathesis runs");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{printed}\n{errors}");
        printed
    }
}

/// The number before a word of the summary, such as 23 in `Tested: 23` or 1,454 in `1454 generated`.
fn number(printed: &str, before: &str, after: &str) -> usize {
    let lines = printed.lines().filter(|line| line.contains(before) && line.contains(after));
    let digits = |line: &str| line.chars().filter(char::is_ascii_digit).collect::<String>().parse().ok();
    let part = |line: &str| {
        let start = if before.is_empty() { 0 } else { line.find(before)? + before.len() };
        let end = if after.is_empty() { line.len() } else { line.find(after)? };
        digits(line.get(start..end)?)
    };
    lines.filter_map(part).next().unwrap_or_else(|| panic!("no number beside {before}{after}: {printed}"))
}

fn agrees(program: &str, is_admin: bool) {
    let scene = Scene::new();
    let printed = scene.run(program, is_admin.then(|| scene.admin.token()));
    let document = scene.admin.contract().document();
    let methods = |item: &Value| item.as_object().map_or(0, serde_json::Map::len);
    let operations: usize = document["paths"].as_object().into_iter().flatten().map(|(_, item)| methods(item)).sum();
    // A run that tests nothing succeeds, too.
    assert_eq!(number(&printed, "Tested: ", ""), operations - 1, "all but {LOG_OUT}: {printed}");
    let cases = number(&printed, "", " generated");
    assert!(cases > 15 * operations, "{printed}");
    scene.server.stop();
}

/// Whether Python is on this machine, so that `scripts/services` could install the program.
fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let program = env::var(VARIABLE).ok().filter(|program| Path::new(program).exists());
    let trials = [("schemathesis::admin", true), ("schemathesis::visitor", false)].map(|(name, is_admin)| {
        if let Some(program) = program.clone() {
            return Trial::test(name, move || {
                agrees(&program, is_admin);
                Ok(())
            });
        }
        let reason = format!("{VARIABLE} is not set: run scripts/services up");
        let text = reason.clone();
        let trial = Trial::test(name, move || Err(text.into()));
        let is_required = env::var("CI").is_ok_and(|value| value == "true") && has_python();
        if is_required { trial } else { trial.with_kind(reason).with_ignored_flag(true) }
    });
    if !arguments.list && program.is_some() {
        skep_journeys::skep();
    }
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}
