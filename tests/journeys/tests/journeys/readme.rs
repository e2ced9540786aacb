//! README.md: its blocks do what the page says.

use crate::{Journey, Needs};
use serde_json::{Value, json};
use skep_journeys::{Deployment, Store, skep, wait_for};
use std::{
    env,
    fs::{self, File},
    io::{self, Write as _},
    net::{Ipv4Addr, TcpListener},
    os::unix::{fs::symlink, process::CommandExt as _},
    path::Path,
    process::{self, Child, Command, ExitStatus, Stdio},
};
use tempfile::TempDir;

pub(crate) const JOURNEYS: &[Journey] = &[
    Journey::new("readme::first_order", the_pasted_block_places_an_order).needing(Needs::NoServer),
    Journey::new("readme::port_in_use", the_pasted_block_stops_if_the_port_is_in_use).needing(Needs::NoServer),
    Journey::new("readme::first_start", the_server_prints_what_the_page_shows).needing(Needs::NoServer),
];

const README: &str = include_str!("../../../../README.md");

/// The only block of this language that contains the text.
fn block(language: &str, text: &str) -> &'static str {
    let fenced = README.split("```").skip(1).step_by(2);
    let blocks = fenced.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    let found: Vec<&str> = blocks.filter(|block| block.contains(text)).collect();
    let [block] = found[..] else { panic!("{} blocks of README.md contain {text}", found.len()) };
    block
}

/// A port below the ephemeral ones that is free now.
fn free_port() -> u16 {
    let first = process::id() % 10_000;
    let mut ports = (0..10_000).filter_map(|n| u16::try_from(20_000 + (first + n) % 10_000).ok());
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).expect("a free port")
}

/// A shell and the processes that it has started in the background.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        // The group is empty if everything went well.
        let group = format!("kill -KILL -- -{} 2>/dev/null", self.0.id());
        let _ = Command::new("sh").args(["-c", &group]).status();
        let _ = self.0.wait();
    }
}

/// What a pasted block has left behind.
struct Pasted {
    folder: TempDir,
    /// With the link to the binary, and the output.
    tools: TempDir,
    status: ExitStatus,
}

impl Pasted {
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.tools.path().join(name)).unwrap_or_default()
    }
}

/// Gives bash the block that places an order on its standard input, as a pasted block is. What `then` adds uses the
/// variables that the block has set. Its argument is the folder for more output.
fn paste(port: u16, then: impl Fn(&Path) -> String) -> Pasted {
    let folder = tempfile::tempdir().expect("a folder");
    let tools = tempfile::tempdir().expect("a folder");
    symlink(skep(), tools.path().join("skep")).expect("a link to the binary");
    let file = |name: &str| File::create(tools.path().join(name)).expect("a file");
    let path = format!("{}:{}", tools.path().display(), env::var("PATH").expect("a path"));
    let mut command = Command::new("bash");
    command.env_clear().env("PATH", path).env("PORT", port.to_string()).current_dir(folder.path());
    let command = command.stdin(Stdio::piped()).stdout(file("out")).stderr(file("err")).process_group(0);
    let mut shell = Shell(command.spawn().expect("bash runs"));
    let script = format!("{}{}", block("sh", "call orders"), then(tools.path()));
    shell.0.stdin.take().expect("an input").write_all(script.as_bytes()).expect("bash reads");
    let status = wait_for("bash to end", || shell.0.try_wait().expect("a child"));
    Pasted { folder, tools, status }
}

fn the_pasted_block_places_an_order(_: &Store) {
    let ours = |tools: &Path| format!("call orders >'{}'\nkill $!\nwait $!\n", tools.join("orders").display());
    let pasted = paste(free_port(), ours);
    let (status, out, err) = (pasted.status, pasted.read("out"), pasted.read("err"));
    assert!(status.success() && !err.contains("curl:"), "{status}\n{out}\n{err}");
    let orders: Value =
        serde_json::from_str(&pasted.read("orders")).unwrap_or_else(|error| panic!("{error}\n{out}\n{err}"));
    let [order] = &orders["data"].as_array().expect("a list")[..] else { panic!("not one order: {orders}") };
    assert_eq!(
        (&order["status"], &order["total"]),
        (&json!("pending"), &json!({ "amount": 3998, "currency": "EUR" })),
        "{orders}"
    );
    assert!(out.contains(order["id"].as_str().expect("an id")), "the block shows the order: {out}");
    assert!(pasted.folder.path().join("skep-data/skep.db").exists());
}

/// The other program would otherwise get the passwords.
fn the_pasted_block_stops_if_the_port_is_in_use(_: &Store) {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = other.local_addr().expect("an address").port();
    let pasted = paste(port, |_| String::new());
    let (out, err) = (pasted.read("out"), pasted.read("err"));
    assert!(err.contains("in use") && err.contains("set PORT") && !err.contains("curl:"), "{out}\n{err}");
    assert!(out.contains("admin@example.com") && !out.contains('{'), "nothing is called: {out}");
    other.set_nonblocking(true).expect("a socket");
    let refused = other.accept().expect_err("no call comes").kind();
    assert_eq!(refused, io::ErrorKind::WouldBlock);
}

fn the_server_prints_what_the_page_shows(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("PUBLIC_URL", "");
    let server = deployment.start();
    let token = server.setup_token().expect("a token for the setup is printed");
    let printed = server.out().replace(&token, "…").replace(&server.address().to_string(), "127.0.0.1:8080");
    assert_eq!(printed.trim_end(), block("text", "There is no admin yet").trim_end());

    // As it stands, the command is refused, and the token can still be used.
    let set_up = |email: &str, name: &str, password: &str| {
        let body = json!({ "token": token, "email": email, "display_name": name, "password": password });
        server.visitor().post("/api/v1/setup").json(body).send()
    };
    let refused = set_up("", "", "").refused(422, "validation_failed").json();
    let mut fields: Vec<&str> =
        refused["errors"].as_array().expect("fields").iter().filter_map(|error| error["pointer"].as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["/display_name", "/email", "/password"], "{refused}");
    set_up("grace@example.com", "Grace", "bees build hexagons").expect(201);
    server.stop();
}
