//! PgBouncer between a server and PostgreSQL.

use crate::{Deployment, wait_for};
use std::{
    env,
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A PgBouncer in front of the server of a deployment. It ends when this is dropped.
#[derive(Debug)]
pub struct Pooler {
    /// Several processes may share the port.
    children: Vec<Child>,
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    /// The address without it.
    direct: String,
}

impl Pooler {
    /// The program, if `SKEP_TEST_PGBOUNCER` names it.
    ///
    /// # Errors
    /// The name of the variable, which is not set.
    pub fn program() -> Result<PathBuf, &'static str> {
        const NAME: &str = "SKEP_TEST_PGBOUNCER";
        env::var_os(NAME).map(PathBuf::from).ok_or(NAME)
    }

    /// Starts PgBouncer with these lines in its settings. Servers that start later connect through it.
    ///
    /// # Panics
    /// If it cannot be started, or the store is not PostgreSQL.
    #[must_use]
    pub fn in_front_of(deployment: &mut Deployment, settings: &[&str]) -> Self {
        Self::several_in_front_of(deployment, settings, 1)
    }

    /// Starts this number of processes, which share one port and nothing else.
    ///
    /// # Panics
    /// If they cannot be started, or the store is not PostgreSQL.
    #[must_use]
    pub fn several_in_front_of(deployment: &mut Deployment, settings: &[&str], processes: usize) -> Self {
        let pooler = Self::beside(deployment, settings, processes);
        deployment.set("DATABASE_URL", pooler.address());
        pooler
    }

    /// Starts PgBouncer, and does not change the address of the deployment.
    ///
    /// # Panics
    /// If it cannot be started, or the store is not PostgreSQL.
    #[must_use]
    pub fn beside(deployment: &Deployment, settings: &[&str], processes: usize) -> Self {
        let direct = deployment.settings().find(|(name, _)| name == "DATABASE_URL").expect("PostgreSQL").1;
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let folder = deployment.path(&format!("pooler-{port}"));
        let folders = (0..processes).map(|number| folder.join(number.to_string()));
        folders.for_each(|folder| fs::create_dir_all(folder).expect("a folder"));
        let program = Self::program().expect("PgBouncer");
        let mut pooler = Self { children: vec![], program, folder, port, direct };
        pooler.set(settings);
        pooler.run();
        pooler
    }

    /// Writes the settings of each process.
    fn set(&self, settings: &[&str]) {
        let Self { direct, folder, port, .. } = self;
        let (credentials, rest) = rest_of(direct).split_once('@').expect("a user");
        let (user, password) = credentials.split_once(':').expect("a password");
        let (host, port_of_server) = rest.split_once('/').expect("a database").0.split_once(':').expect("a port");
        let users = folder.join("users");
        fs::write(&users, format!("\"{user}\" \"{password}\"\n")).expect("a file");
        for folder in self.folders() {
            let file = format!(
                "[databases]\n* = host={host} port={port_of_server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = \
             {port}\nunix_socket_dir = {}\nauth_type = scram-sha-256\nauth_file = {}\nquery_wait_timeout = 20\nso_reuseport = 1\n{}\n",
                folder.display(),
                users.display(),
                settings.join("\n")
            );
            fs::write(folder.join("settings"), file).expect("a file");
        }
    }

    fn folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        entries.filter(|path| path.is_dir()).collect()
    }

    fn run(&mut self) {
        own(&self.folder);
        self.children = self.folders().iter().map(|folder| run(&self.program, folder)).collect();
        wait_for("PgBouncer", || TcpStream::connect(self.socket()).ok());
    }

    /// The host and port where it listens.
    #[must_use]
    pub fn socket(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Makes it read these settings while it runs.
    ///
    /// # Panics
    /// If they cannot be written.
    pub fn reload(&self, settings: &[&str]) {
        self.set(settings);
        own(&self.folder);
        for child in &self.children {
            let hangup = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().expect("kill");
            assert!(hangup.success(), "PgBouncer runs");
        }
    }

    /// Kills PgBouncer and starts it again with these settings.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart_with(&mut self, settings: &[&str]) {
        self.set(settings);
        self.restart();
    }

    /// The address of the database through PgBouncer.
    #[must_use]
    pub fn address(&self) -> String {
        self.address_at(&self.socket(), "")
    }

    /// The address through the Unix socket of PgBouncer.
    #[must_use]
    pub fn socket_address(&self) -> String {
        self.address_at("", &format!("?host={}&port={}", self.folder.join("0").display(), self.port))
    }

    /// The address of the database without PgBouncer.
    #[must_use]
    pub fn direct_address(&self) -> String {
        self.direct.clone()
    }

    fn address_at(&self, host: &str, query: &str) -> String {
        let (credentials, rest) = rest_of(&self.direct).split_once('@').expect("a user");
        let (_, database) = rest.split_once('/').expect("a database");
        format!("postgres://{credentials}@{host}/{database}{query}")
    }

    /// Kills PgBouncer and starts it again at the same address.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        self.run();
    }

    fn kill(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.kill();
    }
}

fn rest_of(address: &str) -> &str {
    address.split_once("://").map_or(address, |(_, rest)| rest)
}

fn run(program: &Path, folder: &Path) -> Child {
    let log = File::create(folder.join("log")).expect("a file");
    let mut command = Command::new(program);
    if let Some(account) = account() {
        command.args(["-u", &account]);
    }
    command.arg(folder.join("settings")).stdin(Stdio::null());
    command.stdout(log.try_clone().expect("a file")).stderr(log).spawn().expect("PgBouncer runs")
}

/// Its account, if we are root: it refuses to run as root.
fn account() -> Option<String> {
    (id(&["-u"]) == "0").then(|| id(&["-un", "65534"]))
}

/// Gives the folder to the account, which reads the files and makes the socket.
fn own(folder: &Path) {
    let Some(account) = account() else { return };
    let given = Command::new("chown").args(["-R", &account]).arg(folder).status().expect("chown");
    assert!(given.success(), "the folder is given away");
    let parent = folder.parent().expect("the folder of the deployment");
    assert!(Command::new("chmod").arg("a+x").arg(parent).status().expect("chmod").success(), "it can be entered");
}

/// What `id` prints.
fn id(arguments: &[&str]) -> String {
    let output = Command::new("id").args(arguments).output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
