//! A log that is never read.

use skep_journeys::{Connection, Deployment, Store, skep, wait_for};
use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
};

/// More lines than the buffer of the log, the buffer of its writer and the pipe hold together.
const REQUESTS: usize = 16_000;
const CLIENTS: usize = 4;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn a_blocked_pipe_delays_no_request(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_ACCESS_LOG_SAMPLE", "1000000");
    let mut command = Command::new(skep());
    command.env_clear().envs(deployment.settings()).current_dir(deployment.path("."));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = Killed(command.spawn().expect("the server runs"));
    // The pipe is never read, and stays open.
    let _log = server.0.stderr.take().expect("a pipe");
    let mut output = BufReader::new(server.0.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let address: SocketAddr = output
        .find_map(|line| line.split_once(", data in").and_then(|(start, _)| start.rsplit(' ').next()?.parse().ok()))
        .expect("the address");

    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut connection = Connection::open(address).expect("the server listens");
                for _ in 0..REQUESTS / CLIENTS {
                    let answer = connection.exchange(&request("/health")).expect("an answer");
                    assert_eq!(answer.status, 200);
                }
            });
        }
    });
    let metrics = Connection::open(address).and_then(|mut connection| connection.exchange(&request("/metrics")));
    let metrics = String::from_utf8(metrics.expect("an answer").body).expect("text");
    let lost = metrics.lines().find_map(|line| line.strip_prefix("skep_log_lines_lost_total ")?.parse::<f64>().ok());
    let lost = lost.expect("the metric");
    assert!(lost > 0.0 && lost < REQUESTS as f64, "{lost} lines are lost");

    let signal = Command::new("sh").args(["-c", &format!("kill -TERM {}", server.0.id())]).status();
    assert!(signal.is_ok_and(|status| status.success()));
    let status = wait_for("the server to end", || server.0.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(0), "the server ends although its log is not read");
}
