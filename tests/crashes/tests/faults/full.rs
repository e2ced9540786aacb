//! The disk is full.

use skep_crashes::{Fault, Plan, endure};
use skep_journeys::{Deployment, Store, wait_for};
use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

/// A small file system in memory. Without the filler, it has room for all that the load stores.
struct Disk {
    at: PathBuf,
}

impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).expect("a folder");
        let options = ["-t", "tmpfs", "-o", "size=64m,mode=0700", "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self { at: at.to_owned() })
    }

    fn fill(&self) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("filler-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut filler = File::create(self.at.join(name)).expect("a file");
        // Writes smaller and smaller pieces until no page is free.
        for size in [1 << 16, 1 << 12, 1] {
            while filler.write(&vec![0xbe; size]).is_ok_and(|written| written > 0) {}
        }
    }

    fn empty(&self) {
        for entry in fs::read_dir(&self.at).expect("the disk can be read").flatten() {
            if entry.file_name().to_string_lossy().starts_with("filler") {
                fs::remove_file(entry.path()).expect("a file");
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because a process may not have ended yet.
        Command::new("umount").arg("--lazy").arg(&self.at).output().ok();
    }
}

/// Whether a disk can be mounted here.
pub(crate) fn can_mount() -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    Disk::mount(&folder.path().join("disk")).is_some()
}

/// Fills the small disk with the database, log and temporary files under load. Changes are refused, reads and sorted
/// lists work, and when space is freed everything works again.
pub(crate) fn disk(store: &Store) {
    let mut deployment = Deployment::new(store);
    let data = deployment.path("data");
    let disk = Disk::mount(&data).expect("a disk");
    for name in ["TMPDIR", "SQLITE_TMPDIR"] {
        deployment.set(name, data.display().to_string());
    }
    let fault = Fault { start: &|| disk.fill(), end: &|| disk.empty(), reads_go_on: true };
    let plan = Plan::new(store.clone(), 0, u64::from(process::id()));
    let tally = endure(&plan, deployment, &fault).unwrap_or_else(|faults| panic!("{}", faults.join("\n")));
    assert!(tally.refused > 0, "{tally}");
}

/// Log lines that cannot be written stop no request, and are counted.
pub(crate) fn log_lines(store: &Store) {
    let deployment = Deployment::new(store);
    // The log file of the first server.
    symlink("/dev/full", deployment.path("0.err")).expect("a link");
    let server = deployment.start();
    let visitor = server.visitor();
    wait_for("log lines to be lost", || {
        for _ in 0..100 {
            visitor.get("/api/v1/products").send().expect(200);
        }
        (server.metric("skep_log_lines_lost_total") > 0.0).then_some(())
    });
    visitor.get("/ready").send().expect(200);
    // A graceful stop would read the log, and `/dev/full` never ends.
    server.kill();
}

/// A server that cannot print its welcome still serves. Without an admin, it would print a token for the setup, too.
pub(crate) fn output(store: &Store) {
    let deployment = Deployment::new(store);
    let admin = ["user", "create", "--role", "admin", "--email", "grace@example.com", "--display-name", "Grace"];
    let created = deployment.run(&[&admin[..], &["--password-stdin"]].concat(), "honey never spoils", &[]);
    assert_eq!(created.code, Some(0), "{created:?}");
    // The server cannot print its address, so the test chooses the port. Another program may take it first.
    let serves = || {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
        let mut command = Command::new(skep_journeys::skep());
        command.env_clear().envs(deployment.settings()).env("PORT", free.port().to_string());
        command.stdin(Stdio::null()).stdout(File::create("/dev/full").expect("a device")).stderr(Stdio::piped());
        let mut server = command.spawn().expect("the server runs");
        let serves = wait_for("the server to serve, or to end", || {
            if server.try_wait().expect("a child").is_some() { Some(false) } else { is_ready(free).then_some(true) }
        });
        server.kill().ok();
        let said = String::from_utf8_lossy(&server.wait_with_output().expect("a child").stderr).into_owned();
        assert!(serves || said.contains("in use"), "it ended: {said}");
        serves
    };
    assert!((0..5).any(|_| serves()), "no port was free");
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, io::Error>(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
