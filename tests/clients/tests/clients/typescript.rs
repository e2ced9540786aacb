//! The TypeScript client: a small project in `typescript/`, installed and run in the target folder.

use skep_journeys::{Deployment, Store};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const PROJECT: &str = concat!(env!("SKEP_ROOT"), "/tests/clients/typescript");
const DOCUMENT: &str = concat!(env!("SKEP_ROOT"), "/docs/api/openapi.json");
const FILES: &[&str] = &["package.json", "package-lock.json", "tsconfig.json", "src/place-order.ts"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("typescript-client")
}

fn run(program: &str, arguments: &[&str]) -> Result<Output, String> {
    let name = format!("{program} {}", arguments.join(" "));
    let output = Command::new(program).args(arguments).current_dir(folder()).output();
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Err(format!("{name} failed: {}{}", text(&output.stdout), text(&output.stderr)))
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Whether node and npm are on this machine.
pub(crate) fn has_node() -> bool {
    is_there("node") && is_there("npm")
}

/// Copies the project into the target folder and installs the packages of its lock file, if they are not there yet.
///
/// # Errors
/// A text that says what is missing.
pub(crate) fn install() -> Result<(), String> {
    if !has_node() {
        return Err("node or npm is not installed".to_owned());
    }
    let folder = folder();
    let copied = || -> std::io::Result<bool> {
        fs::create_dir_all(folder.join("src"))?;
        for file in FILES {
            fs::copy(Path::new(PROJECT).join(file), folder.join(file))?;
        }
        fs::copy(DOCUMENT, folder.join("openapi.json"))?;
        let lock = fs::read(folder.join("package-lock.json"))?;
        Ok(fs::read(folder.join("installed")).is_ok_and(|installed| installed == lock))
    };
    if copied().map_err(|error| format!("{}: {error}", folder.display()))? {
        return Ok(());
    }
    run("npm", &["ci", "--no-audit", "--no-fund"])
        .map_err(|error| error.lines().next().unwrap_or_default().to_owned())?;
    fs::copy(folder.join("package-lock.json"), folder.join("installed")).map_err(|error| error.to_string())?;
    Ok(())
}

pub(crate) fn the_client_places_an_order() {
    run("npm", &["run", "generate"]).expect("types for the document");
    run("npm", &["run", "build"]).expect("the client is well typed");
    let deployment = Deployment::new(&Store::Sqlite);
    let server = deployment.start();
    let setup_token = server.setup_token().expect("a token for the setup is printed");
    let url = format!("http://{}", server.address());
    let output = run("node", &["dist/place-order.js", &url, &setup_token]).expect("an order");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("over 39.98 EUR") && printed.contains("refused: insufficient_stock"), "{printed}");
    server.stop();
}
