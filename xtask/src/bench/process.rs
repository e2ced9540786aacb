//! Processes under measurement, and their CPU time and memory.

use super::Fault;
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// The longest time that a process may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// The unit of CPU times in `/proc`. Linux shows hundredths of a second to every program.
const TICK: Duration = Duration::from_millis(10);

/// How many ports a server tries.
const PORTS: usize = 3;

/// A server. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    log: Option<PathBuf>,
}

impl Process {
    /// Starts a Skep server on a free port, and waits until it is ready. `command` has the program and its arguments.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn skep(
        mut command: Command,
        settings: &BTreeMap<String, String>,
        folder: &Path,
    ) -> Result<Self, Fault> {
        let log = folder.join("log");
        command.env_clear().envs(settings).current_dir(folder).stdin(Stdio::null());
        for _ in 0..PORTS {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            let err = OpenOptions::new().create(true).append(true).open(&log)?;
            command.env("PORT", address.port().to_string()).stdout(File::create(folder.join("out"))?).stderr(err);
            let mut server = Self { child: command.spawn()?, address, log: Some(log.clone()) };
            match server.wait_until_ready() {
                Ok(()) => return Ok(server),
                // The port was free a moment ago. A connection of another program may have taken it.
                Err(_) if server.end_of_log().contains("is in use") => {}
                Err(fault) => return Err(fault),
            }
        }
        Err(format!("{PORTS} ports in a row were taken by others").into())
    }

    /// Starts a server of this program. The first line of its output is its address.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn own(arguments: &[&str]) -> Result<Self, Fault> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), log: None };
        server.address = receiver.recv_timeout(PATIENCE)?.parse()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<(), Fault> {
        let start = Instant::now();
        let request = super::client::bytes("GET", "/ready", "", None);
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended with {status}: {}", self.end_of_log()).into());
            }
            // It listens before it opens its store, and answers as soon as it can.
            if super::client::ask(self.address, &request).is_ok_and(|said| said.status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Err(format!("the server was not ready within {PATIENCE:?}: {}", self.end_of_log()).into())
    }

    fn end_of_log(&self) -> String {
        let text = self.log.as_ref().and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
        text.lines().rev().take(3).collect::<Vec<_>>().join("; ")
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The size of the log since it was last emptied, in bytes.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) fn log_size(&self) -> Result<u64, Fault> {
        let log = self.log.as_ref().ok_or("this server has no log")?;
        Ok(fs::metadata(log)?.len())
    }

    /// Empties the log, so that it does not fill the disk. The server appends to it, so it can go on.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub(crate) fn forget_log(&self) -> Result<(), Fault> {
        if let Some(log) = &self.log {
            OpenOptions::new().write(true).open(log)?.set_len(0)?;
        }
        Ok(())
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// If it does not end.
    pub(crate) fn stop(&mut self) -> Result<(), Fault> {
        // The shell's own kill: std can only send SIGKILL.
        Command::new("sh").args(["-c", &format!("kill -TERM {}", self.id())]).status()?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                return Err("the server does not stop".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The CPU time that a process has used so far, in all its threads.
///
/// # Errors
/// If there is no such process.
pub(crate) fn cpu(process: u32) -> Result<Duration, Fault> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may have any characters. The times are the 12th and 13th fields after it.
    let (_, rest) = stat.rsplit_once(") ").ok_or("no times in /proc")?;
    let mut times = rest.split(' ').skip(11).take(2).map(str::parse::<u32>);
    let (user, system) = (times.next().ok_or("no user time")??, times.next().ok_or("no system time")??);
    Ok(TICK * (user + system))
}

/// The CPU time of a process from the scheduler's counts, if the kernel keeps them, and from [`cpu`] otherwise. They
/// show single wake-ups, which are far shorter than the unit of [`cpu`]. Threads that have ended are not counted.
///
/// # Errors
/// If there is no such process.
pub(crate) fn cpu_exact(process: u32) -> Result<Duration, Fault> {
    let of_thread = |path: PathBuf| -> Option<u64> {
        fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    let threads = fs::read_dir(format!("/proc/{process}/task"))?.flatten();
    let nanos: Option<u64> = threads.map(|thread| of_thread(thread.path())).sum();
    nanos.map_or_else(|| cpu(process), |nanos| Ok(Duration::from_nanos(nanos)))
}

/// A line of `/proc/<id>/status` in bytes, for example `VmRSS` for the resident memory or `VmHWM` for its peak.
///
/// # Errors
/// If there is no such process.
pub(crate) fn memory(process: u32, line: &str) -> Result<u64, Fault> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kib: u64 = found.ok_or("no memory in /proc")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_memory_can_be_read() {
        let id = std::process::id();
        let before = cpu(id).unwrap();
        while cpu(id).unwrap() < before + TICK * 2 {
            std::hint::black_box((0..100_000_u64).fold(0, |sum, n| sum ^ n));
        }
        assert!(memory(id, "VmRSS").unwrap() > 1 << 20);
        assert!(memory(id, "VmHWM").unwrap() >= memory(id, "VmRSS").unwrap() / 2);
        assert!(memory(id, "VmNothing").is_err());
    }
}
