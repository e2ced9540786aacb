//! Servers with settings that the shared ones must not have. Each ends with its test.

use crate::{server::send_signal, wait_for};
use mongodb::{
    Client,
    bson::{Document, doc},
};
use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A process that is killed when this is dropped.
#[derive(Debug)]
struct Running {
    child: Child,
    port: u16,
    _data: TempDir,
}

impl Running {
    /// Starts a program with its data in a new folder, on a free port.
    fn start(program: &Path, arguments: impl FnOnce(&Path, u16) -> Vec<String>) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut command = Command::new(program);
        command.args(arguments(data.path(), port)).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().expect("the server runs"), port, _data: data }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Redis server with a configuration of its own.
#[derive(Debug)]
pub struct OwnRedis(Running);

impl OwnRedis {
    /// Starts it with these lines of `redis.conf`, and waits until it listens.
    ///
    /// # Panics
    /// If `redis-server` is not installed, or does not start.
    #[must_use]
    pub fn start(lines: &[&str]) -> Self {
        let running = Running::start(Path::new("redis-server"), |data, port| {
            let file = data.join("redis.conf");
            let own = format!("bind 127.0.0.1\nport {port}\ndir \"{}\"\nsave \"\"\n", data.display());
            fs::write(&file, own + &lines.join("\n") + "\n").expect("a file");
            vec![file.display().to_string()]
        });
        wait_for("redis", || TcpStream::connect(("127.0.0.1", running.port)).ok());
        Self(running)
    }

    /// Its host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.0.port)
    }

    /// Sends a command in one line, and returns the first part of the answer.
    ///
    /// # Panics
    /// If the server does not answer.
    #[must_use]
    pub fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).expect("the server listens");
        stream.write_all(format!("{command}\r\n").as_bytes()).expect("a command is sent");
        let mut answer = vec![0; 64 * 1024];
        let length = stream.read(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        send_signal(&self.0.child, name);
    }
}

/// A replica set of one MongoDB server that has users.
#[derive(Debug)]
pub struct OwnMongod(Running);

impl OwnMongod {
    /// The name and the password of its admin.
    const ADMIN: &str = "keeper";

    /// The program; `None` if `scripts/services` has not installed it.
    #[must_use]
    pub fn program() -> Option<PathBuf> {
        Some(services().join("bin/mongod-6.0.5")).filter(|program| program.exists())
    }

    /// Starts it, and makes its admin.
    ///
    /// # Panics
    /// If it is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        let program = Self::program().expect("a mongod");
        let running = Running::start(&program, |data, port| {
            let key = data.join("key");
            fs::write(&key, "a key that the members of the set share").expect("a file");
            fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("a file of ours");
            let (data, key) = (data.display().to_string(), key.display().to_string());
            let port = port.to_string();
            let options = ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"];
            let own = ["--port", &port, "--dbpath", &data, "--keyFile", &key, "--replSet", "rs0"];
            options.iter().chain(&own).map(|argument| (*argument).to_owned()).collect()
        });
        let server = Self(running);
        let host = format!("127.0.0.1:{}", server.0.port);
        let members = [doc! { "_id": 0, "host": &host }];
        let direct = format!("mongodb://{host}/?directConnection=true&serverSelectionTimeoutMS=500");
        // Before it has a user, a client on the same machine may do this.
        let initiate = doc! { "replSetInitiate": { "_id": "rs0", "members": &members[..] } };
        wait_for("the set to be initiated", || run(&direct, "admin", initiate.clone()).ok());
        let admin = doc! { "createUser": Self::ADMIN, "pwd": Self::ADMIN, "roles": ["root"] };
        wait_for("an admin", || run(&direct, "admin", admin.clone()).ok());
        server
    }

    /// Runs a command as the admin.
    ///
    /// # Panics
    /// If the server refuses it.
    pub fn run(&self, database: &str, command: Document) {
        let admin = format!("{}:{}@", Self::ADMIN, Self::ADMIN);
        let address = self.address(&admin, "admin", "&directConnection=true");
        run(&address, database, command).expect("mongodb runs it");
    }

    /// Makes a user with a role in a database. Its password is its name.
    ///
    /// # Panics
    /// If the server refuses it.
    pub fn make_user(&self, name: &str, role: &str, database: &str) {
        let roles = [doc! { "role": role, "db": database }];
        self.run("admin", doc! { "createUser": name, "pwd": name, "roles": &roles[..] });
    }

    /// The address of a database for a user, given as `name:password@`.
    #[must_use]
    pub fn address(&self, user: &str, database: &str, options: &str) -> String {
        format!("mongodb://{user}127.0.0.1:{}/{database}?authSource=admin{options}", self.0.port)
    }
}

fn run(address: &str, database: &str, command: Document) -> mongodb::error::Result<Document> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { Client::with_uri_str(address).await?.database(database).run_command(command).await })
}

/// The folder where `scripts/services` keeps its downloads.
fn services() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_else(|| "/tmp".into()));
    let cache = || env::var_os("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from);
    env::var_os("SKEP_TEST_SERVICES_DIR").map_or_else(|| cache().join("skep-test-services"), PathBuf::from)
}
