//! A PostgreSQL cluster of a journey, and a standby of it.

use crate::wait_for;
use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// The role that owns everything, and needs no password.
const ROLE: &str = "keeper";
/// The account that runs the server if we are root, which PostgreSQL refuses.
const NOBODY: u32 = 65534;

/// A PostgreSQL server with its own data. It ends when this is dropped.
#[derive(Debug)]
pub struct OwnPostgres {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl OwnPostgres {
    /// The folder with the programs of the newest version; `None` if none is installed.
    #[must_use]
    pub fn programs() -> Option<PathBuf> {
        let versions = fs::read_dir("/usr/lib/postgresql")
            .ok()?
            .filter_map(|version| version.ok()?.file_name().into_string().ok());
        let newest = versions.filter_map(|version| version.parse::<u32>().ok()).max()?;
        Some(PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))).filter(|folder| folder.join("initdb").exists())
    }

    /// Makes a cluster and starts its server.
    ///
    /// # Panics
    /// If PostgreSQL is not installed, or the server does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = new_folder();
        let options = ["--username", ROLE, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"];
        run(folder.path(), "initdb", &[&["--pgdata", &data_of(&folder)], &options[..]].concat());
        Self::serve(folder)
    }

    /// Copies the cluster of this server, and starts a standby that follows it.
    ///
    /// # Panics
    /// If the copy fails, or the standby does not start.
    #[must_use]
    pub fn standby(&self) -> Self {
        let folder = new_folder();
        let (data, port) = (data_of(&folder), self.port.to_string());
        let place = ["--pgdata", &data, "--host", "127.0.0.1", "--port", &port, "--username", ROLE];
        let options = ["--write-recovery-conf", "--checkpoint", "fast", "--no-sync"];
        run(folder.path(), "pg_basebackup", &[&place[..], &options[..]].concat());
        Self::serve(folder)
    }

    /// Makes a primary of a standby, and waits until it is one.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn promote(&self) {
        run(self.folder.path(), "pg_ctl", &["promote", "--wait", "--pgdata", &data_of(&self.folder)]);
    }

    /// The address of a database.
    #[must_use]
    pub fn address(&self) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/postgres", self.port)
    }

    fn serve(folder: TempDir) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = free.expect("a free port").port();
        let (data, text) = (data_of(&folder), port.to_string());
        let mut server = command(folder.path(), "postgres");
        server.args(["-D", &data, "-p", &text, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        server.args(["-c", "fsync=off"]).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { child: server.spawn().expect("the server runs"), port, folder };
        let ready = || {
            let mut ask = command(server.folder.path(), "pg_isready");
            ask.args(["--host", "127.0.0.1", "--port", &text]).stdout(Stdio::null()).stderr(Stdio::null());
            ask.status().is_ok_and(|status| status.success()).then_some(())
        };
        wait_for("PostgreSQL", ready);
        server
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        // Unlike a kill, this leaves no shared memory behind. It may have ended by itself.
        let stop = ["stop", "--mode", "immediate", "--pgdata", &data_of(&self.folder)];
        let _ = command(self.folder.path(), "pg_ctl").args(stop).stdout(Stdio::null()).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn data_of(folder: &TempDir) -> String {
    folder.path().join("data").display().to_string()
}

/// A folder that belongs to the account of the server.
fn new_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    if is_root() {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root may do that");
    }
    folder
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A program of PostgreSQL, as the account of the server.
fn command(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(OwnPostgres::programs().expect("PostgreSQL").join(program));
    command.current_dir(folder).stdin(Stdio::null());
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let output = command(folder, program).args(arguments).output().expect("a program");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}
