//! A deployment: a database, a folder, settings, and the servers and commands that run on them.

use crate::{Server, Starting, Store, TestDatabase, skep, wait_for};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tempfile::TempDir;

/// The output and the exit code of a command.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The standard output.
    pub out: String,
    /// The standard error.
    pub err: String,
}

/// One deployment. Its servers share the database and the secret.
#[derive(Debug)]
pub struct Deployment {
    database: TestDatabase,
    folder: TempDir,
    settings: BTreeMap<String, String>,
    runs: AtomicU32,
    user: Option<u32>,
}

impl Deployment {
    /// A deployment on a fresh database of this store. Its rate limits are too high to be reached by accident,
    /// and registrations send no mails.
    ///
    /// # Panics
    /// If it cannot be created.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        let database = store.new_database();
        let folder = tempfile::tempdir().expect("a folder");
        let settings = [
            ("PORT", "0"),
            ("SKEP_LIMIT_ADDRESS", "1000000"),
            ("SKEP_LIMIT_USER", "1000000"),
            ("SKEP_LIMIT_CREDENTIALS", "1000000"),
            ("SKEP_LOGIN_ATTEMPTS", "1000000"),
            ("SKEP_OPEN_ORDER_LINES", "1000000"),
            ("SKEP_LOGIN_ACCOUNT_ATTEMPTS", "1000000"),
            ("SKEP_LINK_REQUESTS", "1000000"),
            ("SKEP_UPLOADS_PER_USER", "1000000"),
            // Journeys count the mails and the jobs that they cause.
            ("SKEP_VERIFICATION_MAILS", "off"),
        ];
        let mut deployment = Self { database, folder, settings: BTreeMap::new(), runs: AtomicU32::new(0), user: None };
        settings.into_iter().for_each(|(name, value)| deployment.set(name, value));
        deployment.set("SKEP_DATA_DIR", deployment.path("data").display().to_string());
        if let Some((name, value)) = deployment.database.variable() {
            deployment.set(name, value);
        }
        deployment
    }

    /// Sets a setting for all servers and commands that start later.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.insert(name.to_owned(), value.into());
    }

    /// The settings for each server and command.
    pub fn settings(&self) -> impl Iterator<Item = (String, String)> {
        self.settings.clone().into_iter()
    }

    /// Leaves a transaction open that reads this collection, as a process that was killed does.
    ///
    /// # Panics
    /// If the store is not MongoDB, or does not answer.
    pub fn leave_a_transaction_open(&self, collection: &str) {
        self.database.leave_a_transaction_open(collection);
    }

    /// Makes servers and commands that start later connect to PostgreSQL with a role that owns nothing and may create
    /// nothing.
    ///
    /// # Panics
    /// If the store is not PostgreSQL, or does not answer.
    pub fn connect_as_guest(&mut self) {
        let address = self.database.as_guest();
        self.set("DATABASE_URL", address);
    }

    /// Runs servers and commands that start later as this user and its group. Returns false, and changes nothing, if this
    /// process may not do that because it does not run as root.
    ///
    /// # Panics
    /// If the folder and the program cannot be opened to that user.
    pub fn become_user(&mut self, user: u32) -> bool {
        if !self.is_root() {
            return false;
        }
        // The program is often below a folder that only root can enter.
        let program = self.path("skep");
        if !program.exists() {
            fs::hard_link(skep(), &program).or_else(|_| fs::copy(skep(), &program).map(drop)).expect("the program");
        }
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o711)).expect("a folder of ours");
        self.user = Some(user);
        true
    }

    fn is_root(&self) -> bool {
        fs::metadata(self.folder.path()).expect("a folder").uid() == 0
    }

    /// Makes the database again, with these options of `CREATE DATABASE`.
    ///
    /// # Panics
    /// If the store is not PostgreSQL, or refuses them.
    pub fn recreate_database(&self, options: &str) {
        self.database.recreate(options);
    }

    /// Runs SQL in the database, as its owner.
    ///
    /// # Panics
    /// If the store is not PostgreSQL, or refuses the text.
    pub fn sql(&self, text: &str) {
        self.database.sql(text.to_owned());
    }

    /// The stored bytes of each table or collection, also while servers run.
    ///
    /// # Panics
    /// If the store does not answer.
    #[must_use]
    pub fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        self.database.contents(&self.path("data").join("skep.db"))
    }

    /// A path in the folder of the deployment.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file with the secret of the instances.
    #[must_use]
    pub fn secret_file(&self) -> PathBuf {
        self.path("data").join("instance.secret")
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Server {
        self.start_with(&[])
    }

    /// Starts a second instance beside the first, with another data folder and the same secret.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    #[track_caller]
    pub fn start_second(&self) -> Server {
        let (data, secret) = (self.path("second"), self.secret_file());
        self.start_with(&[
            ("SKEP_DATA_DIR", &data.display().to_string()),
            ("SKEP_SECRET_FILE", &secret.display().to_string()),
        ])
    }

    /// Starts the server with other settings and waits until it is ready.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    #[track_caller]
    pub fn start_with(&self, settings: &[(&str, &str)]) -> Server {
        self.begin(settings).finish()
    }

    /// Starts the server and does not wait for it.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    #[track_caller]
    pub fn begin_start(&self) -> Starting {
        self.begin(&[])
    }

    /// Starts workers without a server, beside the server.
    ///
    /// # Panics
    /// They cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start_workers(&self) -> Starting {
        self.begin_command(&["worker"], &[])
    }

    #[track_caller]
    fn begin(&self, settings: &[(&str, &str)]) -> Starting {
        self.begin_command(&[], settings)
    }

    #[track_caller]
    fn begin_command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Starting {
        let (out, err) = self.run_files();
        let mut command = self.command(settings, &out, &err);
        command.args(arguments);
        Starting::new(command.stdin(Stdio::null()).spawn().expect("the server runs"), out, err)
    }

    /// Starts the server and kills it after this time, ready or not.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_and_kill(&self, after: Duration) {
        let (out, err) = self.run_files();
        let child = self.command(&[], &out, &err).stdin(Stdio::null()).spawn().expect("the server runs");
        let child = Ended(child);
        std::thread::sleep(after);
        drop(child);
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// If it does not end within [`PATIENCE`](crate::PATIENCE).
    #[track_caller]
    pub fn run(&self, arguments: &[&str], input: &str, settings: &[(&str, &str)]) -> Output {
        let (out, err) = self.run_files();
        let mut command = self.command(settings, &out, &err);
        Self::to_its_end(command.args(arguments), input, &out, &err)
    }

    /// Runs a command to its end, with its standard output in another place. [`Output::out`] is empty.
    ///
    /// # Panics
    /// If it does not end within [`PATIENCE`](crate::PATIENCE).
    #[track_caller]
    pub fn run_into(&self, place: impl Into<Stdio>, arguments: &[&str], input: &str) -> Output {
        let (out, err) = self.run_files();
        let mut command = self.command(&[], &out, &err);
        Self::to_its_end(command.args(arguments).stdout(place), input, &out, &err)
    }

    /// The exit code of a command whose standard error is in another place.
    ///
    /// # Panics
    /// If it does not end within [`PATIENCE`](crate::PATIENCE).
    #[track_caller]
    pub fn code_with_error_in(&self, place: impl Into<Stdio>, arguments: &[&str]) -> Option<i32> {
        let (out, err) = self.run_files();
        let mut command = self.command(&[], &out, &err);
        Self::to_its_end(command.args(arguments).stderr(place), "", &out, &err).code
    }

    #[track_caller]
    fn to_its_end(command: &mut Command, input: &str, out: &Path, err: &Path) -> Output {
        let mut child = Ended(command.stdin(Stdio::piped()).spawn().expect("the command runs"));
        // A command that does not read its input may be gone already.
        child.0.stdin.take().expect("an input").write_all(input.as_bytes()).ok();
        let status = wait_for("the command to end", || child.0.try_wait().expect("a child"));
        Output { code: status.code(), out: read(out), err: read(err) }
    }

    fn run_files(&self) -> (PathBuf, PathBuf) {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        (self.path(&format!("{run}.out")), self.path(&format!("{run}.err")))
    }

    /// `skep` with these settings and no other environment.
    fn command(&self, settings: &[(&str, &str)], out: &Path, err: &Path) -> Command {
        let own = self.path("skep");
        let mut command = Command::new(if self.user.is_some() { &own } else { skep() });
        if let Some(user) = self.user {
            // Without the groups of root, too.
            command.uid(user).gid(user);
        }
        command.env_clear().envs(&self.settings).envs(settings.iter().copied()).current_dir(self.folder.path());
        command.stdout(File::create(out).expect("a file")).stderr(File::create(err).expect("a file"));
        command
    }
}

/// A process that is killed when this is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Output {
    /// Expects success, and returns the standard output.
    ///
    /// # Panics
    /// If the command failed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.code == Some(0), "expected success: {self:?}");
        self.out
    }

    /// Expects exit code 1 and each of these texts on the standard error.
    ///
    /// # Panics
    /// If the exit code is another one, or a text is missing.
    #[track_caller]
    pub fn refused(self, texts: &[&str]) {
        let has_all = texts.iter().all(|text| self.err.contains(text));
        assert!(self.code == Some(1) && has_all, "expected exit code 1 and {texts:?}: {self:?}");
    }
}

pub(crate) fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
